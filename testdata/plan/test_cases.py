"""Every folder here is a case: spec.yaml and observed.json make plan.txt, plan.json and the exit code.

With TRUEUP_GOLDEN=write in the environment these are written; look at the diff.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup")).resolve()
WRITES = os.environ.get("TRUEUP_GOLDEN") == "write"
# Where the same is done without the word, only more slowly: rows are loaded with the index in place.
OTHER_WAY = ("vectors-index-most-missing",)
CASES = sorted(path.parent for path in HERE.glob("*/spec.yaml"))


def plan(case: Path, *options: str, spec: str | None = None) -> subprocess.CompletedProcess[str]:
    """Without any setting of AWS's: a plan from a file needs none. spec: in place of spec.yaml."""
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [TRUEUP, "plan", "spec.yaml" if spec is None else "-", "--observed", "observed.json", *options]
    return subprocess.run(command, cwd=case, env=environment, check=False, capture_output=True, text=True, timeout=60,
                          input=spec or "")


def normalise(report: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from one run to the next, or follows from spec.yaml's very bytes."""
    assert report["startedAt"] <= report["finishedAt"]
    report["trueup"] = "VERSION"
    report["startedAt"] = report["finishedAt"] = "TIME"
    report["spec"]["sha256"] = "SHA256"
    report["spec"]["commit"] = "COMMIT"
    return report


def compare(path: Path, seen: str) -> None:
    if WRITES:
        path.write_text(seen, encoding="utf-8")
    assert seen == path.read_text(encoding="utf-8")


def test_there_are_cases() -> None:
    assert len(CASES) > 50


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plan(case: Path) -> None:
    text, report = plan(case), plan(case, "-o", "json")
    assert text.stderr == report.stderr == ""
    assert text.returncode == report.returncode
    compare(case / "exit", f"{text.returncode}\n")
    compare(case / "plan.txt", re.sub(r"^(production: plan of spec.yaml) at [0-9a-f]{12}", r"\1", text.stdout))
    document = normalise(json.loads(report.stdout))
    compare(case / "plan.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def actions_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for resource in report["resources"] for action in resource["actions"]]


# Whatever brings rows to bots replaces theirs; actions that are not here touch no rows.
REPLACES = {"sql:DELETE", "sql:COPY"}
ROWS = {
    "cluster/match": REPLACES, "cluster/rename-new": REPLACES, "vectors/copy": REPLACES, "vectors/replace": REPLACES,
    "vectors/replicate": REPLACES, "vectors/delete": {"sql:DELETE"}, "vectors/dms-prepare": {"sql:DELETE"},
}
# These wait, compare, or name what a person does.
CALL_NOTHING = ("settle", "recover", "dms-compare")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_calls_name_what_an_action_changes(case: Path) -> None:
    for resource in json.loads((case / "plan.json").read_text(encoding="utf-8"))["resources"]:
        for action in resource["actions"]:
            verb, calls = action["verb"], set(action["calls"])
            expected = ROWS.get(f"{resource['kind']}/{verb}", set())
            assert calls & REPLACES == expected, action
            assert calls or verb in CALL_NOTHING or action["state"] == "blocked", action
            assert "sql:DELETE" in calls or (resource["kind"], action["risk"]) != ("vectors", "destructive"), action


def planned_words() -> list[tuple[Path, str]]:
    """Each case with each word of `allow` without which its plan would be another."""
    found = []
    for case in (case for case in CASES if (case / "plan.json").exists()):  # else it is about to be written
        report = json.loads((case / "plan.json").read_text(encoding="utf-8"))
        words = {action["allow"] for action in actions_of(report) if action["state"] == "planned" and action["allow"]}
        found += [(case, word) for word in sorted(words)]
    return found


def test_every_word_is_needed_somewhere() -> None:
    schema = json.loads((ROOT / "specs/schema/trueup.schema.json").read_text(encoding="utf-8"))
    allow = schema["properties"]["spec"]["properties"]["allow"]["items"]["oneOf"]
    assert {word for _, word in planned_words()} == {one["const"] for one in allow}


@pytest.mark.parametrize("case, word", planned_words(), ids=lambda value: getattr(value, "name", value))
def test_without_a_word_of_allow_nothing_that_needs_it_is_planned(case: Path, word: str) -> None:
    spec = yaml.safe_load((case / "spec.yaml").read_text(encoding="utf-8"))
    spec["spec"]["allow"].remove(word)
    done = plan(case, "-o", "json", spec=yaml.safe_dump(spec))
    actions = actions_of(json.loads(done.stdout))
    idle = [action for action in actions if action["state"] != "planned"]
    assert done.returncode in (1, 2)
    if case.name not in OTHER_WAY:
        blocked = [action["waitsFor"] for action in idle if action["state"] == "blocked"]
        assert any(f"the word {word}" in waits for waits in blocked), done.stdout
    missing = {action["gives"] for action in idle} - {None}
    for action in actions:
        if action["state"] == "planned":
            assert action["allow"] != word and not missing & set(action["needs"]), action["id"]
