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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup")).resolve()
WRITES = os.environ.get("TRUEUP_GOLDEN") == "write"
CASES = sorted(path.parent for path in HERE.glob("*/spec.yaml"))


def plan(case: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Without any setting of AWS's: a plan from a file needs none."""
    environment = {"PATH": os.environ["PATH"], "TZ": "UTC", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [TRUEUP, "plan", "spec.yaml", "--observed", "observed.json", *options]
    return subprocess.run(command, cwd=case, env=environment, check=False, capture_output=True, text=True, timeout=60)


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
