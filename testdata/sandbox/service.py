"""What a sandboxed AWS service is made of.

The front door (front.py) has already authenticated a request and checked its
parameters against botocore's model when it calls a service: an operation is a
method of the operation's own name that takes a Call and returns the members of
the output shape, or raises AwsError. How either looks on the wire is wire.py's
business, so that a service never sees XML, JSON or HTTP.
"""

from __future__ import annotations

import base64
import secrets
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-3"


class AwsError(Exception):
    """An answer that AWS gives instead of a result.

    `code` is the name of the modelled exception (its shape's name, such as
    DBClusterNotFoundFault, or the wire code itself); wire.py puts the wire code
    and the modelled HTTP status in. `status` counts for codes outside the model.
    """

    def __init__(self, code: str, message: str, status: int = 400,
                 fields: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}


@dataclass(frozen=True)
class Call:
    """One authenticated request. `params` holds what botocore's input shape names."""

    service: str
    operation: str
    params: dict[str, Any]
    account: str
    region: str
    principal: str

    def get(self, name: str, default: Any = None) -> Any:
        return self.params.get(name, default)


@dataclass
class Settings:
    """What a person may set when the sandbox starts; the RDS part also while it runs."""

    state_dir: Path
    account: str = ACCOUNT
    region: str = REGION
    seconds: float = 1.0
    latency: float = 0.0
    quota: float = 1.0
    tls: bool = False
    port: int = 0
    # Keeps an empty database for all sandboxes that are given it: to make one takes a second.
    empty: Path | None = None

    @property
    def tls_dir(self) -> Path:
        """Where the sandbox's certificate authority stands (tls.Authority)."""
        return self.state_dir / "tls"


@dataclass
class World:
    """Everything the services share. `lock` guards what more than one service touches.

    `keyring` is auth.Keyring. `clock_offset` shifts the clock that requests are
    judged by and dated with, so that tests can be the client whose clock is wrong.
    `decide` is what IAM's simulator says of an action: the front door's denials.
    `deployments` is deployment.Deployments.
    """

    settings: Settings
    keyring: Any = None
    deployments: Any = None
    clock_offset: timedelta = timedelta()
    services: dict[str, Service] = field(default_factory=dict)
    decide: Callable[[str], str] = lambda action: "allowed"
    lock: threading.RLock = field(default_factory=threading.RLock)

    def service(self, name: str) -> Any:
        """The service of that botocore name (Any: callers use its seeding methods)."""
        return self.services[name]

    def add(self, service: Service) -> None:
        self.services[service.name] = service

    def clock(self) -> datetime:
        """The time on the sandbox's clock."""
        return now() + self.clock_offset

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the sandbox's account and region."""
        return f"arn:aws:{service}:{self.settings.region}:{self.settings.account}:{resource}"

    def start(self) -> None:
        for service in self.services.values():
            service.start()

    def stop(self) -> None:
        """Ends what the services started, in reverse; called once, also on SIGTERM."""
        for service in reversed(list(self.services.values())):
            service.stop()


class Service:
    """Base of a service. `name` is botocore's name for it.

    Operations and control commands of one service run one at a time, under its
    `lock`: what takes long belongs into a thread of its own.

    Methods named control_<verb>(self, args: dict) -> dict are reachable for
    tests and the command line as POST /_sandbox/<service>/<verb>; an AwsError
    or ValueError raised there is answered with status 400.
    """

    name: str

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = threading.RLock()

    def start(self) -> None:
        """Called once, before the first request."""

    def stop(self) -> None:
        """Called once, after the last request."""

    def arn(self, resource: str) -> str:
        return self.world.arn(self.name, resource)


def now() -> datetime:
    """The time as AWS stores it: aware, UTC."""
    return datetime.now(timezone.utc)


def random_id(length: int, alphabet: str = string.ascii_uppercase + string.digits) -> str:
    """An identifier such as those AWS makes up for resources."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def page(items: list[Any], key: Any, limit: int, token: str | None) -> tuple[list[Any], str | None]:
    """One page of `items`, sorted by key(item), after the item whose key is `token`.

    Pages stand on keys rather than on positions: what is added or removed
    between two requests neither repeats nor hides the rest.
    """
    ordered = sorted(items, key=key)
    rest = [item for item in ordered if token is None or key(item) > token]
    chosen = rest[:limit]
    more = len(rest) > limit
    return chosen, key(chosen[-1]) if more else None


# Makes tokens begin with ++++////: who puts one into a form or URL as it is, loses it.
_TOKEN_MARK = b"\xfb\xef\xbe\xff\xff\xff"


def token_page(items: list[Any], key: Any, limit: int, token: str | None,
               refusal: AwsError) -> tuple[list[Any], str | None]:
    """As page(), with tokens that say nothing to a client; one that is not ours is refused."""
    after = None
    if token is not None:
        try:
            after = base64.b64decode(token, validate=True).removeprefix(_TOKEN_MARK).decode()
        except ValueError as error:
            raise refusal from error
    chosen, last = page(items, key, limit, after)
    return chosen, None if last is None else base64.b64encode(_TOKEN_MARK + last.encode()).decode()
