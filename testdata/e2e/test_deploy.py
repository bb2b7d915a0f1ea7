"""The cluster's replacement by CloudFormation: run by trueup, or by a person whom it watches."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import BASELINE, PATIENCE, ROOT, STACK, Outcome, Program, Sandbox, creators, group_of

DEPLOY = ROOT / "testdata/sandbox/deploy"
WORD = ["replace-cluster"]
NOW = ("apply", "spec.yaml", "--yes", "--wait", "0", "-o", "json")


def command(sandbox: Sandbox) -> list[str]:
    return [sys.executable, str(DEPLOY), "--state", str(sandbox.directory)]


def specify(trueup: Program, replace: str = "deploy", allow: list[str] | None = None, timeout: str = "5m",
            directory: str = "../cdk", **sections: Any) -> None:
    cluster = {"encrypted": True, "replace": replace,
               "deploy": {"command": command(trueup.sandbox), "directory": directory, "timeout": timeout}}
    trueup.specify(cluster=cluster, vectors={"counts": BASELINE}, allow=WORD if allow is None else allow, **sections)


@pytest.fixture
def old(sandbox: Sandbox, trueup: Program) -> Sandbox:
    """A deployment of version 0 with its baseline, and a place outside of the spec's where the command runs."""
    sandbox.seed(bots=3, rows=60, users=6)
    (trueup.directory.parent / "cdk").mkdir()
    specify(trueup)
    trueup.capture()
    return sandbox


def stack_status(sandbox: Sandbox) -> str:
    return str(sandbox.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])


def stack_cluster(sandbox: Sandbox) -> str:
    resources = sandbox.client("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    return str(next(item["PhysicalResourceId"] for item in resources if item["ResourceType"] == "AWS::RDS::DBCluster"))


def begun(sandbox: Sandbox) -> list[str]:
    """The stack's status whenever a deployment was asked for."""
    found: list[str] = sandbox.control("deployment/status", stack=STACK)["begun"]
    return found


def own_snapshots(sandbox: Sandbox) -> list[str]:
    return [name for name in sandbox.snapshots() if name.startswith("trueup-")]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def action(outcome: Outcome, verb: str) -> dict[str, Any]:
    (found,) = (action for action in outcome.actions() if action["verb"] == verb)
    return found


def read_table(sandbox: Sandbox, cluster: str) -> bytes:
    with sandbox.session(cluster) as session, session.cursor().copy("COPY items TO STDOUT (FORMAT binary)") as copy:
        return b"".join(copy)


def write_table(sandbox: Sandbox, cluster: str, content: bytes) -> None:
    with sandbox.session(cluster) as session, session.cursor().copy("COPY items FROM STDIN (FORMAT binary)") as copy:
        copy.write(content)


def test_the_deployment_replaces_the_cluster(old: Sandbox, trueup: Program) -> None:
    content = read_table(old, "bedrock-chat")
    planned = trueup.plan(expect=2)
    assert [action["verb"] for action in planned.resource("cluster")["actions"]] == ["snapshot", "deploy"]
    assert "60 rows" in " ".join(planned.resource("cluster")["notes"])

    outcome = trueup.run("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json", "-v", expect=2)
    assert action(outcome, "snapshot")["state"] == action(outcome, "deploy")["state"] == "done", outcome.told()
    # What the command says is in the log, as it comes.
    assert "BedrockChatStack | UPDATE_COMPLETE" in outcome.err
    name, (cluster,) = stack_cluster(old), old.clusters().values()
    assert cluster["DBClusterIdentifier"] == name != "bedrock-chat" and cluster["StorageEncrypted"]
    assert outcome.resource("cluster", name)["state"] == "in-sync"

    # The rows are only in snapshots now; trueup's own goes once they are back, and CloudFormation's stays.
    left = trueup.plan(expect=2)
    (own,), (final,) = own_snapshots(old), [each for each in old.snapshots() if "-snapshot-" in each]
    notes = " ".join(left.resource("cluster")["notes"])
    assert own in notes and final in notes and old.counts(name) == {}
    write_table(old, name, content)
    again = trueup.apply(expect=0)
    assert action(again, "delete-snapshot")["state"] == "done"
    assert old.snapshots() == [final]
    assert trueup.plan(expect=0).resource("cluster")["state"] == "in-sync"
    assert begun(old) == ["CREATE_COMPLETE"]


def test_whatever_the_command_says_the_world_decides(old: Sandbox, trueup: Program) -> None:
    """One deployment after the other that fails, each in its own way; the last one only seems to."""
    old.control("deployment/orders", ending=3, lines=30)
    specify(trueup, users=group_of(creators(old, 2)))
    outcome = trueup.apply(expect=1)
    assert outcome.resource("users")["state"] == "in-sync", "the rest goes on"
    failed = action(outcome, "deploy")
    assert "ended with exit code 3" in failed["error"]
    told = failed["error"].partition("its last lines: ")[2].split(" | ")
    assert [line.split(":")[0] for line in told[:-1]] == [str(number) for number in range(26, 30)]
    assert told[-1].endswith("told to end so")

    old.control("deployment/orders", ending="hang")
    specify(trueup, timeout="1s")
    failed = action(trueup.apply(expect=1), "deploy")
    assert "took too long (spec.cluster.deploy.timeout is 1s)" in failed["error"]
    assert begun(old) == []

    specify(trueup)
    old.control("deployment/orders", fail="setup", reason="no connection")
    failed = action(trueup.apply(expect=1), "deploy")
    assert "UPDATE_ROLLBACK_COMPLETE (VectorStoreCluster0A1B2C3D: no connection)" in failed["error"]
    assert "ended with exit code 1" in failed["error"]
    assert stack_cluster(old) == "bedrock-chat" and sum(old.counts("bedrock-chat").values()) == 60
    assert "no connection" in " ".join(trueup.plan(expect=2).resource("cluster")["notes"])

    old.control("deployment/orders", ending="kill", when="after")
    done = trueup.apply(expect=2)
    assert action(done, "deploy")["state"] == "done", done.told()
    assert "was killed by signal 9" in done.err
    assert stack_cluster(old) != "bedrock-chat"
    # One snapshot was enough for all of them.
    assert len(own_snapshots(old)) == 1 and len(begun(old)) == 2


def test_what_is_missing_is_said_before_anything_goes(old: Sandbox, trueup: Program) -> None:
    specify(trueup, allow=[])
    outcome = trueup.apply(expect=2)
    assert action(outcome, "deploy")["state"] == "blocked"
    assert "replace-cluster" in action(outcome, "deploy")["waitsFor"]
    assert action(outcome, "snapshot")["state"] == "done"
    specify(trueup, directory="../elsewhere")
    blocked = action(trueup.apply(expect=2), "deploy")
    assert blocked["state"] == "blocked" and "there is no directory ../elsewhere" in blocked["waitsFor"]
    specify(trueup)
    (trueup.directory / "baseline.yaml").rename(trueup.directory / "away.yaml")
    outcome = trueup.apply(expect=1)
    assert "trueup capture" in action(outcome, "snapshot")["waitsFor"]
    assert action(outcome, "deploy")["state"] == "blocked"
    assert begun(old) == [] and len(own_snapshots(old)) == 1 and set(old.clusters()) == {"bedrock-chat"}


def commands_of(sandbox: Sandbox) -> list[int]:
    """The processes of the deployment's command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(DEPLOY).encode() in words and str(sandbox.directory).encode() in words:
            found.append(int(path.parent.name))
    return found


def test_a_killed_run_leaves_a_deployment_that_is_waited_for(old: Sandbox, trueup: Program) -> None:
    old.control("deployment/hold", step="cluster")
    old.control("deployment/hold", step="exports")
    process = trueup.start("apply", "spec.yaml", "--yes", "--wait", "10m")
    until(lambda: stack_status(old) == "UPDATE_IN_PROGRESS")
    assert len(commands_of(old)) == 1
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: commands_of(old) == [])

    waiting = action(trueup.run(*NOW, expect=2), "deploy")
    assert waiting["state"] == "waiting" and "UPDATE_IN_PROGRESS" in waiting["waitsFor"]
    # The stack names the new cluster, which is not there to stay yet.
    old.control("deployment/release", step="cluster")
    until(lambda: stack_cluster(old) != "bedrock-chat")
    waiting = action(trueup.run(*NOW, expect=2), "settle")
    assert waiting["state"] == "waiting" and "UPDATE_IN_PROGRESS" in waiting["waitsFor"]
    old.control("deployment/release")
    outcome = trueup.apply(expect=2)
    assert outcome.resource("cluster", stack_cluster(old))["state"] == "in-sync"
    assert begun(old) == ["CREATE_COMPLETE"] and len(own_snapshots(old)) == 1


def test_a_person_deploys(old: Sandbox, trueup: Program) -> None:
    specify(trueup, replace="manual", allow=[])
    outcome = trueup.apply(expect=2)
    (own,) = own_snapshots(old)
    assert action(outcome, "snapshot")["state"] == "done" and action(outcome, "replace")["state"] == "blocked"
    assert action(trueup.plan(expect=2), "replace")["waitsFor"].startswith(
        f"a person: deploy the version of the stack {STACK} whose cluster is encrypted (the snapshot {own} is available")

    old.control("deployment/orders", fail="setup", reason="no connection", rollback_fails=True)
    deploy(old, 1)
    stuck = action(trueup.plan(expect=2), "settle")["waitsFor"]
    assert f"aws cloudformation continue-update-rollback --stack-name {STACK}" in stuck
    old.control("deployment/recover", stack=STACK)
    assert "no connection" in " ".join(trueup.plan(expect=2).resource("cluster")["notes"])

    old.control("deployment/hold", step="cluster")
    person = subprocess.Popen(command(old), stdout=subprocess.DEVNULL)
    try:
        until(lambda: stack_status(old) == "UPDATE_IN_PROGRESS")
        run = trueup.start(*NOW[:3], "--wait", "10m", "-o", "json")
    finally:
        old.control("deployment/release")
        assert person.wait(PATIENCE) == 0
    outcome = trueup.finish(run)
    assert outcome.code == 2 and action(outcome, "settle")["state"] == "done", outcome.told()
    assert trueup.plan(expect=2).resource("cluster", stack_cluster(old))["state"] == "in-sync"
    assert len(begun(old)) == 2 and own_snapshots(old) == [own]


def deploy(sandbox: Sandbox, code: int) -> None:
    done = subprocess.run(command(sandbox), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == code
