"""Trouble on demand: refusals, throttles and broken connections for the next requests."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import asdict, dataclass
from typing import Any

KINDS = {
    "throttle": "the service's throttling error",
    "unavailable": "503 in the service's own form",
    "internal": "500 in the service's own form",
    "html": "503 with a page of a load balancer's HTML",
    "delay": "`seconds` of waiting before the request is looked at",
    "reset-before": "the connection reset before the request is carried out",
    "reset-after": "the request carried out, and the connection reset in place of the answer",
    "truncate": "the request carried out, and half of the answer sent",
}


@dataclass
class Rule:
    kind: str
    operation: str          # service:Operation, with * and ?
    count: int              # how many requests it still meets
    seconds: float = 0.0


class Injector:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._denied: dict[str, bool] = {}      # pattern: explicitly, or for want of a permission

    def add(self, rule: Rule) -> None:
        if rule.kind not in KINDS:
            raise ValueError(f"no such fault: {rule.kind}; there are {', '.join(KINDS)}")
        with self._lock:
            self._rules.append(rule)

    def take(self, name: str) -> Rule | None:
        """The first rule that meets an operation, used up by one."""
        with self._lock:
            for rule in self._rules:
                if fnmatch.fnmatchcase(name, rule.operation):
                    rule.count -= 1
                    self._rules = [left for left in self._rules if left.count > 0]
                    return rule
        return None

    def deny(self, pattern: str, explicit: bool = False) -> None:
        with self._lock:
            self._denied[pattern] = explicit

    def allow(self, pattern: str) -> None:
        """Takes a denial back; `*` takes all of them back."""
        with self._lock:
            self._denied = {kept: explicit for kept, explicit in self._denied.items()
                            if not fnmatch.fnmatchcase(kept, pattern)}

    def is_denied(self, name: str) -> bool:
        """Denials name service:Operation or the operation alone, with * and ?."""
        return self.decide(name) != "allowed"

    def decide(self, name: str) -> str:
        """What IAM's simulator says of an action: allowed, implicitDeny, explicitDeny."""
        operation = name.partition(":")[2]
        with self._lock:
            met = [explicit for pattern, explicit in self._denied.items()
                   if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(operation, pattern)]
        return "allowed" if not met else "explicitDeny" if any(met) else "implicitDeny"

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()
            self._denied.clear()

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {"rules": [asdict(rule) for rule in self._rules], "denied": sorted(self._denied)}
