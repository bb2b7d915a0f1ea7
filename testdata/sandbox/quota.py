"""AWS's request quotas as token buckets.

Rates of Cognito, ECS and API Gateway are the documented ones (requests a second,
and how many may come at once); CloudFormation's and RDS's are what is observed,
since AWS does not publish them. Operations that are not listed have quotas that
no client of ours comes near.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rate:
    per_second: float
    burst: float


# A category is shared by all of its operations.
_CATEGORIES: dict[str, tuple[Rate, tuple[str, ...]]] = {
    "UserRead": (Rate(120, 120), ("cognito-idp:AdminGetUser",)),
    "UserList": (Rate(30, 30), ("cognito-idp:ListUsers", "cognito-idp:ListUsersInGroup")),
    "UserUpdate": (Rate(25, 25), (
        "cognito-idp:AdminAddUserToGroup", "cognito-idp:AdminRemoveUserFromGroup",
        "cognito-idp:AdminUserGlobalSignOut", "cognito-idp:AdminDisableUser", "cognito-idp:AdminEnableUser",
        "cognito-idp:AdminDeleteUser", "cognito-idp:AdminUpdateUserAttributes")),
    "UserCreation": (Rate(50, 50), ("cognito-idp:AdminCreateUser",)),
    "UserResourceRead": (Rate(50, 50), ("cognito-idp:AdminListGroupsForUser",)),
    "UserPoolResourceRead": (Rate(20, 20), ("cognito-idp:GetGroup", "cognito-idp:ListGroups")),
    "UserPoolResourceUpdate": (Rate(15, 15), (
        "cognito-idp:CreateGroup", "cognito-idp:DeleteGroup", "cognito-idp:UpdateGroup")),
    "UserPoolRead": (Rate(15, 15), ("cognito-idp:DescribeUserPool", "cognito-idp:ListUserPools")),
    "DescribeStacks": (Rate(5, 10), ("cloudformation:DescribeStacks",)),
    "StackReads": (Rate(5, 10), (
        "cloudformation:ListStacks", "cloudformation:ListStackResources", "cloudformation:DescribeStackEvents",
        "cloudformation:ListExports", "cloudformation:ListImports", "cloudformation:DescribeStackResources")),
    "RunTask": (Rate(40, 100), ("ecs:RunTask", "ecs:StopTask")),
    "DescribeTasks": (Rate(20, 100), ("ecs:DescribeTasks", "ecs:ListTasks")),
    "DeleteApiKey": (Rate(5, 5), ("apigateway:DeleteApiKey",)),
}
_CATEGORY_OF = {operation: name for name, (_, operations) in _CATEGORIES.items() for operation in operations}

# What a whole service allows, beside its categories.
_SERVICES = {"apigateway": Rate(10, 40), "rds": Rate(20, 40)}

# Cognito counts these for each operation and pool as well.
_PER_POOL = {"cognito-idp:GetGroup": Rate(5, 5), "cognito-idp:ListGroups": Rate(5, 5)}


class _Bucket:
    def __init__(self, rate: Rate, factor: float, moment: float) -> None:
        self.capacity = max(rate.burst * factor, 1.0)
        self.refill = rate.per_second * factor
        self.level = self.capacity
        self.moment = moment

    def top_up(self, moment: float) -> None:
        self.level = min(self.capacity, self.level + (moment - self.moment) * self.refill)
        self.moment = moment


class Quotas:
    """Says whether a request is within its quotas. A factor of 0 lets everything through."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, service: str, operation: str, params: dict[str, Any]) -> bool:
        """Takes one request from each bucket it counts in; False is a throttle, which takes none."""
        if self.factor == 0:
            return True
        wanted = self._wanted(service, operation, params)
        moment = time.monotonic()
        with self._lock:
            buckets = [self._bucket(name, rate, moment) for name, rate in wanted]
            if any(bucket.level < 1 for bucket in buckets):
                return False
            for bucket in buckets:
                bucket.level -= 1
        return True

    def set_factor(self, factor: float) -> None:
        """Changes the scale; every bucket starts full again."""
        with self._lock:
            self.factor = factor
            self._buckets.clear()

    @staticmethod
    def _wanted(service: str, operation: str, params: dict[str, Any]) -> list[tuple[str, Rate]]:
        name = f"{service}:{operation}"
        wanted = []
        if service in _SERVICES:
            wanted.append((service, _SERVICES[service]))
        if name in _CATEGORY_OF:
            category = _CATEGORY_OF[name]
            wanted.append((category, _CATEGORIES[category][0]))
        if name in _PER_POOL:
            wanted.append((f"{name}:{params['UserPoolId']}", _PER_POOL[name]))
        return wanted

    def _bucket(self, name: str, rate: Rate, moment: float) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(rate, self.factor, moment)
        bucket.top_up(moment)
        return bucket
