"""Runs beside runs: several deployments, the lock, reviewed plans, baselines, secrets."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from harness import BASELINE, GROUP, RESTORE_CLUSTER, Program, Sandbox, creators, group_of
from test_users import specify


def test_one_deployment_fails_and_the_others_do_not(program: Program, shared: Sandbox) -> None:
    people = creators(shared, 3)
    (program.directory / "specs").mkdir()
    for number, person in enumerate(people):
        users = {"groups": {f"many-{number}": {"members": [person]}}}
        if number == 1:
            users["pool"] = "eu-west-3_NotThere0"
        program.specify(f"specs/{number}.yaml", name=f"many-{number}", users=users)
    outcome = program.apply("specs", expect=1)
    assert [report["name"] for report in outcome.reports] == ["many-0", "many-1", "many-2"]
    assert [report["summary"]["converged"] for report in outcome.reports] == [True, False, True]
    assert len(shared.members("many-0")) == len(shared.members("many-2")) == 1


def wait_for_call(sandbox: Sandbox, operation: str) -> None:
    deadline = time.monotonic() + 30
    while operation not in sandbox.calls()["operations"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_run_at_a_time(program: Program, shared: Sandbox) -> None:
    """The second is told so with a code of its own, and changes nothing; plan needs no lock."""
    specify(program, "locked", creators(shared, 1))
    shared.control("fault", kind="delay", operation="cognito-idp:AdminAddUserToGroup", seconds=6)
    first = program.start("apply", "spec.yaml", "--yes", "-o", "json")
    wait_for_call(shared, "cognito-idp:CreateGroup")

    second = program.apply(expect=75)

    assert str(first.pid) in second.out + second.err
    program.plan(expect=2)
    assert program.finish(first).code == 0
    program.apply()


def test_one_run_at_a_time_from_any_machine(program: Program, shared: Sandbox) -> None:
    """Another state directory, as another machine has it: where there is a database, that has a lock, too."""
    program.specify(vectors={"counts": BASELINE})
    program.capture()
    program.specify(vectors={"counts": BASELINE}, users={"groups": {"anywhere": {"members": creators(shared, 1)}}})
    elsewhere = {"TRUEUP_STATE": str(program.directory / "elsewhere")}
    shared.control("fault", kind="delay", operation="cognito-idp:AdminAddUserToGroup", seconds=3)
    first = program.start("apply", "spec.yaml", "--yes", "-o", "json")
    wait_for_call(shared, "cognito-idp:CreateGroup")
    first.send_signal(signal.SIGSTOP)  # for as long as the second takes
    try:
        second = program.json("apply", "spec.yaml", "--yes", expect=75, **elsewhere)
    finally:
        first.send_signal(signal.SIGCONT)
    who = f"trueup on {socket.gethostname()[:32]}, process {first.pid}, from 127.0.0.1"
    assert f"another run holds the deployment chat in its database: {who}" in second.out
    assert program.finish(first).code == 0
    program.run("apply", "spec.yaml", "--yes", **elsewhere)


def test_a_lock_goes_with_its_process(program: Program, shared: Sandbox) -> None:
    specify(program, "unlocked", creators(shared, 1))
    shared.control("fault", kind="delay", operation="cognito-idp:AdminAddUserToGroup", seconds=3)
    first = program.start("apply", "spec.yaml", "--yes")
    wait_for_call(shared, "cognito-idp:CreateGroup")
    first.kill()
    first.communicate()
    program.apply()
    # What the killed run may have sent comes late, and is not to be taken for a later test's.
    deadline = time.monotonic() + 4
    while shared.calls()["operations"]["cognito-idp:AdminAddUserToGroup"] < 2 and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_reviewed_plan_is_carried_out(program: Program, shared: Sandbox) -> None:
    one, two = creators(shared, 2)
    specify(program, "reviewed", [one, two])
    program.run("plan", "spec.yaml", "--out", "plan.json", expect=2)
    program.apply("plan.json")
    assert len(shared.members("reviewed")) == 2


def test_a_reviewed_plan_is_refused_when_the_world_has_moved(program: Program, shared: Sandbox) -> None:
    specify(program, "moved", creators(shared, 2))
    program.run("plan", "spec.yaml", "--out", "plan.json", expect=2)
    shared.client("cognito-idp").create_group(UserPoolId=shared.summary["pool"], GroupName="moved")
    shared.forget()
    outcome = program.apply("plan.json", expect=1)
    assert "moved" in outcome.out + outcome.err
    assert shared.calls()["mutating"] == 0


def test_a_reviewed_plan_is_refused_when_the_spec_has_changed(program: Program, shared: Sandbox) -> None:
    people = creators(shared, 3)
    specify(program, "edited", people[:2])
    program.run("plan", "spec.yaml", "--out", "plan.json", expect=2)
    specify(program, "edited", people)
    program.apply("plan.json", expect=1)
    assert shared.calls()["mutating"] == 0


def test_a_worse_baseline_is_not_written(program: Program, shared: Sandbox) -> None:
    """One captured after the loss would hide it."""
    name, bot = shared.summary["cluster"], min(shared.summary["rows"])
    program.specify(vectors={"counts": BASELINE})
    before = program.capture()
    lost = shared.query(name, "DELETE FROM items WHERE botid = %s RETURNING id, botid, content, source, embedding::text",
                        bot)
    try:
        outcome = program.run("capture", "spec.yaml", expect=1)
        assert bot in outcome.err + outcome.out
        assert program.baseline() == before
        program.run("capture", "spec.yaml", "--yes")
        assert bot not in program.baseline()
    finally:
        with shared.session(name) as session:
            session.cursor().executemany("INSERT INTO items VALUES (%s, %s, %s, %s, %s::vector)", lost)


def secrets(sandbox: Sandbox) -> list[str]:
    return [sandbox.state["secret_key"], sandbox.state["token"], *sandbox.summary["passwords"].values()]


def test_no_secret_is_told(sandbox: Sandbox, trueup: Program) -> None:
    """Rule 6: a whole replacement at the highest verbosity, its reports, plans, journals and files."""
    sandbox.seed(bots=2, rows=40, users=12)
    trueup.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE}, users=group_of(creators(sandbox, 1)),
                   allow=["replace-cluster"])
    told = [trueup.run("capture", "spec.yaml", "-v", "-v"), trueup.run("observe", "spec.yaml", "-v", "-v"),
            trueup.run("plan", "spec.yaml", "-v", "-v", "--out", "plan.json", expect=2),
            trueup.run("plan", "spec.yaml", "-o", "json", "-v", "-v", "--log-format", "json", expect=2),
            trueup.run("apply", "spec.yaml", "--yes", "--wait", "10m", "-v", "-v")]
    files = [path.read_text(errors="replace") for path in trueup.directory.rglob("*") if path.is_file()]
    assert len(files) >= 4, "spec, baseline, plan and journal"
    for secret in secrets(sandbox):
        assert not any(secret in outcome.out or secret in outcome.err for outcome in told)
        assert not any(secret in text for text in files)


def test_no_secret_is_shown_to_other_processes(program: Program, shared: Sandbox) -> None:
    """Nor in the arguments, nor to children, of which there are none, nor in a core file."""
    program.specify(vectors={"counts": BASELINE}, users=group_of(creators(shared, 1)))
    program.capture()
    shared.forget()
    shared.control("fault", kind="delay", operation="cognito-idp:GetGroup", seconds=10)
    process = program.start("plan", "spec.yaml")
    wait_for_call(shared, "secretsmanager:GetSecretValue")
    proc = Path(f"/proc/{process.pid}")
    arguments = (proc / "cmdline").read_text()
    limits = (proc / "limits").read_text()
    children = "".join(path.read_text() for path in proc.glob("task/*/children"))
    process.send_signal(signal.SIGABRT)  # whose default is to dump core, and which no shell has its jobs ignore
    process.communicate()
    assert not any(secret in arguments for secret in secrets(shared))
    assert children == ""
    (core,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core[4] == "0", "the soft limit, which is what counts"
    assert process.returncode == -signal.SIGABRT and not list(program.directory.glob("core*"))


def test_an_interrupted_run_ends_cleanly(program: Program, shared: Sandbox) -> None:
    """One SIGTERM: the report is written, and it says what is left; the next run does that."""
    specify(program, "stopped", creators(shared, 3))
    shared.control("fault", kind="delay", operation="cognito-idp:AdminAddUserToGroup", seconds=2)
    process = program.start("apply", "spec.yaml", "--yes")
    wait_for_call(shared, "cognito-idp:CreateGroup")
    process.terminate()
    outcome = program.finish(process)
    assert outcome.code in (1, 2)
    assert "the run was stopped; to go on: trueup apply spec.yaml\n" in outcome.out
    assert "doctor" not in outcome.out and "once the cause is gone" not in outcome.out
    program.apply()
    assert len(shared.members("stopped")) == 3


def test_throttled(start: Callable[..., Sandbox], place: Path) -> None:
    """A fifth of AWS's quotas: it takes longer, and nothing fails."""
    sandbox = start("--quota", "0.2")
    sandbox.seed(bots=1, rows=10, users=60)
    trueup = Program(place / "work", sandbox)
    trueup.specify(users=group_of(creators(sandbox, 30)))
    trueup.apply()
    assert len(sandbox.members(GROUP)) == 30
    trueup.plan()


def test_answers_that_are_lost(program: Program, shared: Sandbox) -> None:
    """Carried out, and the answer never came, or half of it: asked again, it is done once."""
    people = creators(shared, 3)
    for number, kind in enumerate(("reset-after", "truncate", "reset-before", "internal", "html", "unavailable")):
        specify(program, f"lost-{number}", people)
        for operation in ("sts:GetCallerIdentity", "cognito-idp:GetGroup", "cognito-idp:CreateGroup",
                          "cognito-idp:AdminAddUserToGroup"):
            shared.control("fault", kind=kind, operation=operation)
        program.apply()
        assert len(shared.members(f"lost-{number}")) == 3


def test_slow_answers(program: Program, shared: Sandbox) -> None:
    shared.control("latency", milliseconds=300)
    specify(program, "slow", creators(shared, 3))
    program.apply()
    assert len(shared.members("slow")) == 3


def test_answers_of_restore_that_are_lost(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=40, users=6)
    rows = sandbox.rows(sandbox.summary["cluster"])
    trueup.specify(cluster=RESTORE_CLUSTER, allow=["replace-cluster"])
    for operation in ("CreateDBClusterSnapshot", "RestoreDBClusterFromSnapshot", "CreateDBInstance", "ModifyDBCluster",
                      "DeleteDBClusterSnapshot"):
        sandbox.control("fault", kind="reset-after", operation=f"rds:{operation}")
    trueup.apply()
    assert len(sandbox.clusters()) == 2
    assert sandbox.rows(sandbox.summary["cluster"]) == rows
