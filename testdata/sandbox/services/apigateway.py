"""API Gateway: the usage plans and API keys of published APIs.

A published API's stack has a usage plan with a key; the application makes more keys for it, which outlive the stack
unless somebody deletes them. Plans go with their stacks, and in no other way.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service import AwsError, Call, Service, World, now, random_id, token_page

_IDS = string.ascii_lowercase + string.digits
_PAGE = 25


@dataclass
class ApiKey:
    key_id: str
    name: str
    value: str
    created: datetime = field(default_factory=now)


@dataclass
class UsagePlan:
    plan_id: str
    name: str
    api_id: str
    throttle: dict[str, Any] | None = None      # rateLimit, burstLimit
    quota: dict[str, Any] | None = None         # limit, offset, period
    key_ids: set[str] = field(default_factory=set)


class ApiGateway(Service):
    name = "apigateway"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._plans: dict[str, UsagePlan] = {}
        self._keys: dict[str, ApiKey] = {}

    def seed_usage_plan(self, name: str, api_id: str, keys: int, throttle: dict[str, Any] | None = None,
                        quota: dict[str, Any] | None = None) -> str:
        """Makes a usage plan with that many keys; returns the plan's id."""
        plan = UsagePlan(random_id(6, _IDS), name, api_id, throttle, quota)
        self._plans[plan.plan_id] = plan
        for number in range(keys):
            self.seed_key(plan.plan_id, f"{name}-{number}")
        return plan.plan_id

    def seed_key(self, plan_id: str, name: str) -> str:
        """Makes a key in a plan; returns its id."""
        key = ApiKey(random_id(10, _IDS), name, random_id(40, _IDS))
        self._keys[key.key_id] = key
        self._plans[plan_id].key_ids.add(key.key_id)
        return key.key_id

    def remove_usage_plan(self, plan_id: str) -> None:
        """Ends a plan as the deletion of its stack does; its keys stay, in no plan."""
        with self.lock:
            self._plans.pop(plan_id, None)

    def remove_key(self, key_id: str) -> None:
        """Ends a key, if it is there still, as the deletion of its stack does."""
        with self.lock:
            self._keys.pop(key_id, None)
            for plan in self._plans.values():
                plan.key_ids.discard(key_id)

    def GetUsagePlan(self, call: Call) -> dict[str, Any]:
        return _plan(self._find_plan(call.params["usagePlanId"]))

    def GetUsagePlans(self, call: Call) -> dict[str, Any]:
        plans, position = _page(list(self._plans.values()), call, lambda plan: plan.plan_id)
        return {"items": [_plan(plan) for plan in plans], "position": position}

    def GetUsagePlanKeys(self, call: Call) -> dict[str, Any]:
        plan = self._find_plan(call.params["usagePlanId"])
        held = [self._keys[key_id] for key_id in plan.key_ids]
        keys, position = _page(held, call, lambda key: key.key_id)
        # The model has their values, too: whoever must not know them has to leave them where they are.
        return {"items": [{"id": key.key_id, "type": "API_KEY", "name": key.name, "value": key.value} for key in keys],
                "position": position}

    def GetApiKeys(self, call: Call) -> dict[str, Any]:
        keys, position = _page(list(self._keys.values()), call, lambda key: key.key_id)
        shown = call.get("includeValues", False)
        return {"items": [self._key(key, shown) for key in keys], "position": position}

    def GetApiKey(self, call: Call) -> dict[str, Any]:
        return self._key(self._find_key(call.params["apiKey"]), call.get("includeValue", False))

    def DeleteApiKey(self, call: Call) -> None:
        self.remove_key(self._find_key(call.params["apiKey"]).key_id)

    def control_plan(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes a usage plan: name, api_id, keys (how many); throttle and quota as API Gateway shows them."""
        return {"id": self.seed_usage_plan(**args)}

    def _find_plan(self, plan_id: str) -> UsagePlan:
        if plan_id not in self._plans:
            raise AwsError("NotFoundException", "Invalid Usage Plan identifier specified")
        return self._plans[plan_id]

    def _find_key(self, key_id: str) -> ApiKey:
        if key_id not in self._keys:
            raise AwsError("NotFoundException", "Invalid API Key identifier specified")
        return self._keys[key_id]

    @staticmethod
    def _key(key: ApiKey, with_value: bool) -> dict[str, Any]:
        return {"id": key.key_id, "name": key.name, "enabled": True, "createdDate": key.created,
                "lastUpdatedDate": key.created, "value": key.value if with_value else None}


def _page(items: list[Any], call: Call, key: Any) -> tuple[list[Any], str | None]:
    limit = call.get("limit", _PAGE)
    if not 1 <= limit <= 500:
        raise AwsError("BadRequestException", "Invalid limit, must be between 1 and 500")
    return token_page(items, key, limit, call.get("position"),
                      AwsError("BadRequestException", "Invalid position parameter"))


def _plan(plan: UsagePlan) -> dict[str, Any]:
    return {"id": plan.plan_id, "name": plan.name, "apiStages": [{"apiId": plan.api_id, "stage": "api"}],
            "throttle": plan.throttle, "quota": plan.quota}
