"""The application's EventBridge Pipe: from the stream of its table to embedding tasks.

It takes whatever leaves an item with a SyncStatus of QUEUED, one record after another, and starts a task as the
application's version does it: by itself, with the bot's keys as the command's last argument, or by a state machine,
with the keys in EVENT. It tries a record once more (maximumRetryAttempts 1), the state machine does not; then the
record is lost, and the bot stays QUEUED.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from typing import Any

from embedding import EVENT, bot_of
from service import AwsError

Starter = Callable[[dict[str, Any]], dict[str, Any]]


class Pipe:
    """`request`: RunTask's parameters without overrides; `start` carries RunTask out; `lag` is how long a record is
    under way; `is_lost` says whether this bot's record gets lost."""

    def __init__(self, request: dict[str, Any], form: str, start: Starter, lag: Callable[[], float],
                 is_lost: Callable[[str], bool]) -> None:
        self._request = request
        self._start = start
        self._lag = lag
        self._is_lost = is_lost
        self._records: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._stopping = threading.Event()
        self.form = form
        threading.Thread(target=self._run, daemon=True).start()

    def take(self, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        """A record of the stream."""
        if after.get("SyncStatus", {}).get("S", "").startswith("QUEUED"):
            self._records.put({"PK": after["PK"], "SK": after["SK"]})

    def stop(self) -> None:
        self._stopping.set()
        self._records.put(None)

    def _run(self) -> None:
        while (keys := self._records.get()) is not None:
            self._stopping.wait(self._lag())
            if not self._stopping.is_set() and not self._is_lost(bot_of(keys)):
                self._deliver(keys)

    def _deliver(self, keys: dict[str, Any]) -> None:
        for _ in range(1 if self.form == EVENT else 2):
            try:
                if not self._start(self._request | {"overrides": self._overrides(keys)})["failures"]:
                    return
            except AwsError:
                continue

    def _overrides(self, keys: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(keys)
        if self.form == EVENT:
            return {"containerOverrides": [{"name": "Container", "environment": [{"name": "EVENT", "value": text}]}]}
        return {"containerOverrides": [{"name": "Container", "command": ["-u", "embedding/main.py", text]}]}
