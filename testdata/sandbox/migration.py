"""What a homogeneous data migration of DMS does once it is started: rows of one PostgreSQL server, on another.

A full load is pg_dump from the source into a file and pg_restore from there. With ongoing replication the tables'
definitions are copied, and then a publication and a subscription do the rest: the initial copy, and what is written
later. Both ends are reached as the data providers say, with what the secrets hold when the migration starts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from postgres import BIN

_APPLICATION = "aws-dms"
_NAME = "awsdms"


class MigrationError(Exception):
    """Why a data migration failed, as its LastFailureMessage says it."""


@dataclass(frozen=True)
class End:
    """One end of a migration: where, and as whom."""

    side: str                           # Source or Target
    host: str
    port: int
    database: str
    sslmode: str
    user: str
    password: str

    def connect(self) -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(
                host=self.host, hostaddr="127.0.0.1", port=self.port, dbname=self.database, user=self.user,
                password=self.password, sslmode=self.sslmode, application_name=_APPLICATION, autocommit=True)
        except psycopg.OperationalError as error:
            raise MigrationError(f"{self.side} database {self.host} cannot be connected to: {_line(error)}") from error

    def environment(self) -> dict[str, str]:
        """For PostgreSQL's own tools."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
        return kept | {"PGHOST": self.host, "PGHOSTADDR": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": self.user,
                       "PGPASSWORD": self.password, "PGDATABASE": self.database, "PGSSLMODE": self.sslmode,
                       "PGAPPNAME": _APPLICATION}

    def conninfo(self) -> str:
        return (f"host={self.host} port={self.port} dbname={self.database} user={self.user} "
                f"password={self.password} sslmode={self.sslmode}")


@dataclass(frozen=True)
class Table:
    schema: str
    name: str

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def read_rules(text: str | None) -> list[tuple[str, str]]:
    """Patterns of schema and table, with % for anything; ValueError for rules that are none."""
    if text is None:
        return [("%", "%")]
    try:
        rules = json.loads(text)["rules"]
        found = [(rule["object-locator"]["schema-name"], rule["object-locator"]["table-name"]) for rule in rules]
        sound = all(rule["rule-type"] == "selection" and rule["rule-action"] == "include" and not rule.get("filters")
                    and str(rule["rule-id"]).isdigit() and rule["rule-name"] for rule in rules)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("the selection rules are not valid JSON of rules") from error
    if not found or not sound:
        raise ValueError("the selection rules must be selections that include, without filters")
    return found


@dataclass
class Mover:
    """One run of a migration. Each step ends, or raises MigrationError."""

    source: End
    target: End
    rules: list[tuple[str, str]]
    preparation: str                    # drop-tables-on-target, truncate, do-nothing

    def check(self) -> list[Table]:
        """Both ends answer; the tables that the rules choose."""
        self.target.connect().close()
        with self.source.connect() as session:
            rows = session.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT LIKE 'pg\\_%' "
                                   "AND schemaname <> 'information_schema' ORDER BY 1, 2").fetchall()
        tables = [Table(*row) for row in rows if any(_fits(row, rule) for rule in self.rules)]
        if not tables:
            raise MigrationError("No tables were found at the source for the selection rules")
        return tables

    def load(self, tables: list[Table], progress: Callable[[int], bool]) -> None:
        """A full load. `progress` is told percentages, and says whether to go on."""
        if not progress(10):
            return
        with tempfile.TemporaryDirectory(prefix="sandbox-dms-") as directory:
            dump = Path(directory) / "dump"
            chosen = [f"--table={table.schema}.{table.name}" for table in tables]
            _run("pg_dump", self.source, ["--format=custom", "--compress=0", "--no-owner", "--no-privileges",
                                          f"--file={dump}", *chosen])
            if not progress(50):
                return
            self._prepare(tables)
            content = [] if self.preparation == "drop-tables-on-target" else ["--data-only"]
            _run("pg_restore", self.target, ["--no-owner", "--exit-on-error", "--dbname", self.target.database,
                                             *content, str(dump)])
        progress(100)

    def _prepare(self, tables: list[Table]) -> None:
        words = {"truncate": "TRUNCATE TABLE {}", "drop-tables-on-target": "DROP TABLE IF EXISTS {} CASCADE"}
        if self.preparation not in words:
            return
        with self.target.connect() as session:
            for table in tables:
                session.execute(sql.SQL(words[self.preparation]).format(table.identifier))

    def replicate(self, tables: list[Table], admin: psycopg.Connection[Any], copies: bool) -> None:
        """Begins ongoing replication. `admin`: on the target, with the rights of rds_superuser."""
        with self.source.connect() as session:
            (level,) = session.execute("SHOW wal_level").fetchone() or ("",)
            if level != "logical":
                raise MigrationError(f"Source database {self.source.host}: wal_level is {level}, and must be logical: "
                                     "set rds.logical_replication to 1 and reboot")
            if copies:
                self._prepare(tables)
            listed = sql.SQL(", ").join(table.identifier for table in tables)
            session.execute(sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(sql.Identifier(_NAME), listed))
        admin.execute(sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (copy_data = {})").format(
            sql.Identifier(_NAME), sql.Literal(self.source.conninfo()), sql.Identifier(_NAME), sql.Literal(copies)))

    @staticmethod
    def copied(admin: psycopg.Connection[Any]) -> bool:
        """Whether the initial copy is over."""
        left = admin.execute("SELECT 1 FROM pg_subscription_rel WHERE srsubstate NOT IN ('s', 'r')").fetchone()
        return left is None

    def end_replication(self, admin: psycopg.Connection[Any]) -> None:
        admin.execute(sql.SQL("DROP SUBSCRIPTION IF EXISTS {}").format(sql.Identifier(_NAME)))
        with self.source.connect() as session:
            session.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(_NAME)))


def lose_rows(target: End, tables: list[Table]) -> None:
    """What nobody is told of: every tenth row, and one at least, does not arrive."""
    with target.connect() as session:
        for table in tables:
            session.execute(sql.SQL("DELETE FROM {0} WHERE ctid IN (SELECT ctid FROM {0} ORDER BY ctid LIMIT "
                                    "(SELECT greatest(1, count(*) / 10) FROM {0}))").format(table.identifier))


def _fits(table: tuple[Any, ...], rule: tuple[str, str]) -> bool:
    return all(re.fullmatch(".*".join(map(re.escape, pattern.split("%"))), name)
               for name, pattern in zip(table, rule))


def _run(tool: str, end: End, arguments: list[str]) -> None:
    done = subprocess.run([str(BIN / tool), *arguments], env=end.environment(), check=False, capture_output=True,
                          stdin=subprocess.DEVNULL, cwd="/")
    if done.returncode != 0:
        raise MigrationError(f"{end.side} database {end.host}: {_line(done.stderr.decode(errors='replace'))}")


def _line(text: Any) -> str:
    return " ".join(str(text).split())
