"""Published APIs: in the way of a replacement by CloudFormation, and out of it once the spec allows that."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from harness import BASELINE, Program, Sandbox

WORD = ["remove-published-apis"]
MANUAL = {"encrypted": True, "replace": "manual"}


def bots_of(sandbox: Sandbox) -> list[str]:
    return sorted(bot["id"] for bot in sandbox.summary["bots"] if bot["published"])


def stacks(sandbox: Sandbox) -> set[str]:
    listed = sandbox.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in listed if stack["StackName"].startswith("ApiPublishment")}


def keys(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.client("apigateway").get_api_keys(includeValues=True)["items"]
    return found


def record(trueup: Program) -> dict[str, Any]:
    (path,) = (trueup.directory / "state").glob("*.published-apis.json")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@pytest.fixture
def published(sandbox: Sandbox, trueup: Program) -> Sandbox:
    """Three published APIs, and a cluster that waits for a person to replace it."""
    sandbox.seed(bots=4, rows=40, users=12, published=3)
    trueup.specify(cluster=MANUAL, vectors={"counts": BASELINE}, allow=WORD)
    trueup.capture()
    return sandbox


def test_without_the_word_nothing_is_deleted(published: Sandbox, trueup: Program) -> None:
    trueup.specify(cluster=MANUAL, vectors={"counts": BASELINE})
    outcome = trueup.apply(expect=2)
    removals = [action for action in outcome.actions() if action["verb"] == "remove"]
    assert len(removals) == 3 and all(action["state"] == "blocked" for action in removals)
    assert all("remove-published-apis" in action["waitsFor"] for action in removals)
    counts = published.calls()["operations"]
    assert not {"cloudformation:DeleteStack", "apigateway:DeleteApiKey"} & set(counts)
    assert len(stacks(published)) == 3 and len(keys(published)) == 6


def test_they_are_recorded_and_removed_and_listed_afterwards(published: Sandbox, trueup: Program) -> None:
    values = [key["value"] for key in keys(published)]
    outcome = trueup.apply(expect=2)
    assert [action["state"] for action in outcome.actions() if action["verb"] == "remove"] == ["done"] * 3
    assert stacks(published) == set() and keys(published) == []

    recorded = record(trueup)
    assert sorted(api["bot"] for api in recorded["apis"]) == bots_of(published)
    for api in recorded["apis"]:
        assert (api["throttleRate"], api["throttleBurst"], api["quotaLimit"], api["quotaPeriod"]) == ("5", 10, 1000, "DAY")
        assert len(api["keys"]) == 2 and api["allowedOrigins"] == "*" and api["parameters"]
    for text in [json.dumps(recorded), outcome.out, outcome.err]:
        assert not any(value in text for value in values)

    later = trueup.plan(expect=2)
    for bot in bots_of(published):
        resource = later.resource("apis", bot)
        assert resource["state"] == "in-sync"
        assert any("to be published again" in note and "1000 a DAY" in note for note in resource["notes"])

    # Published again: no longer listed, and in the way again.
    published.control("cloudformation/stack", name=f"ApiPublishmentStack{bots_of(published)[0]}", outputs={}, resources=[])
    assert len([one for one in trueup.plan(expect=2).report["resources"] if one["kind"] == "apis"]) == 2


def test_one_that_cannot_be_deleted_is_named_and_the_rest_goes_on(published: Sandbox, trueup: Program) -> None:
    stuck = f"ApiPublishmentStack{bots_of(published)[1]}"
    published.control("cloudformation/undeletable", stack=stuck, resource="Api", reason="a base path mapping uses it")
    outcome = trueup.apply(expect=1)
    (failed,) = outcome.actions("failed")
    assert stuck in failed["error"] and "Api: a base path mapping uses it" in failed["error"]
    assert stacks(published) == {stuck}
    published.control("cloudformation/undeletable", stack=stuck, resource="Api")
    trueup.apply(expect=2)
    assert stacks(published) == set()
    assert len(record(trueup)["apis"]) == 3 and all(len(api["keys"]) == 2 for api in record(trueup)["apis"])


def test_somebody_elses_stack_is_left_alone(published: Sandbox, trueup: Program) -> None:
    published.control("cloudformation/stack", name="Reporting", outputs={}, resources=[],
                      imports=["BedrockClaudeChatDbConfigHostname"])
    outcome = trueup.apply(expect=2)
    (blocked,) = [action for action in outcome.actions("blocked") if action["verb"] == "remove"]
    assert "Reporting" in blocked["waitsFor"] and "a person" in blocked["waitsFor"]
    published.client("cloudformation").describe_stacks(StackName="Reporting")


def test_killed_in_the_midst_the_record_is_whole(start: Callable[..., Sandbox], published: Sandbox, trueup: Program) -> None:
    rng = random.Random(7)
    for _ in range(3):
        trueup.kill_after(rng.uniform(0.2, 1.2), "apply", "spec.yaml", "--yes", "--wait", "10m")
    trueup.apply(expect=2)
    assert stacks(published) == set() and keys(published) == []
    assert sorted(api["bot"] for api in record(trueup)["apis"]) == bots_of(published)
    assert all(len(api["keys"]) == 2 for api in record(trueup)["apis"])


def test_a_record_that_is_not_understood_stops_it(published: Sandbox, trueup: Program) -> None:
    (trueup.directory / "state").mkdir(exist_ok=True)
    (trueup.directory / "state/chat.published-apis.json").write_text("{")
    outcome = trueup.apply(expect=1)
    assert outcome.resource("apis")["state"] == "unknown" and "published-apis.json" in outcome.resource("apis")["reason"]
    assert len(stacks(published)) == 3 and len(keys(published)) == 6
    assert (trueup.directory / "state/chat.published-apis.json").read_text() == "{"
