"""Logins to databases with an IAM token in place of a password.

RDS checks such tokens behind PostgreSQL's back, with a PAM module. Here
PostgreSQL asks over LDAP, which hands on user and password as they were given:
a server that knows of LDAP only the simple bind is all it takes.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable

from auth import AuthError, Authenticator, read_signature
from wire import Request

Check = Callable[[str, str, str], bool]

_SEQUENCE, _INTEGER, _OCTETS, _ENUMERATED = 0x30, 0x02, 0x04, 0x0A
_BIND_REQUEST, _BIND_RESPONSE, _SIMPLE = 0x60, 0x61, 0x80
_SUCCESS, _INVALID_CREDENTIALS = 0, 49
# A token with a session token is about 2 kB long.
_MESSAGE_LIMIT = 1 << 16
_LONGEST_LIFE = 900


def token_is_valid(token: str, user: str, hosts: set[str], authenticator: Authenticator) -> bool:
    """Whether a token, made for one of `hosts` (name:port), lets `user` in now."""
    host, slash, target = token.partition("/")
    request = Request("GET", slash + target, [("host", host)], b"")
    query = dict(request.query)
    if host not in hosts or query.get("Action") != "connect" or query.get("DBUser") != user:
        return False
    try:
        signed = read_signature(request)
        if signed is None or signed.expires is None or signed.expires.total_seconds() > _LONGEST_LIFE:
            return False
        authenticator.check(request, signed, "rds-db")
    except AuthError:
        return False
    return True


class LoginServer:
    """Answers PostgreSQL servers on loopback: may `user` of that cluster in with that token?"""

    def __init__(self, check: Check) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.check = check
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rule(self, cluster: str) -> str:
        """The line of pg_hba.conf that sends members of rds_iam here."""
        return (f'hostssl all +rds_iam 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport={self.port} '
                f'ldapprefix="{cluster}/" ldapsuffix=""\n')


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    check: Check


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = 10

    def handle(self) -> None:
        try:
            number, name, password = _read_bind(self._message())
        except (ValueError, IndexError, UnicodeDecodeError):
            return
        cluster, _, user = name.partition("/")
        code = _SUCCESS if self.server.check(cluster, user, password) else _INVALID_CREDENTIALS
        result = _element(_ENUMERATED, bytes([code])) + _element(_OCTETS, b"") * 2
        self.wfile.write(_element(_SEQUENCE, _element(_INTEGER, number) + _element(_BIND_RESPONSE, result)))

    def _message(self) -> bytes:
        """One LDAP message, without its outer tag and length."""
        tag, length = self.rfile.read(2)
        if length & 0x80:
            length = int.from_bytes(self.rfile.read(length & 0x7F))
        if tag != _SEQUENCE or length > _MESSAGE_LIMIT:
            raise ValueError("no LDAP message")
        return self.rfile.read(length)


def _read_bind(message: bytes) -> tuple[bytes, str, str]:
    """The number, name and password of a simple bind."""
    number, rest = _take(message, _INTEGER)
    request, _ = _take(rest, _BIND_REQUEST)
    _version, rest = _take(request, _INTEGER)
    name, rest = _take(rest, _OCTETS)
    password, _ = _take(rest, _SIMPLE)
    return number, name.decode(), password.decode()


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the element at the start of `data`, which must bear the tag, and what follows it."""
    if data[0] != tag:
        raise ValueError("no simple bind")
    length, start = data[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:start])
    return data[start:start + length], data[start + length:]


def _element(tag: int, content: bytes) -> bytes:
    if len(content) > 127:
        raise ValueError("answers are short")
    return bytes([tag, len(content)]) + content
