"""What was asked of the sandbox: counts by operation, and a bounded log.

Whether an operation mutates is derived from botocore's models and names alone,
so that the count is evidence about a client and not an echo of its own table.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from datetime import datetime
from typing import Any

from botocore.model import OperationModel

LOG_LENGTH = 20_000

_READING = (
    "Describe", "List", "Get", "BatchGet", "TransactGet", "AdminGet", "AdminList", "Head", "Scan", "Query",
    "Search", "Select", "Lookup", "Simulate", "Estimate", "Validate", "Test", "Check", "Detect", "Download",
    "Assume", "Decode", "Decrypt", "Encrypt", "ReEncrypt", "Sign", "Verify", "GenerateDataKey", "Invoke",
    "Converse",
)


def mutates(operation: OperationModel) -> bool:
    """Whether an operation can change what a later read returns."""
    if operation.http.get("method") in ("GET", "HEAD"):
        return False
    return not operation.name.startswith(_READING)


class Journal:
    """Counts and log of authenticated requests, whatever became of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._mutating = 0
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self._defects: deque[str] = deque(maxlen=100)

    def record(self, operation: OperationModel, params: dict[str, Any], principal: str, moment: datetime,
               outcome: str) -> None:
        name = f"{operation.service_model.service_name}:{operation.name}"
        changes = mutates(operation)
        # Not the parameters themselves: passwords and tokens are among them.
        digest = hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:16]
        with self._lock:
            self._counts[name] += 1
            self._mutating += changes
            self._log.append({"operation": name, "mutating": changes, "params": digest, "principal": principal,
                              "time": moment.isoformat(timespec="milliseconds"), "outcome": outcome})

    def defect(self, text: str) -> None:
        """Notes an error of the sandbox itself; a test run that leaves any has proved nothing."""
        with self._lock:
            self._defects.append(text)

    def counts(self) -> dict[str, Any]:
        with self._lock:
            return {"operations": dict(sorted(self._counts.items())), "total": self._counts.total(),
                    "mutating": self._mutating, "defects": list(self._defects)}

    def log(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._log)

    def reset(self) -> None:
        with self._lock:
            self._counts.clear()
            self._log.clear()
            self._defects.clear()
            self._mutating = 0
