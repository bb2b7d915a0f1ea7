"""What RDS refuses in a request before it looks at any state."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from service import AwsError, Call, page

from .model import DEFAULT_VERSION, ENGINE, ENGINE_VERSIONS

_IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_INSTANCE_CLASS = re.compile(r"db\.(?:serverless|[a-z0-9-]+\.[a-z0-9]+)")
_SECURITY_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")
_MASTER_USER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}")
_RESERVED_USERS = ("admin", "rdsadmin", "rdsrepladmin")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def only(call: Call, *provided: str) -> None:
    """Refuses what the sandbox does not provide, rather than to ignore it in silence."""
    beyond = sorted(set(call.params) - set(provided))
    if beyond:
        raise AwsError("NotImplemented", f"the sandbox's {call.operation} does not know {', '.join(beyond)}", 501)


def identifier(parameter: str, value: str, longest: int = 63) -> str:
    """A new identifier as RDS stores it: in lower case."""
    if not _IDENTIFIER.fullmatch(value):
        raise invalid(f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; "
                      "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen "
                      "or contain two consecutive hyphens.")
    if len(value) > longest:
        raise invalid(f"The parameter {parameter} is not a valid identifier because it is longer than {longest} characters")
    return value.lower()


def name_of(value: str, kind: str) -> str:
    """The name in an identifier that may also be an ARN of that kind."""
    prefix, _, rest = value.partition(f":{kind}:")
    return (rest if prefix.startswith("arn:") and rest else value).lower()


def engine(value: str) -> None:
    if value != ENGINE:
        raise invalid(f"Invalid DB engine: {value}")


def engine_version(value: str | None) -> str:
    if value is None:
        return DEFAULT_VERSION
    if value not in ENGINE_VERSIONS:
        raise combination(f"Cannot find version {value} for {ENGINE}")
    return value


def instance_class(value: str) -> None:
    if not _INSTANCE_CLASS.fullmatch(value):
        raise invalid(f"Invalid DB Instance class: {value}")


def port(value: int | None) -> None:
    """Checked, then passed over: a loopback port that is free is what there is to have."""
    if value is not None and not 1150 <= value <= 65535:
        raise invalid(f"Invalid database port {value}: it must be in 1150-65535")


def master_user(value: str | None) -> str:
    if value is None:
        raise combination("The parameter MasterUsername must be provided and must not be blank.")
    if not _MASTER_USER.fullmatch(value):
        raise invalid("The parameter MasterUsername must begin with a letter and hold 1 to 16 alphanumeric characters.")
    if value.lower() in _RESERVED_USERS:
        raise invalid(f"MasterUsername {value} cannot be used as it is a reserved word used by the engine")
    return value


def password(value: str | None) -> str:
    if value is None:
        raise combination("The parameter MasterUserPassword must be provided and must not be blank.")
    if not 8 <= len(value) <= 41:
        raise invalid("The parameter MasterUserPassword is not a valid password because it is "
                      f"{'shorter than 8' if len(value) < 8 else 'longer than 41'} characters.")
    if not all("!" <= c <= "~" and c not in "/@\"" for c in value):
        raise invalid("The parameter MasterUserPassword is not a valid password. Only printable ASCII characters "
                      "besides '/', '@', '\"', ' ' may be used.")
    return value


def security_groups(values: list[str]) -> list[str]:
    for value in values:
        if not _SECURITY_GROUP.fullmatch(value):
            raise invalid(f"Invalid security group , groupId= {value}, groupName=.")
    return values


def scaling(value: dict[str, Any]) -> dict[str, Any]:
    low, high = value.get("MinCapacity"), value.get("MaxCapacity")
    if low is None or high is None:
        raise combination("Serverless v2 capacity needs both MinCapacity and MaxCapacity.")
    if not (0 <= low <= high and 1 <= high <= 256) or low * 2 % 1 or high * 2 % 1:
        raise invalid(f"Serverless v2 capacity {low}-{high} isn't valid. It must be in 0-256, in steps of 0.5, "
                      "the maximum at least 1.")
    return dict(value)


def tags(values: list[dict[str, str]] | None) -> dict[str, str]:
    chosen = {}
    for tag in values or []:
        key = tag.get("Key", "")
        if not 1 <= len(key) <= 128 or len(tag.get("Value", "")) > 256:
            raise invalid("Tag keys have 1 to 128 characters and values up to 256.")
        if key.lower().startswith(("aws:", "rds:")):
            raise invalid(f"The tag key {key} uses a reserved prefix.")
        chosen[key] = tag.get("Value", "")
    if len(chosen) > 50:
        raise invalid("A resource has at most 50 tags.")
    return chosen


def filtered(call: Call, items: list[Any], known: dict[str, Callable[[Any], set[str]]]) -> list[Any]:
    """Items that match every filter; `known` gives the values of an item for each filter's name."""
    for wanted in call.get("Filters", []):
        name = wanted["Name"]
        if name not in known:
            raise invalid(f"Unrecognized filter name: {name}")
        if not wanted.get("Values"):
            raise combination(f"The filter {name} must have at least one value.")
        values = {value.lower() for value in wanted["Values"]}
        items = [item for item in items if {v.lower() for v in known[name](item)} & values]
    return items


def paged(call: Call, items: list[Any], key: Callable[[Any], str]) -> tuple[list[Any], dict[str, str]]:
    """One page of items, and the member Marker if there are more."""
    limit = call.get("MaxRecords", 100)
    if not 20 <= limit <= 100:
        raise invalid(f"Invalid value {limit} for MaxRecords. Must be between 20 and 100")
    chosen, following = page(items, key, limit, _read_marker(call.get("Marker")))
    if following is None:
        return chosen, {}
    return chosen, {"Marker": base64.urlsafe_b64encode(following.encode()).decode()}


def _read_marker(marker: str | None) -> str | None:
    if not marker:
        return None
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("The request marker is invalid.") from None
