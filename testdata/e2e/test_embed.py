"""Rows by embedding again: whoever starts the tasks, each bot once at a time, and what goes wrong is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from conftest import KILLED
from harness import PATIENCE, Program, Sandbox

WORD = "run-embedding-tasks"
BOTS, ROWS = 6, 60


class Application:
    """The seeded deployment, whose rows are gone from the new cluster, as after CloudFormation's replacement."""

    def __init__(self, sandbox: Sandbox, trueup: Program, **options: Any) -> None:
        self.sandbox, self.trueup = sandbox, trueup
        self.summary = sandbox.seed(**{"bots": BOTS, "rows": ROWS, "users": 4, "empty_new_cluster": True, **options})
        self.bots = [bot for bot in self.summary["bots"] if bot["knowledge"]]
        self.dynamodb = sandbox.client("dynamodb")

    def specify(self, *allow: str, tolerance: str = "5%", counts: dict[str, int] | None = None, **restore: Any) -> None:
        rows = counts or {bot["id"]: bot["rows"] for bot in self.bots}
        vectors = {"counts": {"from": "inline", "bots": rows}, "tolerance": tolerance,
                   "restore": {"method": "embed", **restore}}
        self.trueup.specify(vectors=vectors, allow=list(allow))

    def set(self, bot: dict[str, Any], **values: str) -> None:
        names = ", ".join(f"{name} = :{name}" for name in values)
        key = {"PK": {"S": bot["owner"]}, "SK": {"S": f"{bot['owner']}#BOT#{bot['id']}"}}
        self.dynamodb.update_item(TableName=self.summary["table"], Key=key, UpdateExpression=f"SET {names}",
                                  ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()})

    def statuses(self) -> dict[str, str]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.summary["table"])
        return {item["SK"]["S"].partition("#BOT#")[2]: item["SyncStatus"]["S"] for page in pages
                for item in page["Items"] if "#BOT#" in item["SK"]["S"]}

    def counts(self) -> dict[str, int]:
        return self.sandbox.counts(self.summary["cluster"])

    def tasks(self, bot: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("ecs/tasks")["tasks"]
        return [task for task in found if bot is None or task["bot"] == bot["id"]]

    def trouble(self, mode: str, bot: dict[str, Any], **more: Any) -> None:
        self.sandbox.control("ecs/trouble", mode=mode, bot=bot["id"], **more)

    def never_twice(self) -> int:
        """Nobody's embedding was begun before the last one had ended. How many there were at once, of all bots."""
        found = self.sandbox.control("ecs/overlaps")
        assert found["overlaps"] == []
        return int(found["most"])


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited too long"


def test_via_queue_and_by_event(sandbox: Sandbox, trueup: Program) -> None:
    """Without its word nothing is started; with it every bot is embedded by the application's own pipe, a few at a
    time, and rows that differ a little in number are fine. Then one by a task of trueup's."""
    chat = Application(sandbox, trueup, application="v1.2.5", chunk_drift=3)
    chat.specify(tolerance="40%", concurrency=2)
    report = trueup.apply(expect=2)
    assert {action["waitsFor"] for action in report.actions("blocked")} >= {f"spec.allow must have the word {WORD}"}
    assert chat.tasks() == [] and set(chat.statuses().values()) == {"SUCCEEDED"}
    notes = report.resource("vectors")["notes"]
    assert any(note.startswith(f"{BOTS} embedding tasks on Fargate, 2 vCPU and 4 GB each, 2 at a time") for note in notes)

    chat.specify(WORD, tolerance="40%", concurrency=2)
    trueup.apply()
    assert [task["principal"] for task in chat.tasks()] == ["pipe"] * BOTS
    assert chat.never_twice() == 2
    chunks = sandbox.control("ecs/chunks")["bots"]
    assert chat.counts() == chunks != {bot["id"]: bot["rows"] for bot in chat.bots}
    assert set(chat.statuses().values()) == {"SUCCEEDED"}
    assert sandbox.query(chat.summary["cluster"], "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%embedding%'"
                         ) == [(1,)]
    trueup.plan()

    # Started by trueup: this version reads EVENT, and an argument tells it nothing.
    bot = chat.bots[0]
    sandbox.query(chat.summary["cluster"], "DELETE FROM items WHERE botid = %s", bot["id"])
    chat.specify(WORD, tolerance="40%", via="task", form="argument", attempts=2)
    (failed,) = trueup.apply(expect=1).actions("failed")
    assert "2 embedding tasks" in failed["error"] and "exit code 1" in failed["error"]
    chat.specify(WORD, tolerance="40%", via="task")
    trueup.apply()
    assert chat.counts() == chunks and chat.never_twice() == 2


def test_via_task_and_by_argument(sandbox: Sandbox, trueup: Program) -> None:
    """trueup starts the tasks itself, and an answer that is lost starts no second one."""
    chat = Application(sandbox, trueup)
    chat.specify(WORD, via="task")
    sandbox.control("fault", kind="reset-after", operation="ecs:RunTask", count=2)
    starved, delayed = chat.bots[-1], chat.bots[-2]
    chat.trouble("capacity", starved, count=99)
    chat.trouble("capacity", delayed)
    # Capacity may come back: it is waited for, as long as apply may wait.
    outcome = trueup.json("apply", "spec.yaml", "--yes", "--wait", "15s", expect=1)
    (failed,) = outcome.actions("failed")
    assert failed["id"].endswith(starved["id"]) and "Capacity is unavailable" in failed["error"]
    assert {bot["id"]: bot["rows"] for bot in chat.bots if bot is not starved} == chat.counts()
    sandbox.control("ecs/release")
    trueup.apply()
    assert {bot["id"]: bot["rows"] for bot in chat.bots} == chat.counts()
    assert sorted(task["bot"] for task in chat.tasks()) == sorted(bot["id"] for bot in chat.bots)
    assert {task["startedBy"] for task in chat.tasks()} == {"trueup/chat"} and 1 < chat.never_twice() <= 4  # one had no capacity
    trueup.plan()


def test_whatever_goes_wrong_is_said(sandbox: Sandbox, trueup: Program) -> None:
    """Each bot meets another trouble. What passes is tried again, what does not is said; the others go on."""
    chat = Application(sandbox, trueup, bots=9, rows=90)
    fails, crashes, dies, pulls, lost, stalls, passes, stuck, fine = chat.bots
    chat.trouble("fail", fails, count=9, reason="AccessDeniedException: no access to the model")
    for mode, bot in (("crash", crashes), ("die", dies), ("pull", pulls), ("lost", lost)):
        chat.trouble(mode, bot, count=9)
    chat.trouble("stall", stalls)
    chat.trouble("fail", passes)            # once: the second attempt succeeds
    chat.set(stuck, SyncStatus="RUNNING", LastExecId="0" * 32)
    # A run of long ago queued it, which was lost; so is what this one does about it.
    chat.trouble("lost", lost)
    chat.set(lost, SyncStatus="QUEUED", SyncStatusReason="Queued by trueup at 2026-01-01T00:00:00Z, lost before: 0")
    chat.specify(WORD, attempts=2, pickup="3s", concurrency=9)
    outcomes: dict[str, list[str]] = {}

    def apply(wait: str, code: int | None) -> None:
        outcomes.clear()
        report = trueup.json("apply", "spec.yaml", "--yes", "--wait", wait, expect=code)
        for action in report.actions():
            if action["verb"] == "embed":
                outcomes[action["id"].rpartition("/")[2]] = [action["state"], action["error"] or action["waitsFor"]]

    # Started, and not stayed for; on a slow machine some have ended by the time that it looks again.
    apply("0", None)
    assert outcomes[stalls["id"]][0] == "waiting" and len(outcomes) == 9
    until(lambda: chat.statuses()[stalls["id"]] == "RUNNING")
    (task,) = chat.tasks(stalls)
    apply("1s", None)
    state, text = outcomes[stalls["id"]]
    assert state == "waiting" and f"{task['arn'].rpartition('/')[2]} is RUNNING" in text

    sandbox.client("ecs").stop_task(cluster=task["arn"].split("/")[1], task=task["arn"])
    apply("10m", 1)
    for bot, text in ((fails, "no access to the model"), (crashes, "exit code 1"), (dies, "embeddingContainerMemory"),
                      (pulls, "CannotPullContainerError"), (lost, "the application's pipe does not work")):
        state, error = outcomes.pop(bot["id"])
        assert state == "failed" and text in error, (text, error, chat.tasks(bot))
        assert (bot is not lost) <= len(chat.tasks(bot)) <= 2
    assert {state for state, _ in outcomes.values()} <= {"done"}
    assert set(chat.counts()) == {bot["id"] for bot in (stalls, passes, stuck, fine)}
    assert len(chat.tasks(passes)) == len(chat.tasks(stalls)) == 2
    assert chat.statuses()[lost["id"]] == "FAILED"      # and not QUEUED for ever

    # A person has put it right, and ECS forgets what was; the next run takes up what was left.
    sandbox.control("ecs/release")
    sandbox.control("ecs/forget")
    trueup.apply()
    assert chat.counts() == {bot["id"]: bot["rows"] for bot in chat.bots}
    chat.never_twice()


def test_who_cannot_be_embedded(sandbox: Sandbox, trueup: Program) -> None:
    """These wait for a person, who is told why; so does nobody else."""
    chat = Application(sandbox, trueup, bots=3, rows=30)
    nothing = next(bot for bot in chat.summary["bots"] if not bot["knowledge"])
    counts = {bot["id"]: bot["rows"] for bot in chat.bots} | {nothing["id"]: 4, "01HDELETED0000000000000000": 5}
    counts[chat.bots[0]["id"]] += 10
    chat.specify(WORD, counts=counts)
    report = trueup.apply(expect=1)
    blocked = {action["id"].rpartition("/")[2]: action["waitsFor"] for action in report.actions("blocked")}
    assert set(blocked) == {nothing["id"], "01HDELETED0000000000000000"}
    assert "knowledge is empty" in blocked[nothing["id"]]
    (failed,) = report.actions("failed")
    assert f"gave {chat.bots[0]['rows']} rows" in failed["error"] and "tolerance" in failed["error"]
    assert chat.counts() == {bot["id"]: bot["rows"] for bot in chat.bots}
    assert len(chat.tasks()) == 3
    # Again: it would give the same rows, so nothing is started for them.
    trueup.apply(expect=1)
    assert len(chat.tasks()) == 3


def test_killed_at_any_moment(start: Callable[..., Sandbox], place: Any, moments: Callable[[float, int], list[float]]) -> None:
    """Killed runs leave tasks behind, which the next one finds: no bot is ever embedded twice at once."""
    sandbox = start("--seconds", "0.2", "--quota", "0")
    trueup = Program(place / "work", sandbox)
    chat = Application(sandbox, trueup)
    killed = 0
    for number, seconds in enumerate(moments(3.0, 8)):
        chat.specify(WORD, via=("queue", "task")[number % 2], concurrency=3, attempts=10)
        if trueup.kill_after(seconds, *KILLED):
            killed += 1
        else:
            sandbox.query(chat.summary["cluster"], "DELETE FROM items")
    print(f"{killed} were still running")
    assert killed > 0
    trueup.apply()
    assert chat.counts() == {bot["id"]: bot["rows"] for bot in chat.bots}
    assert chat.never_twice() <= 6
    trueup.plan()
