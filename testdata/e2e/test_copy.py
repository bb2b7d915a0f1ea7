"""Rows into an encrypted but empty cluster, from the old one beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from harness import BASELINE, Program, Sandbox, creators, group_of, username


def seed_beside(sandbox: Sandbox, **options: Any) -> tuple[str, str]:
    """As after CloudFormation's replacement. Returns the new cluster and the old one."""
    summary = sandbox.seed(empty_new_cluster=True, **options)
    # The old one, brought back from its snapshot, is given the password of the stack's secret, as a person would.
    sandbox.client("rds").modify_db_cluster(
        DBClusterIdentifier=summary["old_cluster"], ApplyImmediately=True,
        MasterUserPassword=summary["passwords"][summary["cluster"]])
    return summary["cluster"], summary["old_cluster"]


def copy_spec(sandbox: Sandbox, trueup: Program, **vectors: Any) -> list[str]:
    emails = creators(sandbox)
    restore = {"restore": {"from": {"cluster": sandbox.summary["old_cluster"]}}}
    trueup.specify(cluster={"encrypted": True}, vectors={"counts": {"from": "source"}} | restore | vectors,
                   users=group_of(emails))
    return emails


def capture_old(sandbox: Sandbox, trueup: Program) -> dict[str, Any]:
    """The baseline of the old cluster, as it would have been captured before the deployment."""
    trueup.specify("old.yaml", cluster={"identifier": sandbox.summary["old_cluster"], "encrypted": True},
                   vectors={"counts": BASELINE})
    trueup.run("capture", "old.yaml")
    return trueup.baseline()


def assert_copied(sandbox: Sandbox, trueup: Program, old: str, baseline: dict[str, Any]) -> None:
    new = sandbox.summary["cluster"]
    assert sandbox.rows(new) == sandbox.rows(old)
    trueup.plan()
    trueup.run("capture", "spec.yaml", "--out", "again.yaml")
    assert trueup.baseline("again.yaml") == baseline
    sandbox.forget()
    assert trueup.apply().actions() == []
    assert sandbox.calls()["mutating"] == 0 and sandbox.writes() == 0


def statements(sandbox: Sandbox, cluster: str) -> list[str]:
    """What the server of the cluster logged of others than the sandbox, in order."""
    (found,) = (entry for entry in sandbox.control("rds/list")["clusters"] if entry["cluster"] == cluster)
    lines = Path(found["log"]).read_text(errors="replace").splitlines()
    return [line for line in lines if "LOG:  " in line and "app=sandbox" not in line]


def test_copy(sandbox: Sandbox, trueup: Program) -> None:
    new, old = seed_beside(sandbox, bots=6, rows=400, users=20)
    baseline = capture_old(sandbox, trueup)
    emails = copy_spec(sandbox, trueup)

    done = trueup.apply()

    assert {action["state"] for action in done.actions()} == {"done"}
    assert_copied(sandbox, trueup, old, baseline)
    assert sandbox.members() == {username(sandbox, email) for email in emails}


def test_the_baseline_is_what_counts(sandbox: Sandbox, trueup: Program) -> None:
    """Compared with what was captured rather than with the source."""
    new, old = seed_beside(sandbox, bots=4, rows=100, users=12)
    baseline = capture_old(sandbox, trueup)
    copy_spec(sandbox, trueup, counts=BASELINE)
    assert trueup.plan(expect=2).paths("vectors") == {f"bots/{bot}" for bot in baseline}
    trueup.apply()
    assert_copied(sandbox, trueup, old, baseline)
    # The source is of another moment than the baseline: said, and not copied over and over.
    changed = sorted(baseline)[0]
    text = (trueup.directory / "baseline.yaml").read_text()
    trueup.write("baseline.yaml", text.replace(baseline[changed]["digest"], "f" * 32))
    (blocked,) = trueup.apply(expect=2).actions("blocked")
    assert blocked["verb"] == "copy" and changed in blocked["waitsFor"] and "new baseline" in blocked["waitsFor"]


def test_the_index_is_built_after_the_rows(sandbox: Sandbox, trueup: Program) -> None:
    """Bedrock Chat built it on the empty table; what searches use in the end was trained on the rows."""
    new, old = seed_beside(sandbox, bots=3, rows=200, users=12)
    copy_spec(sandbox, trueup)
    ivfflat = ("SELECT c.oid::bigint, c.xmin::text::bigint FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
               "WHERE a.amname = 'ivfflat'")
    ((empty_oid, _),) = sandbox.query(new, ivfflat)

    trueup.apply()

    ((oid, created_in),) = sandbox.query(new, ivfflat)
    ((last_row,),) = sandbox.query(new, "SELECT max(xmin::text::bigint) FROM items")
    assert oid != empty_oid and created_in > last_row
    log = statements(sandbox, new)
    rows = max(number for number, line in enumerate(log) if re.search(r"COPY .* FROM STDIN", line, re.I))
    index = [number for number, line in enumerate(log) if re.search(r"CREATE INDEX .*ivfflat", line, re.I)]
    assert index and min(index) > rows


def test_the_source_is_only_read(sandbox: Sandbox, trueup: Program) -> None:
    new, old = seed_beside(sandbox, bots=3, rows=60, users=12)
    copy_spec(sandbox, trueup)
    sandbox.forget()
    trueup.apply()
    assert set(sandbox.control("rds/writes")["clusters"]) == {new}


def test_only_short_bots_are_copied(sandbox: Sandbox, trueup: Program) -> None:
    """Rows of bots that are right already are not touched: they keep the transaction that wrote them."""
    new, old = seed_beside(sandbox, bots=5, rows=200, users=12)
    copy_spec(sandbox, trueup)
    trueup.apply()
    short = sorted(sandbox.summary["rows"])[:2]
    sandbox.query(new, "DELETE FROM items WHERE botid = ANY(%s) AND id < (SELECT max(id) FROM items WHERE botid = %s)",
                  short, short[0])
    kept = sandbox.query(new, "SELECT id, xmin::text FROM items WHERE botid <> ALL(%s) ORDER BY id", short)

    trueup.apply()

    assert sandbox.query(new, "SELECT id, xmin::text FROM items WHERE botid <> ALL(%s) ORDER BY id", short) == kept
    assert sandbox.rows(new) == sandbox.rows(old)


def test_rows_that_are_nowhere_else_are_kept(sandbox: Sandbox, trueup: Program) -> None:
    """Rule 2: a bot that learned something on the new cluster is not replaced without delete-vectors."""
    new, old = seed_beside(sandbox, bots=3, rows=60, users=12)
    copy_spec(sandbox, trueup)
    learned, other = sorted(sandbox.summary["rows"])[:2]
    sandbox.query(new, "INSERT INTO items (id, botid, content) VALUES ('01HZZZZZZZZZZZZZZZZZZZZZZZ', %s, 'new')", learned)

    done = trueup.apply(expect=2)

    assert sandbox.query(new, "SELECT id, content FROM items WHERE botid = %s", learned) == [
        ("01HZZZZZZZZZZZZZZZZZZZZZZZ", "new")]
    assert "delete-vectors" in done.out and learned in done.out
    assert sandbox.counts(new)[other] == sandbox.summary["rows"][other], "the others are restored all the same"

    copy = {"restore": {"from": {"cluster": old}}, "counts": {"from": "source"}}
    trueup.specify(cluster={"encrypted": True}, vectors=copy, allow=["delete-vectors"])
    trueup.apply()
    assert sandbox.rows(new) == sandbox.rows(old)


def test_a_bot_of_the_target_alone_is_kept(sandbox: Sandbox, trueup: Program) -> None:
    """Rule 2 again: a bot made since the deployment is drift for `match: exact`, and yet is not deleted."""
    new, old = seed_beside(sandbox, bots=2, rows=20, users=12)
    copy_spec(sandbox, trueup)
    sandbox.query(new, "INSERT INTO items (id, botid) VALUES ('01HZZZZZZZZZZZZZZZZZZZZZZZ', '01J00000000000000000000NEW')")
    trueup.apply(expect=2)
    assert sandbox.counts(new)["01J00000000000000000000NEW"] == 1
    copy_spec(sandbox, trueup, match="at-least")
    trueup.apply()
    assert sandbox.counts(new)["01J00000000000000000000NEW"] == 1


def test_from_a_database_by_its_address(sandbox: Sandbox, trueup: Program) -> None:
    """The source has a secret of its own, and AWS need not know of it."""
    summary = sandbox.seed(empty_new_cluster=True, bots=3, rows=60, users=12)
    old = summary["old_cluster"]
    place = sandbox.clusters()[old]
    sandbox.client("secretsmanager").create_secret(
        Name="old-vectors", SecretString='{"username": "postgres", "password": "%s"}' % summary["passwords"][old])
    connect = {"host": place["Endpoint"], "port": place["Port"], "database": "postgres", "secret": "old-vectors",
               "user": place["MasterUsername"]}
    trueup.specify(cluster={"encrypted": True},
                   vectors={"counts": {"from": "source"}, "restore": {"from": {"connect": connect}}})
    trueup.apply()
    assert sandbox.rows(summary["cluster"]) == sandbox.rows(old)


def test_a_table_that_is_gone_is_made_again(sandbox: Sandbox, trueup: Program) -> None:
    """As the application's own set-up leaves it when a deployment goes wrong."""
    new, old = seed_beside(sandbox, bots=3, rows=60, users=12)
    copy_spec(sandbox, trueup)
    sandbox.query(new, "DROP TABLE items")
    trueup.apply()
    assert sandbox.rows(new) == sandbox.rows(old)
    ((owner,),) = sandbox.query(new, "SELECT tableowner FROM pg_tables WHERE tablename = 'items'")
    assert owner == sandbox.clusters()[new]["MasterUsername"]
    trueup.plan()
