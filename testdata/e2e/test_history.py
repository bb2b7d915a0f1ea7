"""The audit log: each change is in it before and after it is made, and nobody can change the log unseen."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

from harness import Program, Sandbox, creators, username


def read(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(directory.glob("*.jsonl")) for line in file.read_text().splitlines()]


def test_what_was_done_is_told_and_cannot_be_changed_unseen(program: Program, shared: Sandbox) -> None:
    people = creators(shared, 2)
    log = program.directory / "state" / "audit" / "chat"
    program.specify(users={"groups": {"history": {"members": people}}})
    program.plan(expect=2)
    assert not log.exists(), "a dry run writes nothing"
    program.apply("spec.yaml", "--trigger", "cron", "--revision", "a" * 40)

    lines = read(log)
    assert lines[0]["event"] == "run" and lines[0]["trigger"] == "cron" and lines[0]["revision"] == "a" * 40
    assert lines[0]["user"] and lines[0]["host"] and re.fullmatch("[0-9a-f]{64}", lines[0]["sha256"])
    calls = {line["sequence"]: line for line in lines if line["event"] == "call"}
    answers = {line["call"]: line for line in lines if line["event"] == "answer"}
    assert [call["operation"] for call in calls.values()] == ["CreateGroup", *["AdminAddUserToGroup"] * 2]
    assert calls.keys() == answers.keys()
    assert {call["of"].get("Username") for call in calls.values()} == {None, *(username(shared, p) for p in people)}
    assert all(answer["outcome"] == "done" and answer["requestId"] for answer in answers.values())
    assert all(answer["sequence"] > sequence for sequence, answer in answers.items())

    (chat,) = json.loads(program.run("history", "-o", "json", "chat").out)
    (run,) = chat["runs"]
    assert run["trigger"] == "cron" and [action["state"] for action in run["actions"]] == ["done"] * 3
    told = program.run("history").out
    assert "started by cron, revision " + "a" * 40 + ": in-sync\n" in told
    assert "    drifted  users history: add present\n" in told and "    done     users/history/create\n" in told
    assert "chat: sound" in program.run("history", "--verify").out

    (file,) = log.glob("*.jsonl")
    text = file.read_text()
    file.write_text(text.replace('"outcome":"done"', '"outcome":"nope"', 1))
    refused = program.run("history", "--verify", expect=1)
    assert re.search(r"000001\.jsonl:\d+: the line before it", refused.out)
    program.specify(users={"groups": {"history": {"members": [*people, creators(shared, 3)[2]]}}})
    program.apply(expect=1)
    assert len(shared.members("history")) == 2, "nothing is done without a log"


def test_drift_and_repair_are_told_over_time(program: Program, shared: Sandbox) -> None:
    """Of each run, whoever started it: what had drifted, what became of it, and the state behind it."""
    people = creators(shared, 2)
    program.specify(users={"groups": {"told": {"members": people[:1]}}})
    program.apply()
    for _ in range(3):
        program.apply("spec.yaml", "--trigger", "cron")
    program.specify(users={"groups": {"told": {"members": people}}})
    program.plan(expect=2)
    program.apply()
    reports = program.directory / "state" / "reports" / "chat"
    assert len(list(reports.glob("0*.json"))) == 5, "plan leaves nothing, and each apply its report"

    (chat,) = json.loads(program.run("history", "-o", "json").out)
    assert [run["state"] for run in chat["runs"]] == ["in-sync"] * 5
    assert [len(run["drift"]) for run in chat["runs"]] == [1, 0, 0, 0, 2]
    assert [run["trigger"] for run in chat["runs"]] == ["command", "cron", "cron", "cron", "command"]
    assert [len(run["actions"]) for run in chat["runs"]] == [1, 0, 0, 0, 2]
    assert all((run["user"], run["host"]) == (chat["runs"][0]["user"], chat["runs"][0]["host"]) for run in chat["runs"])
    told = program.run("history", "chat").out
    assert told.count(" apply by ") == 3 and "the same as in the run below, 2 times since" in told
    assert "the same" not in program.run("history", "-n", "1").out

    # A run whose report was let go is known from the audit log, and one that did nothing from its report.
    for file in reports.glob("*"):
        file.unlink()
    told = program.run("history").out
    assert told.count("no report is kept of it") == 2 and told.count("    done  ") == 3
    shutil.rmtree(program.directory / "state" / "audit")
    program.apply()
    assert program.run("history").out.count(": in-sync\n") == 1


def test_a_run_that_is_killed_leaves_a_sound_log(program: Program, shared: Sandbox) -> None:
    program.specify(users={"groups": {"killed": {"members": creators(shared, 3)}}})
    log = program.directory / "state" / "audit" / "chat" / "000001.jsonl"
    process = program.start("apply", "--yes", "spec.yaml")
    while not (log.exists() and '"call"' in log.read_text()) and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert '"event":"call"' in log.read_text()
    program.run("history", "--verify")
    program.apply()
    verified = json.loads(program.run("history", "--verify", "-o", "json").out)
    assert [(entry["name"], entry["sound"], entry["torn"]) for entry in verified] == [("chat", True, 0)]
