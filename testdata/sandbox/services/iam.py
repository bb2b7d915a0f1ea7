"""IAM: what a principal may do, which here is everything that `deny` does not name."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from service import AwsError, Call, Service, token_page

_CREATED = datetime(2024, 1, 1, tzinfo=timezone.utc)


class Iam(Service):
    name = "iam"

    def SimulatePrincipalPolicy(self, call: Call) -> dict[str, Any]:
        self._check_principal(call.params["PolicySourceArn"])
        for action in call.params["ActionNames"]:
            if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z*]+", action):
                raise AwsError("InvalidInputException", f"Invalid action name: {action}")
        resources = call.get("ResourceArns", ["*"])
        results = [self._evaluate(action, resource) for action in call.params["ActionNames"] for resource in resources]
        numbered = [(f"{number:06}", result) for number, result in enumerate(results)]
        listed, marker = token_page(numbered, lambda item: item[0], call.get("MaxItems", 100), call.get("Marker"),
                                    AwsError("InvalidInputException", "Invalid Marker."))
        return {"EvaluationResults": [result for _, result in listed], "IsTruncated": marker is not None,
                "Marker": marker}

    def GetRole(self, call: Call) -> dict[str, Any]:
        name = call.params["RoleName"]
        role = next((role for role in self.world.service("sts").roles() if role.name == name), None)
        if role is None:
            raise AwsError("NoSuchEntityException", f"The role with name {name} cannot be found.")
        path = role.arn.partition(":role")[2].removesuffix(name)
        return {"Role": {"Path": path, "RoleName": name, "RoleId": role.role_id, "Arn": role.arn,
                         "CreateDate": _CREATED, "MaxSessionDuration": role.max_seconds}}

    def _check_principal(self, arn: str) -> None:
        """Users and roles that exist; sessions of roles, which have ARNs of STS's, are none."""
        if not re.fullmatch(rf"arn:aws:iam::{self.world.settings.account}:(user|group|role)/.+", arn):
            raise AwsError("InvalidInputException", f"Invalid Entity Arn: {arn} does not clearly define entity type "
                                                    f"and name.")
        known = {self.world.keyring.main.principal} | {role.arn for role in self.world.service("sts").roles()}
        if arn not in known:
            raise AwsError("NoSuchEntityException", f"{arn.rpartition('/')[2]} does not exist.")

    def _evaluate(self, action: str, resource: str) -> dict[str, Any]:
        return {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": self.world.decide(action),
                "MatchedStatements": [], "MissingContextValues": []}
