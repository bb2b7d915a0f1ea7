"""What the forges are given: the action, its workflow, the job of GitLab; as far as it shows without a forge."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from stand_in import GitHubStand
from test_forge import CASES, FORGE, ROOT, TOKEN, TRUEUP, github, only

CONTRIB = ROOT / "contrib"
ACTION = yaml.safe_load((CONTRIB / "github/action.yml").read_text())
WORKFLOW = yaml.safe_load((CONTRIB / "github/workflow.yml").read_text())
GITLAB = yaml.safe_load((CONTRIB / "gitlab/trueup.gitlab-ci.yml").read_text())
BUILD, RUN = ACTION["runs"]["steps"]
SETTINGS = {name for file in ("review", "identity")
            for name in re.findall(r"\bREVIEW_\w+", (FORGE / file).read_text())}
JOBS = {name: job for name, job in GITLAB.items() if not name.startswith(".")}


@pytest.mark.parametrize(("schema", "file"), [
    ("github-actions", "github/action.yml"), ("github-workflows", "github/workflow.yml"),
    ("gitlab-ci", "gitlab/trueup.gitlab-ci.yml"),
])
def test_they_are_of_the_forges_schemas(schema: str, file: str) -> None:
    done = subprocess.run([str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema",
                           f"vendor.{schema}", *(["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []),
                           str(CONTRIB / file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def scripts() -> list[str]:
    parts = [step["run"] for step in ACTION["runs"]["steps"]]
    parts += ["\n".join(job.get("before_script", []) + job.get("script", [])) for job in GITLAB.values()]
    return [part for part in parts if part]


def test_scripts_are_clean_and_nothing_is_put_into_them() -> None:
    assert len(scripts()) == 3
    for script in scripts():
        assert "${{" not in script
        done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=f"set -e\n{script}", capture_output=True,
                              text=True, check=False)  # as both forges run it
        assert done.returncode == 0, done.stdout


def test_settings_are_those_that_are_read() -> None:
    given = {name: value for name, value in RUN["env"].items()}
    assert set(given) == SETTINGS - {"REVIEW_REPORT"}  # GitHub has the summary
    for value in given.values():
        named = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
        assert named is not None and named[1] in ACTION["inputs"]
    for job in GITLAB.values():
        assert {name for name in job.get("variables", {}) if name.startswith("REVIEW_")} <= SETTINGS


def steps(job: str) -> list[dict[str, Any]]:
    return list(WORKFLOW["jobs"][job]["steps"])


def test_the_workflow_may_do_no_more_than_it_must() -> None:
    on = WORKFLOW[True]  # as YAML 1.1 reads `on`
    assert set(on) == {"pull_request", "push"} and WORKFLOW["permissions"] == {}
    rights = {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()}
    assert rights == {"review": {"contents": "read", "pull-requests": "write", "id-token": "write"},
                      "plan": {"contents": "read", "id-token": "write"},
                      "apply": {"contents": "read", "id-token": "write"}}
    assert WORKFLOW["jobs"]["apply"]["environment"] and GITLAB["trueup-apply"]["environment"]
    for job in WORKFLOW["jobs"]:
        for step in steps(job):
            assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
            if "/trueup/" in step["uses"]:
                assert set(step["with"]) <= set(ACTION["inputs"])
            if "/checkout@" in step["uses"]:
                assert step["with"] == {"persist-credentials": False}


def test_only_reviewed_plans_are_applied() -> None:
    (made,) = (step["with"]["plan"] for step in steps("plan") if "plan" in step.get("with", {}))
    (done,) = (step["with"]["apply"] for step in steps("apply") if "apply" in step.get("with", {}))
    assert made == done and WORKFLOW["jobs"]["apply"]["needs"] == "plan"
    made, done = GITLAB["trueup-plan"]["variables"]["REVIEW_PLAN"], GITLAB["trueup-apply"]["variables"]["REVIEW_APPLY"]
    assert made == done and made in GITLAB["trueup-plan"]["artifacts"]["paths"]
    assert GITLAB["trueup-apply"]["rules"][0]["when"] == "manual" and GITLAB["trueup-apply"]["needs"] == ["trueup-plan"]
    assert all(job["extends"] == ".trueup" for job in JOBS.values())


def run_action(folder: Path, stand: GitHubStand, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step as the runner has it: its script, and the environment that it makes of the inputs."""
    values = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | {"token": TOKEN} | inputs
    given = {name: values[value[len("${{ inputs."):-len(" }}")]] for name, value in RUN["env"].items()}
    environment = {"PATH": os.environ["PATH"], "GITHUB_ACTION_PATH": str(CONTRIB / "github"), "RUNNER_TEMP": str(folder),
                   "PYTHONDONTWRITEBYTECODE": "1", **github(folder, stand, 5, is_fork=False), **given}
    return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", RUN["run"]], cwd=folder,
                          env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_action_plans_comments_and_applies(tmp_path: Path) -> None:
    stand = GitHubStand()
    program = tmp_path / "trueup/agent/trueup"  # where the step before has built it
    program.parent.mkdir(parents=True)
    program.write_text(f"""#!/bin/sh
echo "$@" >>{tmp_path}/arguments
case $1 in plan) shift; exec {TRUEUP} plan --observed {CASES}/users-missing/observed.json "$@" ;; esac
echo '## trueup apply: drift'; exit 2""")
    program.chmod(0o755)
    (tmp_path / "my specs").mkdir()
    (tmp_path / "my specs/a.yaml").write_text((CASES / "users-missing/spec.yaml").read_text())
    try:
        done = run_action(tmp_path, stand, specs="my specs\n", plan="plan.json")
        assert done.returncode == 0, done.stderr
        assert "+ members/alice@example.com" in only(stand)["body"]
        assert json.loads((tmp_path / "plan.json").read_text()), "what apply takes"
        assert run_action(tmp_path, stand, specs="my specs", **{"fail-on-drift": "true"}).returncode == 2
        assert run_action(tmp_path, stand, **{"fail-on-drift": "yes"}).returncode == 1
        before = len(stand.requests)
        assert run_action(tmp_path, stand, apply="plan.json").returncode == 2, "what is left undone fails the job"
        assert len(stand.requests) == before, "an apply is no news for a pull request"
    finally:
        stand.close()
    last = (tmp_path / "arguments").read_text().splitlines()[-1]
    assert last == f"apply --yes --wait 3h --trigger ci --revision {'a' * 40} -o markdown -- plan.json"
    told = subprocess.run([TRUEUP, "help", "apply"], capture_output=True, text=True, check=True).stdout
    assert all(word in told for word in ("--yes", "--wait", "--trigger", "--revision", "-o, "))


def test_what_is_built_of_is_installed_alone() -> None:
    assert "contrib/setup --build" in BUILD["run"]
    assert "contrib/setup --build" in GITLAB[".trueup"]["before_script"]
    subprocess.run([str(CONTRIB / "setup"), "--build"], check=True, timeout=60)
