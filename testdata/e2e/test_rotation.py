"""The rotation of the password: turned on without rotating, turned off without cutting one short, told when stuck."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness import REGION, Program, Sandbox, creators

FUNCTION = "SecretsManagerPostgreSQLRotationSingleUser"
WORD = ["suspend-rotation"]


class Secret:
    """The deployment's secret, as a person sees it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.client = sandbox.client("secretsmanager")
        self.arn: str = sandbox.summary["secret"]

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = self.client.describe_secret(SecretId=self.arn)
        return described

    @property
    def enabled(self) -> bool | None:
        return self.describe().get("RotationEnabled")

    @property
    def password(self) -> str:
        value = json.loads(self.client.get_secret_value(SecretId=self.arn)["SecretString"])
        return str(value["password"])

    @property
    def pending(self) -> bool:
        return ["AWSPENDING"] in self.describe()["VersionIdsToStages"].values()

    def rotate(self, **options: Any) -> None:
        self.client.rotate_secret(SecretId=self.arn, **options)

    def set_up(self) -> None:
        """On, as version 1's stack leaves it, and not rotating."""
        self.rotate(RotationLambdaARN=f"arn:aws:lambda:{REGION}:123456789012:function:{FUNCTION}",
                    RotationRules={"AutomaticallyAfterDays": 30}, RotateImmediately=False)
        self.wait(lambda: not self.pending)

    def wait(self, holds: Callable[[], bool]) -> None:
        """Looks until it is so; the run of pytest has a limit."""
        while not holds():
            self.sandbox.control("ready")


@pytest.fixture
def secret(shared: Sandbox) -> Iterator[Secret]:
    """Set up and at rest, before each test and, whatever it broke, after it."""
    one = Secret(shared)
    if one.enabled is None:
        one.set_up()
    yield one
    shared.control("secretsmanager/mend")
    if "DeletedDate" in one.describe():
        one.client.restore_secret(SecretId=one.arn)
    if not one.enabled:
        one.set_up()


def rotations(sandbox: Sandbox) -> int:
    return int(sandbox.calls()["operations"].get("secretsmanager:RotateSecret", 0))


def specify(program: Program, enabled: bool, allow: list[str] | None = None, **sections: Any) -> None:
    program.specify(rotation={"enabled": enabled}, allow=allow, **sections)


def test_rotation_that_was_never_set_up(program: Program, shared: Sandbox) -> None:
    """First of this file: nobody has set it up yet. That is a person's; what they did is seen, password and all."""
    one = Secret(shared)
    assert one.enabled is None
    specify(program, True, vectors={})
    (blocked,) = program.apply(expect=2).actions("blocked")
    assert "--rotation-lambda-arn" in blocked["waitsFor"] and rotations(shared) == 0
    specify(program, False)
    program.plan()

    before = one.password
    one.set_up()
    one.rotate()
    one.wait(lambda: one.password != before)
    specify(program, True, vectors={})
    outcome = program.plan()
    (note,) = outcome.resource("rotation")["notes"]
    assert "every 30 days" in note and "last on" in note and "next by" in note


def test_what_was_turned_off_is_turned_on_and_not_rotated(program: Program, shared: Sandbox, secret: Secret) -> None:
    secret.client.cancel_rotate_secret(SecretId=secret.arn)
    before, version = secret.password, set(secret.describe()["VersionIdsToStages"])
    specify(program, True)
    shared.forget()
    shared.control("fault", kind="reset-after", operation="secretsmanager:RotateSecret")
    (done,) = program.apply().actions("done")
    assert done["calls"] == ["secretsmanager:RotateSecret"]
    assert secret.enabled and not secret.pending
    assert secret.password == before and set(secret.describe()["VersionIdsToStages"]) == version
    program.plan()


def test_a_rotation_under_way_is_waited_for_and_never_cut_short(program: Program, shared: Sandbox,
                                                                secret: Secret) -> None:
    before = secret.password
    specify(program, False)
    assert "suspend-rotation" in str(program.apply(expect=2).actions("blocked")) and secret.enabled

    # Held where the database has the new password already, and the secret not yet.
    shared.control("secretsmanager/break", step="finishSecret", how="hold")
    secret.rotate()
    secret.wait(lambda: pending_password(secret) is not None)
    specify(program, True, vectors={})
    program.plan()
    specify(program, False, allow=WORD)
    outcome = program.json("apply", "spec.yaml", "--yes", "--wait", "0", expect=2)
    (waiting,) = outcome.actions("waiting")
    assert "is under way" in waiting["waitsFor"]
    assert "secretsmanager:CancelRotateSecret" not in shared.calls()["operations"]

    shared.control("secretsmanager/mend")
    program.apply()
    assert secret.enabled is False and not secret.pending and secret.password != before
    specify(program, False, vectors={})
    program.plan()


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
def test_a_rotation_that_is_stuck(program: Program, shared: Sandbox, secret: Secret, step: str) -> None:
    """Under way for an hour; then told, with what to do, and the rest goes on. Done as told, all is in sync."""
    before = secret.password
    shared.control("secretsmanager/break", step=step, how="fail")
    secret.rotate()
    taken = step != "setSecret"     # by the database; else there is not even a value
    secret.wait(lambda: pending_password(secret) is not None if taken else secret.pending)
    pending = pending_password(secret)
    specify(program, True)
    program.plan()
    shared.control("secretsmanager/age", secret=secret.arn, seconds=3700)
    specify(program, True, vectors={}, users={"groups": {f"while-{step}": {"members": creators(shared, 1)}}})
    outcome = program.apply(expect=2)
    (blocked,) = outcome.actions("blocked")
    assert f"/aws/lambda/{FUNCTION}" in blocked["waitsFor"]
    assert outcome.resource("vectors")["state"] == outcome.resource("users")["state"] == "in-sync"

    forward, back = re.search(r"(update-secret-version-stage [^.]*)\. Else .*: the same with (.*) alone",
                              blocked["waitsFor"]).groups()
    words = shlex.split(forward)
    given = dict(zip(words[1::2], words[2::2]))
    if not taken:
        given.pop("--move-to-version-id")
        words = shlex.split(back)
        given |= dict(zip(words[::2], words[1::2]))
    parameters = {"--secret-id": "SecretId", "--version-stage": "VersionStage", "--move-to-version-id":
                  "MoveToVersionId", "--remove-from-version-id": "RemoveFromVersionId"}
    secret.client.update_secret_version_stage(**{parameters[option]: value for option, value in given.items()})
    assert secret.password == (pending if taken else before)
    specify(program, True, vectors={})
    program.plan()


def pending_password(secret: Secret) -> str | None:
    try:
        value = secret.client.get_secret_value(SecretId=secret.arn, VersionStage="AWSPENDING")
    except secret.client.exceptions.ResourceNotFoundException:
        return None
    return str(json.loads(value["SecretString"])["password"])


def test_a_secret_that_is_being_deleted_or_not_seen(program: Program, shared: Sandbox, secret: Secret) -> None:
    specify(program, True)
    shared.control("deny", operation="secretsmanager:DescribeSecret")
    resource = program.plan(expect=1).resource("rotation")
    assert resource["state"] == "unknown" and "secretsmanager:DescribeSecret" in resource["reason"]
    shared.control("clear")
    secret.client.delete_secret(SecretId=secret.arn)
    (blocked,) = program.apply(expect=2).actions("blocked")
    assert "restore-secret" in blocked["waitsFor"]
