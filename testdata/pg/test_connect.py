"""Failures to connect are told apart, and explained."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Authority, Server, free_port, tool


def tls(server: Server, authority: Authority, **settings: Any) -> str:
    """By TCP, as a person would write it: a name that TLS checks, and where it is."""
    return server.side(**{"host": "db.test", "hostaddr": "127.0.0.1", "user": "chat",
                          "sslrootcert": authority.certificate, **settings})


def test_verified_tls_with_a_password(source: Server, authority: Authority) -> None:
    assert tool("connect", tls(source, authority), password="right") == {"connected": True}


def test_environment_counts_where_settings_are_silent(source: Server, authority: Authority) -> None:
    side = f"host=db.test port={source.port} user=chat database=postgres"
    answer = tool("connect", side, PGHOSTADDR="127.0.0.1", PGSSLROOTCERT=str(authority.certificate), PGPASSWORD="right")
    assert answer == {"connected": True}


def test_verification_is_the_default(source: Server, authority: Authority) -> None:
    error = tool("connect", tls(source, authority, sslrootcert=None), password="right", HOME="/nonexistent")["error"]
    assert (error["code"], error["service_code"], error["retryable"]) == ("unreachable", "tls", False)
    assert "sslrootcert" in error["message"]


@pytest.mark.parametrize(("settings", "password", "code", "service_code", "retryable", "word"), [
    ({}, "wrong", "denied", "28P01", False, "rotated"),
    ({}, None, "credentials", "password", False, "password"),
    ({"user": "nobody"}, "right", "denied", "28P01", False, "password"),
    ({"database": "nothing"}, "right", "not-found", "3D000", False, "nothing"),
    ({"hostaddr": None, "host": "no-such-name.invalid"}, "right", "unreachable", "dns", True, "resolve"),
    ({"host": "other.test"}, "right", "unreachable", "tls", False, "another name"),
    ({"sslmode": "disable"}, "right", "denied", "28000", False, "pg_hba.conf"),
    ({"sslmode": "sometimes"}, "right", "invalid", "settings", False, "sslmode"),
])
def test_failures_are_told_apart(source: Server, authority: Authority, settings: dict[str, Any], password: str | None,
                                 code: str, service_code: str, retryable: bool, word: str) -> None:
    error = tool("connect", tls(source, authority, **settings), password=password)["error"]
    assert (error["code"], error["service_code"], error["retryable"]) == (code, service_code, retryable), error
    assert word in error["message"]
    assert "right" not in error["message"]


def test_nothing_listens(source: Server, authority: Authority) -> None:
    error = tool("connect", tls(source, authority, port=free_port()), password="right")["error"]
    assert (error["code"], error["service_code"], error["retryable"]) == ("unreachable", "connect", True)


def test_a_silent_server_is_given_up(source: Server, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        side = tls(source, authority, port=silent.getsockname()[1], timeout=1)
        error = tool("connect", side, password="right")["error"]
    assert (error["code"], error["retryable"]) == ("timeout", True)
    assert time.monotonic() - begin < 10


def test_too_many_connections_may_pass(source: Server, authority: Authority) -> None:
    source.sql("CREATE ROLE crowded LOGIN PASSWORD 'right' CONNECTION LIMIT 0")
    error = tool("connect", tls(source, authority, user="crowded"), password="right")["error"]
    assert (error["code"], error["service_code"], error["retryable"]) == ("throttled", "53300", True)


def test_no_privilege_to_connect_or_to_read(source: Server, authority: Authority) -> None:
    source.table("forbidden")
    source.sql("CREATE ROLE guest LOGIN PASSWORD 'right'; CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    error = tool("connect", tls(source, authority, user="guest", database="closed"), password="right")["error"]
    assert (error["code"], error["service_code"], error["permission"]) == ("denied", "42501", "database \"closed\"")
    error = tool("count", tls(source, authority, user="guest", table="forbidden"), password="right")["error"]
    assert (error["code"], error["permission"]) == ("denied", "table forbidden")


def test_a_policy_that_hides_rows_is_an_error(source: Server, authority: Authority) -> None:
    source.table("hidden")
    source.sql("CREATE ROLE reader LOGIN PASSWORD 'right'; GRANT SELECT ON hidden TO reader;"
               "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON hidden USING (botid = 'x')")
    error = tool("count", tls(source, authority, user="reader", table="hidden"), password="right")["error"]
    assert error["code"] == "denied"
    assert "row-level security" in error["message"]


def test_a_reading_session_cannot_write(source: Server) -> None:
    error = tool("refused", source.side(table="unmade"))["error"]
    assert (error["code"], error["service_code"]) == ("refused", "25006")
    assert source.sql("SELECT to_regclass('unmade') IS NULL") == [["t"]]


@pytest.fixture
def recertified(source: Server, authority: Authority) -> Iterator[Server]:
    yield source
    source.certify(authority, "db.test")
    source.reload()
    wait_for(source, authority, "connected")


def wait_for(server: Server, authority: Authority, key: str) -> dict[str, Any]:
    """A reload takes its time."""
    for _ in range(50):
        answer = tool("connect", tls(server, authority), password="right")
        if key in answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(answer)


def test_an_expired_certificate(recertified: Server, authority: Authority) -> None:
    recertified.certify(authority, "db.test", days=0)
    time.sleep(1.1)
    recertified.reload()
    error = wait_for(recertified, authority, "error")["error"]
    assert (error["code"], error["service_code"], error["retryable"]) == ("unreachable", "tls", False)
    assert "it has expired" in error["message"]


def test_a_certificate_of_another_authority(recertified: Server, authority: Authority, tmp_path: Path) -> None:
    recertified.certify(Authority(tmp_path, "other"), "db.test")
    recertified.reload()
    error = wait_for(recertified, authority, "error")["error"]
    assert (error["code"], error["service_code"], error["retryable"]) == ("unreachable", "tls", False)
    assert "issued by Throw-away CA other" in error["message"]
    assert "sslrootcert" in error["message"]


def test_a_server_without_tls(recertified: Server, authority: Authority) -> None:
    recertified.sql("ALTER SYSTEM SET ssl = off")
    recertified.reload()
    try:
        error = wait_for(recertified, authority, "error")["error"]
    finally:
        recertified.sql("ALTER SYSTEM RESET ssl")
    assert (error["code"], error["service_code"], error["retryable"]) == ("unreachable", "tls", False)
    assert "has no TLS" in error["message"]
