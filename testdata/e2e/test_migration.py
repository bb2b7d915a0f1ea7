"""The whole way from version 0 to version 1, as one spec: by trueup's own deployment, and around a person's."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import KILLED
from harness import BASELINE, ROOT, Outcome, Program, Sandbox, creators, group_of, username

DEPLOY = str(ROOT / "testdata/sandbox/deploy")
WORDS = ["replace-cluster", "remove-published-apis", "rebuild-index", "sign-out-users"]


def specify(trueup: Program, sandbox: Sandbox, replace: str = "deploy", words: list[str] | None = None) -> None:
    """All that the migration is about."""
    cluster: dict[str, Any] = {"encrypted": True, "replace": replace}
    if replace == "deploy":
        cluster["deploy"] = {"command": [DEPLOY], "timeout": "5m"}
    trueup.specify(
        cluster=cluster, rotation={"enabled": True},
        vectors={"index": {"lists": "auto"}, "counts": BASELINE,
                 "restore": {"method": "copy", "from": {"snapshot": "auto"}}},
        users=group_of(creators(sandbox), signOut=True), bots={"usable": True}, allow=WORDS if words is None else words)


@pytest.fixture
def version_0(sandbox: Sandbox, trueup: Program) -> Sandbox:
    """With three published APIs, its baseline captured."""
    sandbox.seed(bots=4, rows=160, users=12, published=3)
    specify(trueup, sandbox)
    trueup.capture()
    return sandbox


def the_cluster(sandbox: Sandbox) -> dict[str, Any]:
    """The one that the stack names."""
    listed = sandbox.client("cloudformation").list_stack_resources(StackName="BedrockChatStack")
    (name,) = (resource["PhysicalResourceId"] for resource in listed["StackResourceSummaries"]
               if resource["ResourceType"] == "AWS::RDS::DBCluster")
    return sandbox.clusters()[name]


def assert_migrated(sandbox: Sandbox, trueup: Program, rows: list[tuple[Any, ...]]) -> None:
    cluster = the_cluster(sandbox)
    assert cluster["StorageEncrypted"]
    assert sandbox.rows(cluster["DBClusterIdentifier"]) == rows
    assert list(sandbox.clusters()) == [cluster["DBClusterIdentifier"]], "a temporary cluster is left"
    assert [name for name in sandbox.snapshots() if "trueup" in name] == [], "a temporary snapshot is left"
    secrets = sandbox.client("secretsmanager")
    rotated = [one for one in secrets.list_secrets()["SecretList"] if one.get("RotationEnabled")]
    assert len(rotated) == 1, "the rotation is left off"
    assert {username(sandbox, email) for email in creators(sandbox)} <= sandbox.members()
    later = trueup.plan()
    removed = [resource for resource in later.report["resources"] if resource["kind"] == "apis"]
    assert len(removed) == 3
    assert all("to publish again" in " ".join(resource["notes"]) for resource in removed)


def test_one_apply_does_all_of_it(version_0: Sandbox, trueup: Program) -> None:
    rows = version_0.rows(version_0.summary["cluster"])
    baseline = trueup.baseline()
    planned = {action["id"] for action in trueup.plan(expect=2).actions("planned")}
    done = trueup.apply()
    assert done.report["summary"]["converged"]
    assert {action["id"] for action in done.actions("done") if "later" not in action} == planned
    assert {action["verb"] for action in done.actions("done") if "later" in action} >= {"copy", "delete-source"}
    past, = [one for one in done.report["resources"] if one["kind"] == "cluster" and one["state"] == "skipped"]
    assert the_cluster(version_0)["DBClusterIdentifier"] in past["reason"]
    assert "deploy" in [action["verb"] for action in past["actions"]]
    verbs = [action["verb"] for action in done.actions("done")]
    for verb in ("snapshot", "remove", "deploy", "restore-source", "copy", "delete-source", "add", "sign-out"):
        assert verb in verbs, verb
    assert_migrated(version_0, trueup, rows)
    version_0.forget()
    trueup.apply()
    assert version_0.calls()["mutating"] == 0 and version_0.writes() == 0
    assert trueup.capture("--out", "after.yaml") == baseline and trueup.baseline("after.yaml") == baseline


@pytest.mark.parametrize("word", ["replace-cluster", "remove-published-apis"])
def test_without_a_word_what_needs_it_waits(version_0: Sandbox, trueup: Program, word: str) -> None:
    specify(trueup, version_0, words=[other for other in WORDS if other != word])
    outcome = trueup.apply(expect=2)
    blocked = [action for action in outcome.actions("blocked") if action["allow"] == word]
    assert blocked and all(word in action["waitsFor"] for action in blocked)
    assert not the_cluster(version_0)["StorageEncrypted"]
    done = {name for name in version_0.calls()["operations"] if name.endswith(("DeleteStack", "DeleteApiKey"))}
    assert done == set(), "an API was removed for a replacement that does not come"


def test_killed_at_random_moments_it_is_finished(sandbox: Sandbox, trueup: Program,
                                                 moments: Callable[[float, int], list[float]]) -> None:
    """In the world of contrib/quickstart --migration."""
    sandbox.seed(bots=8, rows=2000, users=20, published=3)
    specify(trueup, sandbox)
    trueup.capture()
    rows, chosen = sandbox.rows(sandbox.summary["cluster"]), moments(5.0, 8)
    killed = sum(trueup.kill_after(moment, *KILLED) for moment in chosen)
    print(f"{killed} of {len(chosen)} were still running")
    assert killed >= len(chosen) // 3
    trueup.apply()
    assert_migrated(sandbox, trueup, rows)


def test_a_person_deploys_when_it_pleases_them(version_0: Sandbox, trueup: Program) -> None:
    """Too early, so that all is rolled back; and again, while trueup is at work."""
    rng = random.Random(5)
    rows = version_0.rows(version_0.summary["cluster"])
    specify(trueup, version_0, replace="manual")

    def deploy() -> int:
        return subprocess.run([DEPLOY], env=trueup.environment, capture_output=True, check=False).returncode

    assert deploy() == 1, "the APIs are still there"
    first = trueup.apply(expect=2)
    (waiting,) = (action for action in first.actions("blocked") if action["kind"] == "cluster") \
        if "kind" in first.actions("blocked")[0] else first.actions("blocked")[:1]
    assert "a person" in waiting["waitsFor"]
    person = threading.Timer(rng.uniform(0.1, 2.0), deploy)
    person.start()
    outcome: Outcome | None = None
    for _ in range(10):
        outcome = trueup.apply(expect=None)
        if outcome.code == 0 and not person.is_alive():
            break
        assert outcome.code == 2, outcome.told()
        time.sleep(0.2)
    person.join()
    assert outcome is not None and outcome.code == 0, outcome and outcome.told()
    assert_migrated(version_0, trueup, rows)
