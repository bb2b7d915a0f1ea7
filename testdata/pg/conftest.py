"""Two throw-away PostgreSQL servers with TLS, and reconcile/pg/ through pgtool."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BIN = Path("/usr/lib/postgresql/15/bin")
PGTOOL = Path(os.environ.get("PGTOOL", "build/reconcile/pg/pgtool")).resolve()
CREATE = """
CREATE TABLE {table} (id char(26) PRIMARY KEY, botid char(26), content text, source text, embedding vector({dimension}));
CREATE INDEX idx_{table}_botid ON {table} (botid);
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Authority:
    """A CA of our own, and certificates of it."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.key, self.certificate = directory / f"{name}.key", directory / f"{name}.crt"
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN=Throw-away CA {name}",
                     "-keyout", str(self.key), "-out", str(self.certificate))

    @staticmethod
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def issue(self, into: Path, host: str, days: int = 2) -> None:
        """server.key and server.crt for host. With 0 days it has expired once it is there."""
        request, extensions = into / "server.csr", into / "server.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}", "-keyout", str(into / "server.key"),
                     "-out", str(request))
        self.openssl("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.key),
                     "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(into / "server.crt"))


class Server:
    """A server in a directory of its own, on a socket and on loopback TCP."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        self.directory, self.data, self.port = directory, directory / "data", free_port()
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8")
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all all scram-sha-256\n")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"port = {self.port}\nunix_socket_directories = '{directory}'\nlisten_addresses = '127.0.0.1'\n"
                       "fsync = off\nssl = on\nlogging_collector = off\nmax_wal_size = 2GB\nwal_level = logical\n"
                       "log_statement = all\nwal_retrieve_retry_interval = 100ms\n"
                       "shared_preload_libraries = pg_stat_statements\n")
        self.certify(authority, "db.test")
        self.start()
        self.sql("CREATE EXTENSION vector; CREATE EXTENSION pg_stat_statements; CREATE ROLE chat LOGIN SUPERUSER PASSWORD 'right'")

    def run(self, program: str, *arguments: str) -> None:
        as_user: dict[str, Any] = {"user": self.user, "group": self.user, "extra_groups": []} if os.getuid() == 0 else {}
        with (self.directory / "output").open("ab") as output:
            subprocess.run([str(BIN / program), *arguments], check=True, stdout=output, stderr=output, cwd="/",
                           env=os.environ | {"HOME": "/nonexistent"}, **as_user)

    def start(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", str(self.directory / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def reload(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "reload")

    def certify(self, authority: Authority, host: str, days: int = 2) -> None:
        authority.issue(self.data, host, days)
        for name in ("server.key", "server.crt"):
            (self.data / name).chmod(0o600)
            shutil.chown(self.data / name, self.user)

    def sql(self, text: str, database: str = "postgres") -> list[list[str]]:
        """The rows of its queries."""
        done = subprocess.run(["psql", "-h", str(self.directory), "-p", str(self.port), "-U", "postgres", "-d", database,
                               "-v", "ON_ERROR_STOP=1", "-qXAt", "-F", "\x1f"],
                              check=False, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def side(self, **settings: Any) -> str:
        """The server as pgtool names it: by its socket, as a superuser."""
        words = {"host": self.directory, "port": self.port, "database": "postgres", "user": "postgres", **settings}
        return " ".join(f"{key}={value}" for key, value in words.items() if value is not None)

    def table(self, name: str, dimension: int = 3) -> str:
        """A new, empty table of Bedrock Chat's; the side that names it."""
        self.sql(f"DROP TABLE IF EXISTS {name};" + CREATE.format(table=name, dimension=dimension))
        return self.side(table=name)


def start_tool(*arguments: str, password: str | None = None, **environment: str) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")} | environment
    if password is not None:
        env["PGTOOL_PASSWORD"] = password
    return subprocess.Popen([str(PGTOOL), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def finish_tool(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=120)
    assert process.returncode in (0, 1), f"exit {process.returncode}: {errors}"
    assert "Sanitizer" not in errors, errors
    answer: dict[str, Any] = json.loads(output)
    assert ("error" in answer) == (process.returncode == 1)
    return answer


def tool(*arguments: str, password: str | None = None, **environment: str) -> dict[str, Any]:
    """pgtool's answer; also {"error": …}."""
    return finish_tool(start_tool(*arguments, password=password, **environment))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    if not (BIN / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed: testdata/sandbox/install-pgvector")
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def authority(scratch: Path) -> Authority:
    return Authority(scratch, "ca")


def serve(scratch: Path, authority: Authority, name: str) -> Iterator[Server]:
    directory = scratch / name
    directory.mkdir()
    if os.getuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    server = Server(directory, authority)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def source(scratch: Path, authority: Authority) -> Iterator[Server]:
    yield from serve(scratch, authority, "source")


@pytest.fixture(scope="session")
def target(scratch: Path, authority: Authority) -> Iterator[Server]:
    yield from serve(scratch, authority, "target")
