"""The control interface under /_sandbox/: what tests and the command line use.

POST /_sandbox/VERB with a JSON object does VERB of this file; POST
/_sandbox/SERVICE/VERB does control_VERB of that service, and POST
/_sandbox/deployment/VERB do_VERB of deployment.py. Each request carries the
token that stands in the state directory.
"""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import seed
from inject import Rule
from postgres import PostgresError
from service import AwsError
from wire import Request, Response

if TYPE_CHECKING:
    from front import Front

PREFIX = "/_sandbox/"
TOKEN_HEADER = "x-sandbox-token"


class Control:
    def __init__(self, front: Front, token: str) -> None:
        self._front = front
        self._token = token

    def answer(self, request: Request) -> Response:
        given = request.header(TOKEN_HEADER) or ""
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _json(403, {"error": "the control token is missing or wrong"})
        words = urlsplit(request.target).path.removeprefix(PREFIX).split("/")
        try:
            args = json.loads(request.body or b"{}")
            return _json(200, self._run(words, args))
        except AwsError as error:
            return _json(400, {"error": str(error)})
        except PostgresError as error:
            return _json(500, {"error": f"PostgreSQL: {error}"})
        except (ValueError, TypeError, KeyError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})

    def _run(self, words: list[str], args: dict[str, Any]) -> Any:
        verb = words[-1].replace("-", "_")
        if len(words) == 1:
            method = getattr(self, f"do_{verb}", None)
            if method is None:
                raise ValueError(f"no such command: {words[0]}")
            return method(args)
        if words[0] == "deployment":
            return self._deployment(verb, args)
        service = self._front.world.services.get(words[0])
        method = getattr(service, f"control_{verb}", None)
        if service is None or method is None:
            raise ValueError(f"no such command: {' '.join(words)}")
        with service.lock:
            return method(args)

    def _deployment(self, verb: str, args: dict[str, Any]) -> Any:
        method = getattr(self._front.world.deployments, f"do_{verb}", None)
        if method is None:
            raise ValueError(f"no such command: deployment {verb}")
        return method(args)

    def do_ready(self, args: dict[str, Any]) -> Any:
        return {"services": sorted(self._front.world.services)}

    def do_calls(self, args: dict[str, Any]) -> Any:
        return self._front.journal.counts()

    def do_log(self, args: dict[str, Any]) -> Any:
        return self._front.journal.log()

    def do_reset_calls(self, args: dict[str, Any]) -> Any:
        self._front.journal.reset()
        return {}

    def do_deny(self, args: dict[str, Any]) -> Any:
        """operation; explicit: not for want of a permission, but by a policy that says so."""
        self._front.injector.deny(args["operation"], bool(args.get("explicit", False)))
        return self._front.injector.state()

    def do_allow(self, args: dict[str, Any]) -> Any:
        self._front.injector.allow(args["operation"])
        return self._front.injector.state()

    def do_fault(self, args: dict[str, Any]) -> Any:
        self._front.injector.add(Rule(args["kind"], args.get("operation", "*"), int(args.get("count", 1)),
                                      float(args.get("seconds", 0))))
        return self._front.injector.state()

    def do_clear(self, args: dict[str, Any]) -> Any:
        """Takes back every denial and fault, and sets clock, latency and connections right."""
        self._front.injector.clear()
        self._front.world.clock_offset = timedelta()
        self._front.idle_seconds = self._front.IDLE_SECONDS
        self._front.world.settings.latency = 0.0
        return {}

    def do_clock(self, args: dict[str, Any]) -> Any:
        self._front.world.clock_offset = timedelta(seconds=float(args["offset"]))
        return {"now": self._front.world.clock().isoformat()}

    def do_quota(self, args: dict[str, Any]) -> Any:
        self._front.quotas.set_factor(float(args["factor"]))
        return {"factor": self._front.quotas.factor}

    def do_latency(self, args: dict[str, Any]) -> Any:
        self._front.world.settings.latency = float(args["milliseconds"])
        return {}

    def do_idle(self, args: dict[str, Any]) -> Any:
        """How long a connection may idle before it is closed unannounced; 0: not at all."""
        self._front.idle_seconds = float(args["seconds"])
        return {}

    def do_seed(self, args: dict[str, Any]) -> Any:
        return seed.seed(self._front.world, args)


def _json(status: int, document: Any) -> Response:
    return Response(status, json.dumps(document, default=str).encode(), {"Content-Type": "application/json"})
