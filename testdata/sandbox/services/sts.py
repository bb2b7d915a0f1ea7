"""STS: who one is, and temporary credentials for roles that exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auth import Key
from faults import refuse
from service import AwsError, Call, Service, World, random_id


@dataclass
class Role:
    """A role and whom it trusts: any principal of the account that knows the external id."""

    name: str
    arn: str
    role_id: str
    external_id: str | None
    max_seconds: int
    web_identity_token: str | None


class Sts(Service):
    name = "sts"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._roles: dict[str, Role] = {}
        self._longest: float | None = None

    def seed_role(self, name: str, external_id: str | None = None, max_seconds: int = 3600,
                  web_identity_token: str | None = None) -> str:
        """Makes a role that may be assumed; returns its ARN."""
        arn = f"arn:aws:iam::{self.world.settings.account}:role/{name}"
        self._roles[arn] = Role(name.rpartition("/")[2], arn, "AROA" + random_id(17), external_id, max_seconds,
                                web_identity_token)
        return arn

    def has_role(self, arn: str) -> bool:
        """Whether a service that trusts it may assume the role."""
        return arn in self._roles

    def roles(self) -> list[Role]:
        return list(self._roles.values())

    def GetCallerIdentity(self, call: Call) -> dict[str, Any]:
        return {"Account": call.account, "Arn": call.principal, "UserId": self._user_id(call.principal)}

    def AssumeRole(self, call: Call) -> dict[str, Any]:
        role = self._roles.get(call.params["RoleArn"])
        # AWS does not say whether the role, the trust or the external id was wrong.
        if role is None or role.web_identity_token or role.external_id not in (None, call.get("ExternalId")):
            raise refuse("sts", "denied", f"User: {call.principal} is not authorized to perform: sts:AssumeRole "
                         f"on resource: {call.params['RoleArn']}")
        return self._assume(call, role)

    def AssumeRoleWithWebIdentity(self, call: Call) -> dict[str, Any]:
        role = self._roles.get(call.params["RoleArn"])
        if role is None or role.web_identity_token is None:
            raise refuse("sts", "denied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        if call.params["WebIdentityToken"] != role.web_identity_token:
            raise AwsError("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
        return self._assume(call, role) | {"SubjectFromWebIdentityToken": "system:serviceaccount:default:trueup"}

    def _assume(self, call: Call, role: Role) -> dict[str, Any]:
        seconds = call.get("DurationSeconds", 3600)
        # A role that assumes another (chaining) gets an hour at most, whatever the role allows.
        longest = 3600 if ":assumed-role/" in call.principal else role.max_seconds
        if seconds > longest:
            raise AwsError("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set "
                                              "for this role.")
        if self._longest is not None:
            seconds = min(seconds, self._longest)
        session = call.params["RoleSessionName"]
        arn = f"arn:aws:sts::{call.account}:assumed-role/{role.name}/{session}"
        key = self.world.keyring.issue(arn, f"{role.role_id}:{session}",
                                       self.world.clock() + timedelta(seconds=seconds))
        return {"Credentials": {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret,
                                "SessionToken": key.token, "Expiration": key.expires},
                "AssumedRoleUser": {"AssumedRoleId": key.user_id, "Arn": arn}}

    def GetAccessKeyInfo(self, call: Call) -> dict[str, Any]:
        if not re.fullmatch("A(KIA|SIA)[A-Z0-9]{16}", call.params["AccessKeyId"]):
            raise AwsError("ValidationError", "Access key ID is not valid")
        return {"Account": call.account}

    def _user_id(self, principal: str) -> str:
        keys: list[Key] = [self.world.keyring.main, *self.world.keyring.temporary()]
        return next(key.user_id for key in keys if key.principal == principal)

    def control_role(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes a role: name, external_id, max_seconds, web_identity_token."""
        return {"arn": self.seed_role(**args)}

    def control_lifetime(self, args: dict[str, Any]) -> dict[str, Any]:
        """Caps the life of credentials issued from now on, which AWS never makes shorter than 900 s."""
        self._longest = None if args.get("seconds") is None else float(args["seconds"])
        return {}

    def control_expire(self, args: dict[str, Any]) -> dict[str, Any]:
        """Ends all temporary credentials now."""
        keys = self.world.keyring.temporary()
        for key in keys:
            key.expires = self.world.clock()
        return {"expired": len(keys)}
