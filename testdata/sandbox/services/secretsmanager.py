"""Secrets Manager: values by version and stage, and rotation that takes time.

A rotation function is what a Lambda is to AWS: it is registered under an ARN,
is given the current value and makes the pending one true where it is used. It
is called in AWS's four steps, each of which takes the sandbox's seconds. One
that fails, or is cancelled on the way, leaves AWSPENDING behind, as with AWS:
behind setSecret the database then has a password that is not the current one.
"""

from __future__ import annotations

import re
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service import AwsError, Call, Service, World, now, random_id, token_page

Rotation = Callable[[str], str]

# What a rotation goes through, and what a test may stop it before.
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
_NOT_FOUND = "Secrets Manager can't find the specified secret."


@dataclass
class Version:
    version_id: str
    text: str | None
    binary: bytes | None
    stages: set[str]
    created: datetime = field(default_factory=now)


@dataclass
class Secret:
    name: str
    arn: str
    description: str | None
    kms_key: str | None
    tags: list[dict[str, str]]
    versions: dict[str, Version] = field(default_factory=dict)
    created: datetime = field(default_factory=now)
    changed: datetime = field(default_factory=now)
    rotated: datetime | None = None
    deleted: datetime | None = None
    rotation: bool | None = None        # None: never set, and then AWS does not name it
    rotation_arn: str | None = None
    rotation_rules: dict[str, Any] | None = None
    under_way: str | None = None        # the version id of a rotation that nobody has cancelled

    def staged(self, stage: str) -> Version | None:
        return next((version for version in self.versions.values() if stage in version.stages), None)

    def move(self, stage: str, version: Version) -> None:
        """Puts a stage on a version; what loses AWSCURRENT becomes AWSPREVIOUS."""
        holder = self.staged(stage)
        if holder is version:
            return
        if holder is not None:
            holder.stages.discard(stage)
        version.stages.add(stage)
        if stage == CURRENT and holder is not None:
            self.move(PREVIOUS, holder)


class SecretsManager(Service):
    name = "secretsmanager"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._secrets: dict[str, Secret] = {}
        self._functions: dict[str, Rotation] = {}
        self._broken: dict[str, str] = {}       # step: "fail" or "hold"

    def seed_secret(self, name: str, text: str, rotation_arn: str | None = None, rotation: bool | None = None) -> str:
        """Makes a secret; returns its ARN."""
        secret = self._create(name)
        self._add_version(secret, str(uuid.uuid4()), text, None, [CURRENT])
        secret.rotation_arn, secret.rotation = rotation_arn, rotation
        if rotation_arn is not None:
            secret.rotation_rules = {"AutomaticallyAfterDays": 30}
        return secret.arn

    def seed_version(self, arn: str, text: str) -> None:
        """A new current value, as a rotation leaves it: the one before is AWSPREVIOUS."""
        self._add_version(self._find(arn), str(uuid.uuid4()), text, None, [CURRENT])

    def current(self, arn: str) -> str:
        """The current value of a secret, for what runs in the sandbox."""
        version = self._find(arn).staged(CURRENT)
        return "" if version is None else version.text or ""

    def seed_rotation(self, name: str, function: Rotation) -> str:
        """Registers a rotation function: current value in, new value out, true wherever it is used.

        It runs in a thread of its own. Returns the ARN of the Lambda that it stands for.
        """
        arn = self.world.arn("lambda", f"function:{name}")
        self._functions[arn] = function
        return arn

    def GetSecretValue(self, call: Call) -> dict[str, Any]:
        secret = self._alive(call)
        version = self._version(secret, call.get("VersionId"), call.get("VersionStage"))
        if secret.kms_key is not None:
            self._check_key(secret.kms_key)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version.version_id,
                "SecretString": version.text, "SecretBinary": version.binary,
                "VersionStages": sorted(version.stages), "CreatedDate": version.created}

    def DescribeSecret(self, call: Call) -> dict[str, Any]:
        secret = self._find(call.params["SecretId"])
        stages = {version.version_id: sorted(version.stages) for version in secret.versions.values() if version.stages}
        return _described(secret) | {"VersionIdsToStages": stages}

    def ListSecrets(self, call: Call) -> dict[str, Any]:
        alive = [secret for secret in self._secrets.values() if secret.deleted is None]
        secrets, token = token_page(alive, lambda secret: secret.arn, call.get("MaxResults", 100),
                                    call.get("NextToken"),
                                    AwsError("InvalidNextTokenException", "The NextToken value is invalid."))
        return {"SecretList": [_described(secret) for secret in secrets], "NextToken": token}

    def CreateSecret(self, call: Call) -> dict[str, Any]:
        if call.params["Name"] in self._secrets:
            raise AwsError("ResourceExistsException", f"The operation failed because the secret {call.params['Name']} "
                                                      f"already exists.")
        secret = self._create(call.params["Name"], call.get("Description"), call.get("KmsKeyId"), call.get("Tags"))
        version_id = None
        if "SecretString" in call.params or "SecretBinary" in call.params:
            version_id = self._put(secret, call).version_id
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}

    def PutSecretValue(self, call: Call) -> dict[str, Any]:
        secret = self._alive(call)
        version = self._put(secret, call)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version.version_id,
                "VersionStages": sorted(version.stages)}

    def UpdateSecretVersionStage(self, call: Call) -> dict[str, Any]:
        secret, stage = self._alive(call), call.params["VersionStage"]
        source, target = call.get("RemoveFromVersionId"), call.get("MoveToVersionId")
        holder = secret.staged(stage)
        if holder is not None and holder.version_id != source:
            raise AwsError("InvalidParameterException", f"The parameter RemoveFromVersionId can't be empty. Staging "
                           f"label {stage} is currently attached to version {holder.version_id}.")
        if target is None and stage == CURRENT:
            raise AwsError("InvalidParameterException", f"You can only move staging label {CURRENT} to a different "
                                                        f"secret version. It can't be completely removed.")
        if target is not None:
            secret.move(stage, self._version(secret, target, None))
        elif holder is not None:
            holder.stages.discard(stage)
        return {"ARN": secret.arn, "Name": secret.name}

    def RotateSecret(self, call: Call) -> dict[str, Any]:
        secret = self._alive(call)
        arn = call.get("RotationLambdaARN", secret.rotation_arn)
        if arn is None:
            raise AwsError("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
        if arn not in self._functions:
            raise AwsError("ResourceNotFoundException", f"The Lambda function {arn} was not found.")
        pending = secret.staged(PENDING)
        if pending is not None and CURRENT not in pending.stages:
            raise AwsError("InvalidRequestException", "A previous rotation isn't complete. That rotation will be "
                                                      "reattempted.")
        secret.rotation, secret.rotation_arn = True, arn
        secret.rotation_rules = call.get("RotationRules", secret.rotation_rules or {"AutomaticallyAfterDays": 30})
        current = self._version(secret, None, None)
        version_id = secret.under_way = call.get("ClientRequestToken") or str(uuid.uuid4())
        if call.get("RotateImmediately", True):
            self._add_version(secret, version_id, None, None, [PENDING])
            work = self._rotate
        else:
            self._add_version(secret, version_id, current.text, current.binary, [PENDING])
            work = self._test
        threading.Thread(target=work, args=(secret, version_id, current.text), daemon=True).start()
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}

    def CancelRotateSecret(self, call: Call) -> dict[str, Any]:
        secret = self._alive(call)
        secret.rotation, secret.under_way, secret.changed = False, None, now()
        pending = secret.staged(PENDING)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": pending.version_id if pending else None}

    def DeleteSecret(self, call: Call) -> dict[str, Any]:
        secret = self._alive(call)
        forced, days = call.get("ForceDeleteWithoutRecovery", False), call.get("RecoveryWindowInDays")
        if forced and days is not None:
            raise AwsError("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with "
                                                        "RecoveryWindowInDays.")
        secret.deleted = now() + timedelta(days=0 if forced else days or 30)
        if forced:
            del self._secrets[secret.name]
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": secret.deleted}

    def RestoreSecret(self, call: Call) -> dict[str, Any]:
        secret = self._find(call.params["SecretId"])
        secret.deleted = None
        return {"ARN": secret.arn, "Name": secret.name}

    def control_rotation(self, args: dict[str, Any]) -> dict[str, Any]:
        """Registers a rotation function that changes no more than the text, or fails: name, fail."""
        def rotate(text: str) -> str:
            if args.get("fail"):
                raise RuntimeError("this rotation function was made to fail")
            return f"{text} (rotated)"

        return {"arn": self.seed_rotation(args["name"], rotate)}

    def control_break(self, args: dict[str, Any]) -> dict[str, Any]:
        """Rotations stop before a step: step, how ("fail": for good, "hold": until they are mended)."""
        if args["step"] not in STEPS or args["how"] not in ("fail", "hold"):
            raise ValueError(f"step is one of {', '.join(STEPS)}, how is fail or hold")
        self._broken = {args["step"]: args["how"]}
        return {}

    def control_mend(self, args: dict[str, Any]) -> dict[str, Any]:
        """Rotations succeed, and those that are held go on."""
        self._broken = {}
        return {}

    def control_age(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes a secret's last change so much older: secret, seconds."""
        secret = self._find(args["secret"])
        secret.changed -= timedelta(seconds=float(args["seconds"]))
        return {"changed": secret.changed}

    def _begin(self, secret: Secret, version_id: str, step: str) -> None:
        """Comes back when the step's time is over; RuntimeError if it fails, or the rotation was cancelled."""
        time.sleep(self.world.settings.seconds / len(STEPS))
        while self._broken.get(step) == "hold" and secret.under_way == version_id:
            time.sleep(0.02)
        if secret.under_way != version_id:
            raise RuntimeError("this rotation was cancelled")
        if self._broken.get(step) == "fail":
            raise RuntimeError(f"this rotation function was made to fail at {step}")

    def _rotate(self, secret: Secret, version_id: str, current: str | None) -> None:
        """The Lambda's work: make the new value true, then current."""
        function, version = self._functions[secret.rotation_arn or ""], secret.versions[version_id]
        try:
            self._begin(secret, version_id, "createSecret")
            self._begin(secret, version_id, "setSecret")
            text = function(current or "")
            with self.lock:
                version.text, secret.changed = text, now()
            self._begin(secret, version_id, "testSecret")
            self._begin(secret, version_id, "finishSecret")
        except Exception:
            # As with AWS the caller is not told; AWSPENDING stays where it is.
            traceback.print_exc()
            return
        with self.lock:
            # AWS's own functions leave AWSPENDING on what is the current version now.
            secret.move(CURRENT, version)
            secret.under_way = None
            secret.rotated = secret.changed = now()

    def _test(self, secret: Secret, version_id: str, current: str | None) -> None:
        """What AWS does instead of a rotation that is not to be immediate: its test, on a version that goes again."""
        try:
            self._begin(secret, version_id, "testSecret")
        except RuntimeError:
            traceback.print_exc()
            return
        with self.lock:
            del secret.versions[version_id]
            secret.under_way, secret.changed = None, now()

    def _create(self, name: str, description: str | None = None, kms_key: str | None = None,
                tags: list[dict[str, str]] | None = None) -> Secret:
        arn = self.arn(f"secret:{name}-{random_id(6)}")
        secret = self._secrets[name] = Secret(name, arn, description, kms_key, tags or [])
        return secret

    def _put(self, secret: Secret, call: Call) -> Version:
        text, binary = call.get("SecretString"), call.get("SecretBinary")
        if (text is None) == (binary is None):
            raise AwsError("InvalidParameterException", "You must provide either SecretString or SecretBinary.")
        version_id = call.get("ClientRequestToken") or str(uuid.uuid4())
        known = secret.versions.get(version_id)
        if known is not None and (known.text, known.binary) != (text, binary):
            raise AwsError("ResourceExistsException", f"The operation failed because version {version_id} of the "
                                                      f"secret already exists with another value.")
        return known or self._add_version(secret, version_id, text, binary, call.get("VersionStages", [CURRENT]))

    @staticmethod
    def _add_version(secret: Secret, version_id: str, text: str | None, binary: bytes | None,
                     stages: list[str]) -> Version:
        version = secret.versions[version_id] = Version(version_id, text, binary, set())
        for stage in stages:
            secret.move(stage, version)
        if secret.staged(CURRENT) is None:
            secret.move(CURRENT, version)
        secret.changed = now()
        return version

    def _find(self, secret_id: str) -> Secret:
        """By name, ARN, or ARN without the six characters at its end."""
        for secret in self._secrets.values():
            if secret_id in (secret.name, secret.arn, secret.arn[:-7]):
                return secret
        raise AwsError("ResourceNotFoundException", _NOT_FOUND)

    def _alive(self, call: Call) -> Secret:
        secret = self._find(call.params["SecretId"])
        if secret.deleted is not None:
            raise AwsError("InvalidRequestException", "You can't perform this operation on the secret because it was "
                                                      "marked for deletion.")
        return secret

    @staticmethod
    def _version(secret: Secret, version_id: str | None, stage: str | None) -> Version:
        if version_id is not None:
            version = secret.versions.get(version_id)
            what = f"VersionId: {version_id}"
            if version is not None and stage is not None and stage not in version.stages:
                raise AwsError("InvalidRequestException", "You provided a VersionStage that is not associated to the "
                                                          "provided VersionId.")
        else:
            version = secret.staged(stage or CURRENT)
            what = f"staging label: {stage or CURRENT}"
        if version is None or (version.text is None and version.binary is None):
            raise AwsError("ResourceNotFoundException",
                           f"Secrets Manager can't find the specified secret value for {what}")
        return version

    def _check_key(self, kms_key: str) -> None:
        try:
            self.world.service("kms").resolve(kms_key)
        except AwsError as error:
            raise AwsError("DecryptionFailure", f"Secrets Manager can't decrypt the secret: {error.message}") from error


def _described(secret: Secret) -> dict[str, Any]:
    return {"ARN": secret.arn, "Name": secret.name, "Description": secret.description, "KmsKeyId": secret.kms_key,
            "RotationEnabled": secret.rotation, "RotationLambdaARN": secret.rotation_arn,
            "RotationRules": secret.rotation_rules, "LastRotatedDate": secret.rotated if secret.rotation else None,
            "NextRotationDate": _next_rotation(secret), "LastChangedDate": secret.changed,
            "DeletedDate": secret.deleted, "CreatedDate": secret.created, "Tags": secret.tags}


def _next_rotation(secret: Secret) -> datetime | None:
    """By when AWS says that it rotates next; for days and rate(), which is what tests use."""
    rules = secret.rotation_rules or {}
    rate = re.fullmatch(r"rate\((\d+) (hour|day)s?\)", rules.get("ScheduleExpression", ""))
    if not secret.rotation or not (rate or "AutomaticallyAfterDays" in rules):
        return None
    hours = int(rate[1]) * (24 if rate[2] == "day" else 1) if rate else rules["AutomaticallyAfterDays"] * 24
    return (secret.rotated or secret.created) + timedelta(hours=hours)
