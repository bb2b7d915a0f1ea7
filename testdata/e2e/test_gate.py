"""Rule 1: dry run is a property of the transport. A caller that asks for a change, of a client or a session that was
opened for reading, does not get it: the sandbox counts no such call, and the database shows no write."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness import TRUEUP, Program, Sandbox

PROBER = Path(os.environ.get("PROBER", TRUEUP.parents[1] / "testdata/e2e/prober"))
STATEMENTS = ("DELETE FROM items", "TRUNCATE items", "DROP TABLE items", "CREATE TABLE public.other (n int)",
              "UPDATE items SET content = ''", "INSERT INTO items (id) VALUES ('01HZZZZZZZZZZZZZZZZZZZZZZZ')",
              "CREATE INDEX other ON items (source)", "SELECT nextval('numbers')",
              "DO $$ BEGIN DELETE FROM items; END $$", "WITH gone AS (DELETE FROM items RETURNING 1) SELECT * FROM gone")


def probe(program: Program, *arguments: str, **environment: str) -> dict[str, str]:
    done = subprocess.run([str(PROBER), *arguments], env=program.environment | environment, check=False, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr
    return dict(line.split("\t") for line in done.stdout.splitlines())


def database(sandbox: Sandbox) -> dict[str, str]:
    """As the application's own user, who may do everything with the table."""
    name = sandbox.summary["cluster"]
    return {"PGHOST": sandbox.summary["host"], "PGPORT": str(sandbox.summary["port"]), "PGDATABASE": "postgres",
            "PGUSER": sandbox.clusters()[name]["MasterUsername"], "PGPASSWORD": sandbox.summary["passwords"][name]}


def test_a_reading_client_sends_no_change(program: Program, shared: Sandbox) -> None:
    asked = probe(program, "aws", "read")
    sent = shared.calls()
    assert sent["mutating"] == 0, sent
    assert sent["total"] > 0 and sent["operations"]["rds:DescribeDBClusters"] == 1
    refused = {name for name, word in asked.items() if word == "refused"}
    assert {"rds:DeleteDBCluster", "rds:ModifyDBCluster", "cognito-idp:AdminAddUserToGroup",
            "secretsmanager:PutSecretValue"} & set(asked) <= refused
    assert len(refused) >= 10


def test_the_count_can_fail(program: Program, shared: Sandbox) -> None:
    """What the test above asks for does reach the sandbox, and is counted, where it may be sent."""
    asked = probe(program, "aws", "write")
    assert "refused" not in asked.values()
    assert shared.calls()["mutating"] >= 5
    shared.forget()


@pytest.fixture(scope="module", autouse=True)
def numbers(shared: Sandbox) -> None:
    shared.query(shared.summary["cluster"], "CREATE SEQUENCE numbers; GRANT ALL ON numbers TO PUBLIC")


def test_a_reading_session_writes_nothing(program: Program, shared: Sandbox) -> None:
    name = shared.summary["cluster"]
    before = shared.rows(name)
    told = probe(program, "sql", "read", *STATEMENTS, **database(shared))
    assert set(told) == set(STATEMENTS) and "done" not in told.values(), told
    assert shared.rows(name) == before
    assert shared.query(name, "SELECT is_called FROM numbers") == [(False,)]


def test_a_writing_session_writes(program: Program, shared: Sandbox) -> None:
    """So that the test above proves something: the same user may do each of these in a session for writing."""
    for statement in STATEMENTS:
        told = probe(program, "sql", "write", "BEGIN", statement, "ROLLBACK", **database(shared))
        assert set(told.values()) == {"done"}, told
    assert shared.writes() > 0
