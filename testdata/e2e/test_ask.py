"""What a person is asked, and what is refused: the question of apply, reviewed plans, baselines after a loss."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from select import select

from harness import BASELINE, PATIENCE, TRUEUP, Program, Sandbox, creators, group_of


class Terminal:
    """The program with a person at it."""

    def __init__(self, trueup: Program, *arguments: str) -> None:
        self.outer, inner = pty.openpty()
        self.process = subprocess.Popen([str(TRUEUP), *arguments], cwd=trueup.directory, stdin=inner, stdout=inner,
                                        stderr=inner, env=trueup.environment | {"TERM": "xterm"})
        os.close(inner)
        self.shown = ""

    def read_until(self, words: str) -> None:
        until = time.monotonic() + PATIENCE
        while words not in self.shown and time.monotonic() < until:
            self._read()
        assert words in self.shown, self.shown

    def type(self, text: str) -> None:
        os.write(self.outer, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self.outer)
        return self.process.wait(timeout=PATIENCE)

    def _read(self) -> bool:
        if not select([self.outer], [], [], PATIENCE)[0]:
            return False
        try:
            self.shown += os.read(self.outer, 65536).decode(errors="replace")
        except OSError:  # nobody holds the other end any more
            return False
        return True


QUESTION = "Apply these actions to NAME? Only 'yes' is accepted:"


def prepare(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=20, users=6)
    trueup.specify(users=group_of(creators(sandbox, 2)))


def question_of(trueup: Program) -> str:
    name = trueup.plan(expect=2).report["name"]
    return QUESTION.replace("NAME", name)


def test_only_yes_is_yes(sandbox: Sandbox, trueup: Program) -> None:
    prepare(sandbox, trueup)
    question = question_of(trueup)
    for answer in ("y\n", "YES\n", "yes please\n", "\n", "\x04"):
        terminal = Terminal(trueup, "apply", "spec.yaml")
        terminal.read_until(question)
        assert "2 of 2 members missing" in terminal.shown
        terminal.type(answer)
        assert terminal.end() == 2
        assert terminal.shown.count("nothing was done") == terminal.shown.count("2 of 2 members missing") == 1
    assert sandbox.calls()["mutating"] == 0
    terminal = Terminal(trueup, "apply", "spec.yaml")
    terminal.read_until(question)
    terminal.type("yes\n")
    assert terminal.end() == 0, terminal.shown
    assert len(sandbox.members()) == 2


def test_an_interrupted_question_is_a_no(sandbox: Sandbox, trueup: Program) -> None:
    prepare(sandbox, trueup)
    terminal = Terminal(trueup, "apply", "spec.yaml")
    terminal.read_until("Only 'yes'")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("nothing was done")
    assert terminal.end() == 2
    assert sandbox.calls()["mutating"] == 0


def test_a_reviewed_plan_holds_until_the_world_moves(sandbox: Sandbox, trueup: Program) -> None:
    prepare(sandbox, trueup)
    trueup.plan("spec.yaml", "--out", "plan.json", expect=2)
    trueup.apply("plan.json")
    assert len(sandbox.members()) == 2

    refused = trueup.apply("plan.json", expect=1)

    assert refused.report["error"]["code"] == "refused"
    assert len(sandbox.members()) == 2


def test_a_baseline_after_a_loss_is_refused(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=3, rows=60, users=2)
    trueup.specify(vectors={"counts": BASELINE})
    before = trueup.capture()
    short, gone = sorted(before)[:2]
    with sandbox.session(sandbox.summary["cluster"]) as session:
        session.execute("DELETE FROM items WHERE id IN (SELECT id FROM items WHERE botid = %s LIMIT 1)", (short,))
        session.execute("DELETE FROM items WHERE botid = %s", (gone,))

    refused = trueup.run("capture", "spec.yaml", expect=1)

    assert f"{short} lost 1 of {before[short]['rows']} rows" in refused.err
    assert f"{gone} is gone with its {before[gone]['rows']} rows" in refused.err
    assert trueup.baseline() == before
    after = trueup.capture("--yes")
    assert set(after) == set(before) - {gone}
    assert after[short]["rows"] == before[short]["rows"] - 1


def test_rows_of_no_bot_are_in_a_baseline_too(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=20, users=2)
    trueup.specify(vectors={"counts": BASELINE})
    bot = min(sandbox.summary["rows"])
    with sandbox.session(sandbox.summary["cluster"]) as session:
        session.execute("UPDATE items SET botid = NULL WHERE id IN (SELECT id FROM items WHERE botid = %s LIMIT 2)",
                        (bot,))
    trueup.run("capture", "spec.yaml")
    assert trueup.baseline().keys() == sandbox.summary["rows"].keys() | {"(null)"}
    trueup.run("plan", "spec.yaml")


def test_an_empty_baseline_takes_a_yes(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=2, rows=20, users=2)
    trueup.specify(vectors={"counts": BASELINE})
    with sandbox.session(sandbox.summary["cluster"]) as session:
        session.execute("DELETE FROM items")
    refused = trueup.run("capture", "spec.yaml", expect=1)
    assert "has no rows" in refused.err
    assert not (trueup.directory / "baseline.yaml").exists()
