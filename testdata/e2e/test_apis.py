"""Published APIs: in the way of a replacement by CloudFormation, and out of it once the spec allows that."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from harness import Outcome, Program, Sandbox

MANUAL = {"encrypted": True, "replace": "manual"}
PREFIX = "ApiPublishmentStack"
WORD = ["remove-published-apis"]
EXPORT = "BedrockClaudeChatDbConfigHostname"
HANDLER = "Handler886CB40B"


def stacks_of(sandbox: Sandbox) -> list[str]:
    """Of the published APIs, as they were seeded."""
    return sorted(PREFIX + bot["id"] for bot in sandbox.summary["bots"] if bot["published"])


def importers(sandbox: Sandbox) -> set[str]:
    client = sandbox.client("cloudformation")
    try:
        return set(client.list_imports(ExportName=EXPORT)["Imports"])
    except client.exceptions.ClientError:
        return set()


def keys(sandbox: Sandbox) -> dict[str, str]:
    """The value of each key, by its name: what trueup must never know."""
    found = sandbox.client("apigateway").get_api_keys(includeValues=True)["items"]
    return {key["name"]: key["value"] for key in found}


def key_names(stack: str) -> set[str]:
    """The key of the stack's own, and the one that the application made, as they are seeded."""
    bot = stack.removeprefix(PREFIX)
    return {f"ApiPu-ApiAp-{bot[-12:]}", bot[::-1]}


def record_path(trueup: Program) -> Path:
    return trueup.directory / "state/chat.published-apis.json"


def record(trueup: Program) -> dict[str, Any]:
    """What is recorded, by stack."""
    document = json.loads(record_path(trueup).read_text())
    assert document["schema"] == "trueup/published-apis/v1" and document["name"] == "chat"
    return {api["stack"]: api for api in document["apis"]}


def states(outcome: Outcome) -> dict[str, str]:
    """What became of each API's removal, by the API's name."""
    return {resource["name"]: action["state"] for resource in outcome.report["resources"]
            if resource["kind"] == "apis" for action in resource["actions"]}


def notes(outcome: Outcome) -> dict[str, str]:
    return {resource["name"]: " ".join(resource["notes"]) for resource in outcome.report["resources"]
            if resource["kind"] == "apis" and resource["notes"]}


def assert_whole(trueup: Program, stacks: list[str]) -> None:
    """Each API is recorded with all that publishes it again."""
    recorded = record(trueup)
    assert sorted(recorded) == stacks
    for stack, api in recorded.items():
        assert {key["name"] for key in api["keys"]} == key_names(stack) and len(api["keys"]) == 2
        assert api["bot"] == stack.removeprefix(PREFIX)
        assert (api["throttleRate"], api["throttleBurst"]) == ("5.5", 10)
        assert (api["quotaLimit"], api["quotaPeriod"]) == (1000, "DAY")
        assert api["stage"] == "api" and api["allowedOrigins"].startswith("https://chat.example.com,")
        assert api["parameters"] == [{"key": "BootstrapVersion", "value": "/cdk-bootstrap/hnb659fds/version"}]
        assert {"ApiId", "ApiUsagePlanId", "ApiEndpoint4F160690"} <= {output["key"] for output in api["outputs"]}


@pytest.fixture
def published(sandbox: Sandbox) -> Sandbox:
    """Three published APIs, of two keys each, beside a cluster that must be replaced."""
    sandbox.seed(bots=4, rows=8, users=4, published=3)
    return sandbox


def test_what_may_not_go_stays_and_the_rest_goes(published: Sandbox, trueup: Program) -> None:
    first, second, third = stacks_of(published)
    one, two, three = bots = [stack.removeprefix(PREFIX) for stack in (first, second, third)]
    before, formation = keys(published), published.client("cloudformation")

    # Without the word nothing is touched.
    trueup.specify(cluster=MANUAL)
    outcome = trueup.apply(expect=2)
    assert states(outcome) == dict.fromkeys(bots, "blocked")
    waits = [action["waitsFor"] for action in outcome.actions("blocked") if action["id"].startswith("apis/")]
    assert all("remove-published-apis" in text for text in waits) and len(waits) == 3
    assert importers(published) == {first, second, third} and keys(published) == before
    assert not [name for name in published.calls()["operations"] if name.split(":")[1].startswith("Delete")]

    # One is protected, one refuses, one is somebody else's: each is named with what to do, and the rest goes.
    trueup.specify(cluster=MANUAL, allow=WORD)
    published.control("cloudformation/protect", stack=first, on=True)
    published.control("cloudformation/undeletable", stack=second, resource=HANDLER, reason="it is at work")
    published.control("cloudformation/stack", name="Reporting", outputs={}, resources=[], imports=[EXPORT])
    outcome = trueup.apply(expect=1)
    assert states(outcome) == {one: "blocked", two: "failed", three: "done", "Reporting": "blocked"}
    told = " ".join(action["error"] or action["waitsFor"] or "" for action in outcome.actions())
    assert f"--no-enable-termination-protection --stack-name {first}" in told and "the stack Reporting" in told
    assert f"{HANDLER}: it is at work" in told
    assert importers(published) == {first, second, "Reporting"}
    assert set(keys(published)) == key_names(first)

    # Mended: what was recorded before its keys went is whole, and private.
    published.control("cloudformation/protect", stack=first, on=False)
    published.control("cloudformation/undeletable", stack=second, resource=HANDLER)
    formation.delete_stack(StackName="Reporting")
    outcome = trueup.apply(expect=2)
    assert states(outcome) == {one: "done", two: "done"}
    assert importers(published) == set() and keys(published) == {}
    assert_whole(trueup, [first, second, third])
    assert record_path(trueup).stat().st_mode & 0o777 == 0o600

    # Each later report lists them, until they are published again.
    later = trueup.plan(expect=2)
    assert sorted(notes(later)) == bots
    assert all("throttle 5.5 a second and 10 at once, quota 1000 a day" in note for note in notes(later).values())
    assert sum(str(record_path(trueup)) in note for note in notes(later).values()) == 1, "told once"
    published.control("cloudformation/stack", name=first, outputs={}, resources=[])
    assert sorted(notes(trueup.plan(expect=2))) == [two, three]

    # On another machine the table of bots still tells; and nobody ever saw a key's value.
    trueup.specify(cluster=MANUAL, vectors={"counts": {"from": "bots"}}, allow=WORD)
    elsewhere = trueup.plan(expect=None, TRUEUP_STATE=str(trueup.directory / "elsewhere"))
    assert all("not recorded on this machine" in note for note in notes(elsewhere).values())
    assert {two, three} <= notes(elsewhere).keys()
    seen = [path.read_text() for path in (trueup.directory / "state").rglob("*") if path.is_file()]
    seen += [text for one in (outcome, later) for text in (one.out, one.err)]
    assert not [value for value in before.values() if any(value in text for text in seen)]


def test_a_run_that_was_killed_is_finished_and_the_record_is_whole(published: Sandbox, trueup: Program) -> None:
    stacks, before = stacks_of(published), keys(published)
    trueup.specify(cluster=MANUAL, allow=WORD)

    # What it does not understand it leaves alone, and deletes nothing.
    record_path(trueup).parent.mkdir()
    record_path(trueup).write_text("{")
    outcome = trueup.apply(expect=1)
    assert outcome.resource("apis")["state"] == "unknown"
    assert str(record_path(trueup)) in outcome.resource("apis")["reason"]
    assert record_path(trueup).read_text() == "{" and keys(published) == before
    record_path(trueup).unlink()

    # Killed once it has deleted a key.
    process = trueup.start("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json")
    while process.poll() is None and "apigateway:DeleteApiKey" not in published.calls()["operations"]:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 0 < len(keys(published)) < len(before) and importers(published)

    outcome = trueup.apply(expect=2)
    assert set(states(outcome).values()) == {"done"}
    assert importers(published) == set() and keys(published) == {}
    assert_whole(trueup, stacks)
    assert sorted(notes(trueup.plan(expect=2))) == [stack.removeprefix(PREFIX) for stack in stacks]
    assert not list(record_path(trueup).parent.glob("*.json.*")), "a temporary file is left"
