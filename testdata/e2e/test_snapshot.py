"""Rows from a snapshot of a cluster that is no more, by way of a temporary cluster that leaves nothing behind."""

from __future__ import annotations

import hashlib
import re
import sys
from typing import Any

import yaml
from harness import BASELINE, Program, Sandbox
from test_copy import capture_old, seed_beside
from test_crash import wait_until
from test_deploy import DEPLOY, WORD, own_snapshots, stack_cluster

FINAL = "bedrockchatstack-snapshot-vectorstorecluster0a1b2c3d-1q2w3e4r5t6y"


def replaced(sandbox: Sandbox, trueup: Program, **options: Any) -> list[tuple[Any, ...]]:
    """As CloudFormation leaves it: a new, empty cluster, and the last snapshot of the old one. Returns the rows."""
    _, old = seed_beside(sandbox, **options)
    capture_old(sandbox, trueup)
    rows = sandbox.rows(old)
    rds = sandbox.client("rds")
    wait_until(lambda: sandbox.clusters()[old]["Status"] == "available")
    rds.delete_db_instance(DBInstanceIdentifier=f"{old}-writer", SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier=old, FinalDBSnapshotIdentifier=FINAL)
    wait_until(lambda: old not in sandbox.clusters())
    return rows


def specify(trueup: Program, snapshot: str = "auto") -> None:
    trueup.specify(cluster={"encrypted": True},
                   vectors={"counts": BASELINE, "restore": {"from": {"snapshot": snapshot}}})


def temporary(snapshot: str) -> str:
    return f"trueup-source-chat-{hashlib.sha256(snapshot.encode()).hexdigest()[:8]}"


def described(sandbox: Sandbox, cluster: str) -> dict[str, Any]:
    return {key: value for key, value in sandbox.clusters()[cluster].items() if key != "LatestRestorableTime"}


def copies(outcome: Any) -> dict[str, Any]:
    (found,) = (action for action in outcome.actions() if action["verb"] == "copy")
    result: dict[str, Any] = found
    return result


def test_from_the_last_snapshot(sandbox: Sandbox, trueup: Program) -> None:
    rows = replaced(sandbox, trueup, bots=5, rows=300, users=6)
    new = sandbox.summary["cluster"]
    before = described(sandbox, new)
    specify(trueup)
    sandbox.forget()

    process = trueup.start("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json")
    wait_until(lambda: temporary(FINAL) in sandbox.clusters())
    source = sandbox.clusters()[temporary(FINAL)]
    # The deployment's own password changes under way: the copy has one of its own on the one side, and learns it here.
    sandbox.client("secretsmanager").rotate_secret(SecretId=sandbox.summary["secret"])
    done = trueup.finish(process)

    assert done.code == 0 and {action["state"] for action in done.actions()} == {"done"}, done.told()
    assert sandbox.rows(new) == rows
    assert set(sandbox.clusters()) == {new} and described(sandbox, new) == before
    assert sandbox.snapshots() == [FINAL], "the snapshot is not trueup's to delete"
    for shared in ("DBSubnetGroup", "VpcSecurityGroups", "KmsKeyId"):
        assert source[shared] == before[shared]
    assert source["StorageEncrypted"] and not source["DeletionProtection"]
    assert source["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 1.0}
    assert {tag["Key"]: tag["Value"] for tag in source["TagList"]} == {
        "trueup:deployment": "chat", "trueup:snapshot": FINAL}
    assert set(sandbox.control("rds/writes")["clusters"]) == {new}, "the source is only read"
    operations = sandbox.calls()["operations"]
    made = {name.removeprefix("rds:"): count for name, count in operations.items() if "DB" in name
            and not name.startswith("rds:Describe")}
    assert made == {"RestoreDBClusterFromSnapshot": 1, "CreateDBInstance": 1, "ModifyDBCluster": 1,
                    "DeleteDBInstance": 1, "DeleteDBCluster": 1}
    journal = "".join(path.read_text() for path in (trueup.directory / "state").rglob("*") if path.is_file())
    assert not re.search(r"\b[0-9a-f]{40}\b", done.out + done.err + journal), "the one-time password"

    trueup.plan()
    sandbox.forget()
    assert trueup.apply().actions() == [] and sandbox.calls()["mutating"] == 0


def test_whatever_snapshot_there_is(sandbox: Sandbox, trueup: Program) -> None:
    """One named by the spec that lacks the rows, none at all, and a name that is somebody else's."""
    rows = replaced(sandbox, trueup, bots=4, rows=80, users=6)
    new, rds = sandbox.summary["cluster"], sandbox.client("rds")
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="empty", DBClusterIdentifier=new)
    wait_until(lambda: sandbox.clusters()[new]["Status"] == "available")

    specify(trueup, "empty")
    sandbox.control("rds/fail_restore", status="incompatible-restore")
    done = trueup.apply(expect=1)
    assert f"{temporary('empty')} is incompatible-restore: see its events in RDS, delete it" in done.out
    rds.delete_db_cluster(DBClusterIdentifier=temporary("empty"), SkipFinalSnapshot=True)

    # While that one goes another is waited for; and it turns out to hold no rows.
    sandbox.forget()
    done = trueup.apply(expect=2)
    assert copies(done)["state"] == "blocked" and "the source has no rows of" in copies(done)["waitsFor"]
    assert set(sandbox.clusters()) == {new, temporary("empty")}, "it is kept while rows are missing"
    assert any("costs" in note for note in done.resource("vectors")["notes"])
    assert sandbox.calls()["operations"]["rds:ModifyDBCluster"] <= 3, "what is blocked is not tried again and again"

    # It is told of by a spec, too, that takes rows from elsewhere.
    trueup.specify(vectors={"counts": BASELINE})
    told = " ".join(trueup.plan(expect=2).resource("vectors")["notes"])
    assert f"{temporary('empty')}, which trueup restored of the snapshot empty, is left" in told

    # Another's cluster has the name: it is not touched, and nothing else is done.
    rds.create_db_cluster(DBClusterIdentifier=temporary(FINAL), Engine="aurora-postgresql", MasterUsername="postgres",
                          MasterUserPassword="not-for-trueup")
    wait_until(lambda: sandbox.clusters()[temporary(FINAL)]["Status"] == "available")
    specify(trueup)
    sandbox.forget()
    done = trueup.apply(expect=2)
    assert "was not restored for this deployment" in done.out and sandbox.calls()["mutating"] == 0
    assert sandbox.rows(new) == []

    # The right one: the rows come, and both temporary clusters go. What is somebody else's stays.
    rds.modify_db_cluster(DBClusterIdentifier=temporary(FINAL), NewDBClusterIdentifier="theirs", ApplyImmediately=True)
    wait_until(lambda: "theirs" in sandbox.clusters())
    trueup.apply()
    assert sandbox.rows(new) == rows and set(sandbox.clusters()) == {new, "theirs"}
    trueup.plan()

    # All are older than the baseline, which is of later: each is named with the reason.
    baseline = yaml.safe_load((trueup.directory / "baseline.yaml").read_text())
    baseline["metadata"]["capturedAt"] = "2038-01-01T00:00:00Z"
    trueup.write("baseline.yaml", yaml.safe_dump(baseline))
    sandbox.query(new, "TRUNCATE items")
    sandbox.forget()
    done = trueup.apply(expect=2)
    assert f"{FINAL} (it was taken at" in done.out and sandbox.calls()["mutating"] == 0


def test_the_whole_migration_in_one_run(sandbox: Sandbox, trueup: Program) -> None:
    """The cluster is replaced by the spec's command, and its rows come back from the snapshot taken before."""
    sandbox.seed(bots=3, rows=60, users=6)
    rows = sandbox.rows(sandbox.summary["cluster"])
    (trueup.directory.parent / "cdk").mkdir()
    deploy = {"command": [sys.executable, str(DEPLOY), "--state", str(sandbox.directory)], "directory": "../cdk"}
    trueup.specify(cluster={"encrypted": True, "replace": "deploy", "deploy": deploy}, allow=WORD,
                   vectors={"counts": BASELINE, "restore": {"from": {"snapshot": "auto"}}})
    trueup.capture()
    (note,) = trueup.plan(expect=2).resource("vectors")["notes"]
    assert "its rows are copied from the snapshot that is taken of it before" in note and "USD an hour" in note

    done = trueup.apply()

    assert {action["state"] for action in done.actions()} == {"done"}, done.told()
    new = stack_cluster(sandbox)
    assert sandbox.rows(new) == rows and set(sandbox.clusters()) == {new} and own_snapshots(sandbox) == []
    trueup.plan()
