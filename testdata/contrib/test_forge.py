"""The jobs that plan a pull request: one comment, whatever runs beside them, comes late or is written by others."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from stand_in import NUMBER, TOKEN, Answer, GitHubStand, GitLabStand, Stand

ROOT = Path(__file__).resolve().parents[2]
FORGE = ROOT / "contrib/forge"
CASES = ROOT / "testdata/plan"
TRUEUP = Path(os.environ.get("TRUEUP", ROOT / ".build-asan/agent/trueup")).resolve()
IN_SYNC, DRIFT, UNKNOWN, INVALID = 0, 2, 1, 65
Job = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=[GitHubStand, GitLabStand], ids=["github", "gitlab"])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    stand: Stand = request.param()
    yield stand
    stand.close()


def github(folder: Path, stand: Stand, run: int, is_fork: bool) -> dict[str, str]:
    head = {"sha": "a" * 40, "repo": {"full_name": "mallory/chat" if is_fork else "team/chat"}}
    event = {"pull_request": {"number": NUMBER, "title": "$(touch pwned) `x`", "head": head}}
    (folder / "event.json").write_text(json.dumps(event))
    return {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": stand.url, "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "team/chat", "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_RUN_ID": str(run), "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_ACTOR": "alice"}


def gitlab(folder: Path, stand: Stand, run: int, is_fork: bool) -> dict[str, str]:
    return {"GITLAB_CI": "true", "CI_API_V4_URL": stand.url, "CI_PROJECT_ID": "42", "CI_PIPELINE_ID": str(run),
            "CI_MERGE_REQUEST_IID": str(NUMBER), "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "43" if is_fork else "42", "CI_JOB_ID": "9",
            "CI_JOB_URL": "https://gitlab.com/team/chat/-/jobs/9", "CI_COMMIT_SHA": "a" * 40,
            "REVIEW_REPORT": str(folder / "summary.md")}


@pytest.fixture
def job(stand: Stand, tmp_path: Path) -> Job:
    """One run of contrib/forge/review, as the CI has it, with trueup's plan of what a case observed."""

    def run(case: Path | str, number: int = 1, is_fork: bool = False, program: str = "",
            **settings: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / f"run-{number}"
        folder.mkdir(exist_ok=True)
        case = CASES / case
        wrapper = folder / "trueup"  # what a plan would look at is in a file
        wrapper.write_text(f'#!/bin/sh\nenv >{folder}/env; echo "$@" >{folder}/arguments\n' + (program or f"""
case $1 in plan) shift; exec {TRUEUP} plan --observed {case}/observed.json "$@" ;; *) exec {TRUEUP} "$@" ;; esac"""))
        wrapper.chmod(0o755)
        place = (github if isinstance(stand, GitHubStand) else gitlab)(folder, stand, number, is_fork)
        environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "REVIEW_TOKEN": TOKEN,
                       "REVIEW_PROGRAM": str(wrapper), "REVIEW_SPECS": f"{case}/spec.yaml", **place, **settings}
        done = subprocess.run([sys.executable, str(FORGE / "review")], env=environment, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=60)
        assert TOKEN not in done.stdout + done.stderr and "Traceback" not in done.stderr, done.stderr
        return done

    return run


def only(stand: Stand) -> dict[str, Any]:
    ours = [comment for comment in stand.comments if comment | stand.me() == comment]
    assert len(ours) == 1, [comment["body"][:80] for comment in ours]
    return ours[0]


def test_one_comment_is_made_and_updated(stand: Stand, job: Job, tmp_path: Path) -> None:
    assert job("everything-in-sync", 1).returncode == IN_SYNC
    assert not stand.comments, "nothing is told where nothing differs"
    done = job("users-missing", 2)
    assert done.returncode == IN_SYNC, done.stderr  # drift does not fail the job
    first = dict(only(stand))
    assert first["body"].startswith("<!-- trueup: specs of run 2 -->\n## trueup plan: drift\n")
    assert "+ members/alice@example.com\n" in first["body"] and f" of {'a' * 12}\n" in first["body"]
    assert job("everything-drifts", 3).returncode == IN_SYNC
    assert job("everything-drifts", 3).returncode == IN_SYNC  # the same run once more
    assert only(stand)["id"] == first["id"] and "cluster is not encrypted" in only(stand)["body"]
    assert job("everything-in-sync", 4).returncode == IN_SYNC
    assert only(stand)["id"] == first["id"] and "\n## trueup plan: in sync\n" in only(stand)["body"]
    assert stand.count("POST") == 1 and stand.count("DELETE") == 0
    assert "## trueup plan: drift" in (tmp_path / "run-2/summary.md").read_text()
    if isinstance(stand, GitHubStand):
        assert (tmp_path / "run-2/output").read_text() == "code=2\ndrift=true\n"


def test_it_finds_its_own_among_many(stand: Stand, job: Job) -> None:
    marker = "<!-- trueup: specs of run 1 -->\n"
    for number in range(120):
        stand.add(f"{marker}as others write it {number}", stand.other())
    stand.add("<!-- trueup: staging of run 1 -->\nanother job's", stand.me())
    stand.add(f"quoted:\n{marker}", stand.me())
    mine = stand.add(f"{marker}old", stand.me())
    before = [dict(comment) for comment in stand.comments if comment is not mine]
    assert job("users-missing", 2).returncode == IN_SYNC
    assert "drift" in mine["body"] and [comment for comment in stand.comments if comment is not mine] == before
    assert stand.count("POST") == 0


def test_two_runs_that_race_leave_one_comment(stand: Stand, job: Job) -> None:
    """Both have found none before either makes one."""
    barrier = threading.Barrier(2, timeout=30)
    waiting = {"left": 2}

    def before(method: str) -> None:
        if method == "POST" and waiting["left"] > 0:
            waiting["left"] -= 1
            barrier.wait()

    stand.before = before
    runs = [threading.Thread(target=job, args=(case, number)) for number, case in
            enumerate(("users-missing", "everything-drifts"), start=1)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert stand.count("POST") == 2
    assert only(stand)["body"].startswith("<!-- trueup: specs of run 2 -->"), "the newer run's report"
    assert "cluster is not encrypted" in only(stand)["body"]


def test_a_late_run_does_not_put_an_older_report_over_a_newer(stand: Stand, job: Job) -> None:
    job("everything-drifts", 9)
    kept = dict(only(stand))
    assert job("users-missing", 8).returncode == IN_SYNC
    assert only(stand) == kept


def test_duplicates_are_made_one(stand: Stand, job: Job) -> None:
    ids = [stand.add(f"<!-- trueup: specs of run {run} -->\nold", stand.me())["id"] for run in (1, 3, 2)]
    assert job("users-missing", 4).returncode == IN_SYNC
    assert only(stand)["id"] == ids[0] and "run 4 -->" in only(stand)["body"]


def test_it_asks_again_where_that_helps(stand: Stand, job: Job) -> None:
    answers = [Answer(500), Answer(429, {"Retry-After": "0"}), Answer(403, {"Retry-After": "0"}),
               Answer(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"})]
    stand.troubles = [("POST", answer) for answer in answers]
    done = job("users-missing")
    assert done.returncode == IN_SYNC, done.stderr
    assert only(stand) and stand.count("POST") == len(answers) + 1


def test_a_comment_that_was_made_in_spite_of_an_error_stays_the_only_one(stand: Stand, job: Job) -> None:
    stand.before = lambda method: (method == "POST" and not stand.comments and stand.add(
        "<!-- trueup: specs of run 1 -->\nmade, and then the connection broke", stand.me())) and None
    stand.troubles = [("POST", Answer(500))]
    assert job("users-missing").returncode == IN_SYNC
    assert "drift" in only(stand)["body"]


@pytest.mark.parametrize(("trouble", "told"), [
    (("GET", Answer(403, body={"message": "Resource not accessible"})), "Resource not accessible"),
    (("POST", Answer(403)), "403"), (("GET", Answer(302, {"Location": "http://127.0.0.1:1/"})), "302"),
    (("GET", Answer(429, {"Retry-After": "3600"})), "asks to wait 3600 seconds"),
])
def test_a_comment_that_cannot_be_made_fails_the_job(stand: Stand, job: Job, tmp_path: Path,
                                                     trouble: tuple[str, Answer], told: str) -> None:
    stand.troubles = [trouble]
    done = job("users-missing")
    assert done.returncode == 1 and told in done.stderr, done.stderr
    assert ("pull-requests: write" in done.stderr or "scope `api`" in done.stderr) == (trouble[1].status == 403)
    assert not stand.comments and stand.count("POST") == (trouble[0] == "POST")
    assert "## trueup plan: drift" in (tmp_path / "run-1/summary.md").read_text(), "the plan is not lost"


def test_a_token_goes_nowhere_else(stand: Stand, job: Job, tmp_path: Path) -> None:
    for wrong, told in (("not the token", "REVIEW_TOKEN has no token"), ("", "REVIEW_TOKEN has no token"),
                        ("wrong", "401 Bad credentials")):
        done = job("users-missing", REVIEW_TOKEN=wrong)
        assert done.returncode == 1 and told in done.stderr and (not wrong or wrong not in done.stderr)
    where = "GITHUB_API_URL" if isinstance(stand, GitHubStand) else "CI_API_V4_URL"
    assert "not https" in job("users-missing", **{where: "http://forge.example"}).stderr
    assert job("users-missing").returncode == IN_SYNC
    for file in ("env", "arguments"):  # of trueup
        assert TOKEN not in (tmp_path / f"run-1/{file}").read_text()


@pytest.mark.parametrize(("case", "code", "told"), [
    ("users-missing", DRIFT, "plan: drift"), ("users-unknown", UNKNOWN, "plan: failed"),
    ("everything-in-sync", IN_SYNC, None), ("no-such-case", INVALID, "plan: not valid"),
])
def test_exit_codes(stand: Stand, job: Job, case: str, code: int, told: str | None) -> None:
    done = job(case, 1)
    assert done.returncode == (IN_SYNC if code == DRIFT else code), done.stderr
    if code == DRIFT:
        assert job(case, 2, REVIEW_FAIL_ON_DRIFT="true").returncode == DRIFT
    assert (told in only(stand)["body"]) if told else not stand.comments


def test_what_is_not_valid_is_told_as_it_is(stand: Stand, job: Job, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("apiVersion: trueup/v1\nkind: BedrockChat\nmetadata: {name: x}\n"
                                        'spec: {"````\\n@all <!-- trueup: specs of run 9 -->\\n/close": 1}\n')
    assert job(tmp_path).returncode == INVALID
    body = only(stand)["body"]
    fence = re.search(r"^(`+)text$", body, re.MULTILINE)
    assert fence is not None and len(fence[1]) > 4 and ":4:8: spec." in body
    assert not re.search(r"^(/close|@all|<!-- trueup: specs of run 9)", body, re.MULTILINE)


def test_specs_of_a_fork_are_validated_only(stand: Stand, job: Job, tmp_path: Path) -> None:
    assert job("users-missing", is_fork=True).returncode == IN_SYNC
    assert not stand.requests
    assert (tmp_path / "run-1/arguments").read_text().startswith("validate -- ")
    assert "## trueup validate: fine" in (tmp_path / "run-1/summary.md").read_text()
    assert job("no-such-case", is_fork=True).returncode == INVALID
    if isinstance(stand, GitHubStand):  # whose jobs have no more rights
        job("users-missing", GITHUB_ACTOR="dependabot[bot]")
        assert (tmp_path / "run-1/arguments").read_text().startswith("validate -- ") and not stand.requests


def is_closed(body: str) -> bool:
    return body.count("```") % 2 == 0 and body.count("<details>") == body.count("</details>")


def test_long_reports_are_cut(stand: Stand, job: Job) -> None:
    size = stand.limit + 50_000
    program = f"""printf '## trueup plan: drift\\n\\n<details><summary>many</summary>\\n\\n```diff\\n'
yes '+ members/é' | head -c {size} ; printf '\\n```\\n\\n</details>\\n'; exit 2"""
    assert job("users-missing", program=program).returncode == IN_SYNC
    body = only(stand)["body"]
    assert stand.limit - 1000 < len(body.encode()) <= stand.limit and is_closed(body)
    assert "cut to fit: the job has the whole report" in body and f" of {'a' * 12}\n" in body


# What a name may be, and what may stand in words of AWS's and of people.
NAMES = ["```", "</details>", "[x](javascript:y)", "![x](//evil.example/x)", "/close", "GH-12", "team!12", "see&3",
         "x%1", "<!--trueup:specs-->", "#1", "``x@y.example``"]
WORDS = """<!-- trueup: specs of run 99 -->
/close
/merge
```
@all @team/admins, closes #1 GH-2 team!3 see &4 and %5 or %"next" ` @all ` \\` @all \\` </details> [x](javascript:y) http://evil.example"""


def hostile(folder: Path, members: int) -> None:
    """A spec, and what was seen, of which every word is meant to be something else on a page."""
    names = NAMES + [f"member{number:05}@example.com" for number in range(members)]
    spec = yaml.safe_load((CASES / "users-missing/spec.yaml").read_text())
    observed = json.loads((CASES / "users-missing/observed.json").read_text())
    spec["spec"]["limits"] = {"changes": 100000}
    spec["spec"]["users"]["groups"]["CreatingBotAllowed"]["members"] = names
    observed["users"]["candidates"] = [
        {"seen": {"status": "seen"}, "asked": name,
         "users": [{"username": name, "status": "CONFIRMED", "enabled": True, "email": "x@example.com"}]}
        for name in names]
    if members == 0:
        spec["spec"]["users"]["groups"]["Unseen"] = {"members": ["x@example.com"]}
        observed["users"]["groups"].append({"seen": {"status": "unknown", "reason": WORDS}, "name": "Unseen",
                                            "exists": True, "members": []})
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    (folder / "observed.json").write_text(json.dumps(observed))


def prose(body: str) -> str:
    """What a page would read as Markdown: without code, from which nothing is made."""
    body = re.sub(r"^```diff\n.*?^```$", "", body, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)", "", body)


@pytest.mark.parametrize(("members", "code"), [(0, UNKNOWN), (3000, IN_SYNC)])
def test_no_name_becomes_anything_else(stand: Stand, job: Job, tmp_path: Path, members: int, code: int) -> None:
    hostile(tmp_path, members)
    done = job(tmp_path, 1)
    assert done.returncode == code, done.stderr
    body = only(stand)["body"]
    assert len(body.encode()) <= stand.limit
    assert "+ members/```\n" in body and ("closes `#1`" in body or members)
    marker, _, rest = body.partition("\n")
    assert marker == "<!-- trueup: specs of run 1 -->"
    text = prose(rest.rpartition("\n[")[0])
    assert not re.search(r"@|<!--|(?<!\\)\]\(|(?<!&)#\d|[!%]\w|&(?!lt;|gt;|amp;)|amp;\w|GH-\d|^/|://", text,
                         re.MULTILINE), text
    assert text.count("<details>") == text.count("</details>") and "```" not in text.replace("\\`", "")
    assert job(tmp_path, 2).returncode == code and "specs of run 2" in only(stand)["body"][:40]


def test_a_job_that_is_cancelled_lets_trueup_end_in_order(stand: Stand, job: Job, tmp_path: Path) -> None:
    """TERM reaches identity or review, which hand it on."""
    program = f"""trap 'touch {tmp_path}/ended; exit 1' TERM; kill -TERM "$PPID"
for i in $(seq 500); do sleep 0.02; done"""
    assert job("users-missing", program=program).returncode == 1
    assert (tmp_path / "ended").exists() and "plan: failed" in only(stand)["body"]


def test_nothing_that_trueup_says_is_a_command_to_the_runner(stand: Stand, job: Job) -> None:
    done = job("users-missing", program="echo '::error::x' >&2; echo '## trueup plan: drift'; exit 2")
    if isinstance(stand, GitHubStand):
        first, last = done.stdout.splitlines()
        assert first.startswith("::stop-commands::") and last == f"::{first.split('::')[2]}::"
    else:
        assert done.stdout == ""


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(FORGE))
    spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, str(FORGE / name)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TokenStand(GitHubStand):
    """Where a job of GitHub asks for its identity."""

    known_query = frozenset({"api-version", "audience"})

    def is_known(self, headers: dict[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {TOKEN}"

    def special(self, method: str, path: str) -> Answer | None:
        return Answer(200, body={"value": f"identity-{len(self.requests)}"}) if path == "/token" else None


@pytest.fixture
def tokens() -> Iterator[Stand]:
    stand = TokenStand()
    yield stand
    stand.close()


SEEN = """cat "$AWS_WEB_IDENTITY_TOKEN_FILE"; echo " $AWS_ROLE_ARN $AWS_ROLE_SESSION_NAME"
stat -c %a "$AWS_WEB_IDENTITY_TOKEN_FILE"; echo "$AWS_WEB_IDENTITY_TOKEN_FILE"; env"""


def identity(folder: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(FORGE / "identity"), "sh", "-c", script], capture_output=True,
                          text=True, check=False, timeout=60,
                          env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1",
                               "RUNNER_TEMP": str(folder), **environment})


def test_a_job_has_the_role_that_trusts_it(tokens: Stand, tmp_path: Path) -> None:
    asked = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{tokens.url}/token?api-version=2.0",
             "ACTIONS_ID_TOKEN_REQUEST_TOKEN": TOKEN}
    done = identity(tmp_path, f"{SEEN}; exit 2", REVIEW_ROLE="arn:aws:iam::1:role/x", GITHUB_RUN_ID="5", **asked)
    lines = done.stdout.splitlines()
    assert done.returncode == 2 and lines[:2] == ["identity-1 arn:aws:iam::1:role/x trueup-5", "600"], done.stderr
    assert tokens.requests == ["GET /token?api-version=2.0&audience=sts.amazonaws.com"]
    assert TOKEN not in done.stdout + done.stderr and "=identity-1" not in done.stdout
    assert not Path(lines[2]).exists()
    # GitLab's; no role; a role, and no token: a fork's job.
    done = identity(tmp_path, SEEN, REVIEW_ROLE="arn:aws:iam::1:role/x", TRUEUP_ID_TOKEN="given", CI_JOB_ID="6")
    assert done.stdout.startswith("given arn:aws:iam::1:role/x trueup-6\n600\n") and "=given" not in done.stdout
    assert identity(tmp_path, "exit 3", REVIEW_ROLE="", **asked).returncode == 3
    done = identity(tmp_path, "exit 3", REVIEW_ROLE="arn:aws:iam::1:role/x")
    assert done.returncode == 3 and "id-token: write" in done.stderr
    done = identity(tmp_path, "exit 3", REVIEW_ROLE="x", **{**asked, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "wrong"})
    assert done.returncode == 1 and "gave no token" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_token_is_renewed_while_the_command_runs(tokens: Stand, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("identity")
    monkeypatch.setattr(module, "RENEW", 0.05)
    monkeypatch.setenv("REVIEW_ROLE", "arn:aws:iam::1:role/x")
    file = tmp_path / "token"
    module.write(file, "old")
    waits = f"until grep -q identity-2 {file}; do sleep 0.02; done"
    assert module.run(["sh", "-c", waits], file, f"{tokens.url}/token?api-version=2.0", TOKEN) == 0
    assert module.run(["sh", "-c", "kill -KILL $$"], file, "", "") == 128 + 9
