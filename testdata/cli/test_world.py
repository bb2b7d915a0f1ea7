"""What is said where AWS cannot be reached, and what is refused before anybody asks it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
from pathlib import Path

from conftest import ENVIRONMENT, TRUEUP, Run, observed, spec

VECTORS = "  vectors: {counts: {file: base.yaml}, connect: {host: db.example.com, secret: s}}\n"


def test_unreachable_is_unknown(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    for command in (["plan"], ["apply", "--yes"]):
        done = trueup(*command, "spec.yaml", "-o", "json")
        report = json.loads(done.stdout)
        assert done.returncode == 1
        assert report["command"] == command[0]
        assert report["summary"]["unknown"] >= 1 and report["summary"]["drifted"] == 0


def test_observe_prints_what_it_could_not_see(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    done = trueup("observe", "spec.yaml")
    assert done.returncode == 1
    assert json.loads(done.stdout)["account"]["seen"]["status"] == "unknown"
    assert trueup("observe", "spec.yaml", "--out", "seen.json").stdout == ""
    replayed = trueup("plan", "spec.yaml", "--observed", "seen.json", "-o", "json")
    assert replayed.returncode == 1
    assert json.loads(replayed.stdout)["summary"]["unknown"] >= 1


def test_capture_writes_nothing_it_did_not_see(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec(body=VECTORS))
    done = trueup("capture", "spec.yaml", "--yes")
    assert done.returncode == 1
    assert "production: the rows could not be seen: " in done.stderr
    assert not (tmp_path / "base.yaml").exists()
    (tmp_path / "users.yaml").write_text(spec("users"))
    assert "has no section vectors" in trueup("capture", "users.yaml").stderr
    done = trueup("capture", "spec.yaml", "users.yaml", "--out", "both.yaml")
    assert done.returncode == 64 and not (tmp_path / "both.yaml").exists()
    assert done.stderr == "trueup: --out: a baseline is one deployment's, and these are 2\n"


def test_apply_refuses_without_a_terminal(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    done = trueup("apply", "spec.yaml", text="yes\n")
    assert done.returncode == 64 and done.stdout == ""
    assert done.stderr == "trueup: there is no terminal to ask on: say --yes to apply without asking\n"
    (tmp_path / "paused.yaml").write_text(spec(body="  mode: paused\n  users: {groups: {Admin: {members: [a]}}, pool: eu-west-3_A}\n"))
    assert trueup("apply", "paused.yaml").returncode == 0  # there is nothing that it could be asked


def test_apply_knows_a_saved_plan(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec())
    (tmp_path / "seen.json").write_text(observed())
    trueup("plan", "spec.yaml", "--observed", "seen.json", "--out", "plan.json")
    done = trueup("apply", "plan.json", "spec.yaml", "--yes")
    assert done.returncode == 64 and done.stderr.startswith("trueup: plan.json is a saved plan")
    done = trueup("apply", "plan.json", "--yes", "-o", "json")  # the world is not what it was: it is not there
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "refused"
    (tmp_path / "spec.yaml").write_text(spec("renamed"))
    done = trueup("apply", "plan.json", "--yes")
    assert done.returncode == 1 and "no deployment production" in done.stderr
    (tmp_path / "spec.yaml").unlink()
    assert trueup("apply", "plan.json", "--yes").returncode == 65
    (tmp_path / "plan.json").write_text('{"schema": "trueup/plan/v1", "deployments": [{}]}')
    assert trueup("apply", "plan.json", "--yes").returncode == 65


def test_logs_are_json_where_that_is_asked_for(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(spec(body=VECTORS))
    done = trueup("capture", "spec.yaml", "--log-format", "json", "-v")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines and all({"time", "level", "message"} <= line.keys() for line in lines)


def test_apply_on_a_terminal_does_not_ask_about_nothing(tmp_path: Path) -> None:
    """Nothing can be seen, so nothing is planned: no question, and the report."""
    (tmp_path / "spec.yaml").write_text(spec())
    outer, inner = pty.openpty()
    with subprocess.Popen([TRUEUP, "apply", "spec.yaml"], cwd=tmp_path, env=ENVIRONMENT, stdin=inner, stdout=inner,
                          stderr=inner) as process:
        os.close(inner)
        shown, until = b"", time.monotonic() + 60
        while time.monotonic() < until and select.select([outer], [], [], 60)[0]:
            try:
                shown += os.read(outer, 4096)
            except OSError:  # the other end has gone
                break
        assert process.wait(timeout=60) == 1
    os.close(outer)
    assert b"unknown" in shown and b"Only 'yes'" not in shown
