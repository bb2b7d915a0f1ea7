"""KMS: keys, aliases and their states; enough to encrypt clusters under."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service import AwsError, Call, Service, World, now, token_page


@dataclass
class KmsKey:
    key_id: str
    arn: str
    description: str
    manager: str
    created: datetime = field(default_factory=now)
    state: str = "Enabled"
    deletion: datetime | None = None


class Kms(Service):
    name = "kms"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._keys: dict[str, KmsKey] = {}
        self._aliases: dict[str, str] = {}
        self.seed_key("alias/aws/rds", manager="AWS")
        self.seed_key("alias/aws/secretsmanager", manager="AWS")

    def seed_key(self, alias: str, manager: str = "CUSTOMER") -> str:
        """Makes a key under an alias (alias/name); returns its ARN."""
        key = self._create(f"key of {alias}", manager)
        self._aliases[alias] = key.key_id
        return key.arn

    def resolve(self, key_id: str) -> str:
        """The ARN of a key that can be used, from its id, ARN, alias or alias ARN; else AwsError."""
        key = self._find(key_id)
        if key.state == "Disabled":
            raise AwsError("DisabledException", f"{key.arn} is disabled.")
        if key.state != "Enabled":
            raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return key.arn

    def DescribeKey(self, call: Call) -> dict[str, Any]:
        return {"KeyMetadata": self._metadata(self._find(call.params["KeyId"]))}

    def CreateKey(self, call: Call) -> dict[str, Any]:
        return {"KeyMetadata": self._metadata(self._create(call.get("Description", ""), "CUSTOMER"))}

    def CreateAlias(self, call: Call) -> None:
        alias = call.params["AliasName"]
        if not alias.startswith("alias/") or alias.startswith("alias/aws/"):
            raise AwsError("InvalidAliasNameException", f"Alias {alias} must start with 'alias/'")
        if alias in self._aliases:
            raise AwsError("AlreadyExistsException", f"An alias with the name {self.arn(alias)} already exists")
        self._aliases[alias] = self._find(call.params["TargetKeyId"]).key_id

    def ListAliases(self, call: Call) -> dict[str, Any]:
        aliases, marker = token_page(list(self._aliases.items()), lambda item: item[0], call.get("Limit", 50),
                                     call.get("Marker"), AwsError("InvalidMarkerException", "Invalid marker"))
        listed = [{"AliasName": alias, "AliasArn": self.arn(alias), "TargetKeyId": key_id}
                  for alias, key_id in aliases]
        return {"Aliases": listed, "Truncated": marker is not None, "NextMarker": marker}

    def DisableKey(self, call: Call) -> None:
        self._customer_key(call).state = "Disabled"

    def EnableKey(self, call: Call) -> None:
        self._customer_key(call).state = "Enabled"

    def ScheduleKeyDeletion(self, call: Call) -> dict[str, Any]:
        key = self._customer_key(call)
        days = call.get("PendingWindowInDays", 30)
        key.state, key.deletion = "PendingDeletion", now() + timedelta(days=days)
        return {"KeyId": key.arn, "DeletionDate": key.deletion, "KeyState": key.state, "PendingWindowInDays": days}

    def CancelKeyDeletion(self, call: Call) -> dict[str, Any]:
        key = self._find(call.params["KeyId"])
        if key.state != "PendingDeletion":
            raise AwsError("KMSInvalidStateException", f"{key.arn} is not pending deletion.")
        key.state, key.deletion = "Disabled", None
        return {"KeyId": key.arn}

    def _create(self, description: str, manager: str) -> KmsKey:
        key_id = str(uuid.uuid4())
        key = self._keys[key_id] = KmsKey(key_id, self.arn(f"key/{key_id}"), description, manager)
        return key

    def _find(self, key_id: str) -> KmsKey:
        resource = key_id
        if key_id.startswith("arn:"):
            match = re.fullmatch(f"{re.escape(self.arn(''))}(?:key/)?(.+)", key_id)
            if match is None:
                raise AwsError("NotFoundException", f"Invalid arn {key_id}")
            resource = match[1]
        target = self._aliases.get(resource, resource)
        if target not in self._keys:
            alias = resource.startswith("alias/")
            raise AwsError("NotFoundException", f"Alias {self.arn(resource)} is not found." if alias
                           else f"Key '{self.arn(f'key/{resource}')}' does not exist")
        return self._keys[target]

    def _customer_key(self, call: Call) -> KmsKey:
        """A key whose state its owner may change: not AWS's, not one on its way out."""
        key = self._find(call.params["KeyId"])
        if key.manager == "AWS":
            raise AwsError("AccessDeniedException", f"{key.arn} is managed by AWS.")
        if key.state == "PendingDeletion":
            raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return key

    def _metadata(self, key: KmsKey) -> dict[str, Any]:
        return {"AWSAccountId": self.world.settings.account, "KeyId": key.key_id, "Arn": key.arn,
                "CreationDate": key.created, "Enabled": key.state == "Enabled", "Description": key.description,
                "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": key.state, "DeletionDate": key.deletion,
                "Origin": "AWS_KMS", "KeyManager": key.manager, "KeySpec": "SYMMETRIC_DEFAULT",
                "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
                "MultiRegion": False}
