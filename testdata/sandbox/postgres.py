"""Real PostgreSQL servers, one for each cluster that has an available instance.

A server's data directory outlives its process, as Aurora's storage outlives its
instances. As on RDS, the superuser is `rdsadmin` and belongs to the service (here
it is the sandbox's own maintenance session); the master user is not a superuser.
"""

from __future__ import annotations

import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from psycopg import sql

from tls import Authority, Certificate, write_private

BIN = Path("/usr/lib/postgresql/15/bin")
ADMIN = "rdsadmin"
# Sessions under this name are the sandbox's own; what they change is not counted.
OWN_SESSIONS = "sandbox"

_STARTUP_SECONDS = 120.0
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 50
shared_buffers = 64MB
maintenance_work_mem = 64MB
max_wal_size = 4GB
fsync = off
full_page_writes = off
synchronous_commit = off
wal_retrieve_retry_interval = 200ms
password_encryption = 'scram-sha-256'
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
log_destination = 'stderr'
logging_collector = off
log_statement = 'mod'
log_line_prefix = '%m [%p] %q%u@%d app=%a '
log_timezone = 'UTC'
timezone = 'UTC'
"""
_ACCESS = """
hostssl replication {admin} 127.0.0.1/32 scram-sha-256
{extra}hostssl all all 127.0.0.1/32 scram-sha-256
"""
# A statement in the log: simple protocol, or an execution of the extended one.
_STATEMENT = re.compile(
    r"^\S+ \S+ \S+ \[\d+\] (?P<user>\S+)@(?P<database>\S+) app=(?P<app>.*?) "
    r"LOG:  (?:statement|execute [^:]+): (?P<statement>.*)$")


class PostgresError(Exception):
    """A server that could not be made, started, stopped or copied."""


class _Spawner:
    """Starts processes from one thread that lives as long as the sandbox.

    A child asks the kernel to be signalled at its parent's death, and the kernel
    means the parent's *thread*: started from a passing request's thread, a
    server would end together with that request.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def run(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        def spawn() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                        start_new_session=True, cwd="/", env=_server_environment())
        return self._thread.submit(spawn).result()


_spawner = _Spawner()


class Server:
    """The PostgreSQL server of one cluster: data directory, port, certificate, log."""

    def __init__(self, directory: Path, log: Path, authority: Authority, admin_password: str) -> None:
        self.data = directory
        self.log = log
        self.port = free_port()
        self.settings: dict[str, str] = {}
        # A line of pg_hba.conf that goes before the one for everybody.
        self.access = ""
        self._authority = authority
        self._admin_password = admin_password
        self._process: subprocess.Popen[bytes] | None = None
        # Starting, stopping and copying exclude one another.
        self._lock = threading.RLock()

    def restore(self, copy: Path) -> None:
        """Takes the storage from a copy, made by backup() or by initialize()."""
        _copy_tree(copy, self.data)

    def backup(self, target: Path) -> None:
        """A physical copy of the storage, consistent whether or not the server runs."""
        with self._lock:
            if not self.running:
                _copy_tree(self.data, target)
                return
            _make_directory(target)
            source = (f"host=127.0.0.1 port={self.port} user={ADMIN} sslmode=require "
                      f"application_name={OWN_SESSIONS}")
            _run([str(BIN / "pg_basebackup"), "--pgdata", str(target), "--dbname", source,
                  "--wal-method", "stream", "--checkpoint", "fast", "--no-sync"],
                 password=self._admin_password)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server with its present settings; one that runs reads those that it can take over."""
        with self._lock:
            self._write_configuration()
            if self.running:
                self._reload()
                return
            server = [str(BIN / "postgres"), "-D", str(self.data), "-p", str(self.port)]
            self._process = _spawner.run([*_as_server_user(dies_with_us=True), *server], self.log)
            self._await_ready()

    def stop(self, for_good: bool = False) -> None:
        """Ends the server at once, closing its connections.

        Its storage stays consistent, but for an end `for_good`, which takes less time.
        """
        with self._lock:
            if self._process is None:
                return
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGQUIT if for_good else signal.SIGINT)
                try:
                    self._process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    self._process.send_signal(signal.SIGQUIT)
                    self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.stop(for_good=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def present(self, names: list[str], flaw: str | None = None) -> None:
        """Serves a certificate for `names` from the next connection on."""
        certificate: Certificate = self._authority.issue(names, flaw)
        for name, content in (("server.crt", certificate.chain), ("server.key", certificate.key)):
            fresh = self.data / (name + ".new")
            write_private(fresh, content)
            _give(fresh)
            fresh.replace(self.data / name)
        with self._lock:
            self._reload()

    def _reload(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """The sandbox's own session, as superuser, in autocommit."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ADMIN, password=self._admin_password,
            dbname=database, sslmode="require", application_name=OWN_SESSIONS, autocommit=True)

    def set_master(self, user: str, password: str) -> None:
        """Makes the master user what RDS makes it: no superuser, owner of `postgres`."""
        name = sql.Identifier(user)
        with self.connect() as session:
            _ensure_role(session, "rds_superuser", "NOLOGIN")
            _ensure_role(session, "rds_iam", "NOLOGIN")
            _ensure_role(session, "rds_replication", "NOLOGIN")
            _ensure_role(session, user, "LOGIN CREATEDB CREATEROLE REPLICATION")
            session.execute("GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION")
            session.execute("GRANT rds_replication TO rds_superuser WITH ADMIN OPTION")
            session.execute(sql.SQL("GRANT rds_superuser TO {}").format(name))
            session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
            session.execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(name))

    def set_superuser(self, user: str, wanted: bool) -> None:
        """If there is such a user yet: see services/rds/parameters.py."""
        with self.connect() as session:
            if session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (user,)).fetchone() == (not wanted,):
                word = sql.SQL("SUPERUSER" if wanted else "NOSUPERUSER")
                session.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(user), word))

    def create_database(self, name: str, owner: str) -> None:
        """Unless it is there: `postgres` always is, and RDS does not mind being asked for it."""
        with self.connect() as session:
            if session.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return
            session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))

    def _write_configuration(self) -> None:
        extra = "".join(f"{name} = '{value}'\n" for name, value in self.settings.items())
        for name, content in (("postgresql.conf", _SETTINGS + extra), ("pg_hba.conf", _ACCESS.format(admin=ADMIN, extra=self.access))):
            # Whole at any moment: the server may be reading it for an earlier signal.
            fresh = self.data / (name + ".new")
            fresh.write_text(content)
            _give(fresh)
            fresh.replace(self.data / name)
        if self.running:
            return
        # ALTER SYSTEM is not for clients of RDS, and a copy must not bring its source's settings.
        (self.data / "postgresql.auto.conf").write_text("")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _STARTUP_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                raise PostgresError(f"the server ended while starting, see {self.log}")
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise PostgresError(f"the server did not answer within {_STARTUP_SECONDS:.0f} s, see {self.log}")


def initialize(directory: Path, admin_password: str) -> None:
    """Makes an empty data directory, to be copied for each new cluster: small, for that.

    Sandboxes that share it may all be at it: the first one's stays.
    """
    draft = directory.with_name(f"{directory.name}.{os.getpid()}")
    _make_directory(draft)
    password_file = draft.with_name(draft.name + ".password")
    write_private(password_file, admin_password.encode())
    _give(password_file)
    try:
        _run([str(BIN / "initdb"), "--pgdata", str(draft), "--username", ADMIN, "--pwfile", str(password_file),
              "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--wal-segsize", "4",
              "--no-sync", "--no-instructions"])
        draft.rename(directory)
    except OSError:
        if not directory.exists():
            raise
        shutil.rmtree(draft)
    finally:
        password_file.unlink()


def modifying_statements(log: Path, offset: int = 0) -> list[dict[str, str]]:
    """The statements of others than the sandbox that the log shows to modify, in order."""
    if not log.exists():
        return []
    with log.open("rb") as stream:
        stream.seek(offset)
        lines = stream.read().decode("utf-8", "replace").splitlines()
    matches = (_STATEMENT.match(line) for line in lines)
    return [m.groupdict() for m in matches if m and m["app"] != OWN_SESSIONS]


def free_port() -> int:
    """A loopback port below those that the kernel hands out to clients."""
    for port in random.sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise PostgresError("no loopback port is free")


def new_admin_password() -> str:
    return secrets.token_urlsafe(24)


def shared_admin_password(directory: Path) -> str:
    """The password of the data directory that sandboxes share in `directory`: whoever comes first chooses it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen, draft = directory / "password", directory / f"password.{os.getpid()}"
    write_private(draft, new_admin_password().encode())
    try:
        os.link(draft, chosen)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return chosen.read_text()


def end_orphans(directory: Path) -> None:
    """Ends servers that a killed sandbox left over in `directory`."""
    for pid_file in directory.glob("*/postmaster.pid"):
        pid = int(pid_file.read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and str(pid_file.parent).encode() in command.read_bytes():
            os.kill(pid, signal.SIGQUIT)
        pid_file.unlink(missing_ok=True)


def check_reachable(directory: Path) -> None:
    """Says so now if the user who runs the servers cannot enter the state directory."""
    if not _as_server_user():
        return
    if subprocess.run([*_as_server_user(), "test", "-d", f"{directory}/."], check=False).returncode != 0:
        raise PostgresError(f"the user postgres cannot enter {directory}: choose another --state directory")


def _ensure_role(session: psycopg.Connection, role: str, attributes: str) -> None:
    exists = session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    statement = "ALTER ROLE {} " if exists else "CREATE ROLE {} "
    session.execute(sql.SQL(statement + attributes).format(sql.Identifier(role)))


def _as_server_user(dies_with_us: bool = False) -> list[str]:
    """What to put before a command: PostgreSQL refuses to run as root.

    The state directory is root's then, and may stand where nobody else can enter.
    """
    prefix = []
    if os.geteuid() == 0:
        prefix = ["--reuid=postgres", "--regid=postgres", "--init-groups",
                  "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    if dies_with_us:
        prefix.append("--pdeathsig=INT")
    return ["setpriv", *prefix, "--"] if prefix else []


def _server_environment() -> dict[str, str]:
    """Servers connect to one another, too, by names that only resolve here, and without anybody's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
    return kept | {"HOME": "/nonexistent", "PGHOSTADDR": "127.0.0.1"}


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=False)
    _give(path)


def _copy_tree(source: Path, target: Path) -> None:
    # The directory first: the servers' user may not write beside it.
    _make_directory(target)
    _run(["cp", "--archive", "--reflink=auto", f"{source}/.", str(target)])


def _run(command: list[str], password: str | None = None) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    environment["HOME"] = pwd.getpwnam("postgres").pw_dir if os.geteuid() == 0 else environment.get("HOME", "/")
    if password is not None:
        environment["PGPASSWORD"] = password
    done = subprocess.run([*_as_server_user(), *command], env=environment, cwd="/", check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise PostgresError(f"{Path(command[0]).name}: {done.stderr.decode(errors='replace').strip()}")
