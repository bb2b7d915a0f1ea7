"""botocore's service models: which services there are, and what a request may hold.

botocore itself checks little before it sends (it leaves maxima, patterns and
enumerations to AWS). This module checks what AWS checks, in AWS's words.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

_LOADER = Loader()


@functools.cache
def service_model(name: str) -> ServiceModel:
    """The model of the service of that botocore name."""
    return ServiceModel(_LOADER.load_service_model(name, "service-2"), service_name=name)


def protocol(model: ServiceModel) -> str:
    """The protocol that the sandbox speaks for a service: query, json or rest-json.

    Some models list several; these are the ones that facts and botocore agree on.
    """
    offered = model.metadata.get("protocols", [model.metadata["protocol"]])
    for known in ("query", "json", "rest-json"):
        if known in offered:
            return known
    raise ValueError(f"{model.service_name}: no protocol among {offered} is spoken here")


def operation_model(model: ServiceModel, operation: str) -> OperationModel | None:
    if operation not in model.operation_names:
        return None
    return model.operation_model(operation)


@dataclass(frozen=True)
class Violation:
    """One way in which a request breaks its model."""

    kind: str       # missing, unknown, type or value
    path: str       # as botocore names it: Filters[0].Name
    text: str       # AWS's sentence, without the count that precedes it


def violations(shape: Shape | None, params: Any, path: str = "") -> Iterator[Violation]:
    """Everything in `params` that the model forbids, outermost first."""
    if shape is None:
        for name in params:
            yield _unknown(name)
        return
    checker = _CHECKERS.get(shape.type_name, _check_plain)
    yield from checker(shape, params, path)


def output_faults(shape: Shape | None, result: Any) -> list[str]:
    """What makes `result` no answer of this operation: unknown members, wrong types.

    Bounds and patterns hold for requests only; AWS's own answers break them.
    """
    found = violations(shape, result)
    return [f"{v.path}: {v.text}" for v in found if v.kind != "value"]


def _unknown(path: str) -> Violation:
    return Violation("unknown", path, f"Unknown parameter '{path}'")


def _wrong_type(shape: Shape, value: Any, path: str) -> Violation:
    return Violation("type", path, f"{type(value).__name__} is not a {shape.type_name} at '{path}'")


def _value(path: str, value: Any, constraint: str) -> Violation:
    shown = "null" if value is None else f"'{value}'"
    text = f"Value {shown} at '{_aws_path(path)}' failed to satisfy constraint: Member must {constraint}"
    return Violation("value", path, text)


def _aws_path(path: str) -> str:
    """Filters[0].Name as AWS writes it: filters.1.member.name."""
    dotted = re.sub(r"\[(\d+)\]", lambda m: f".{int(m[1]) + 1}.member", path)
    return ".".join(part[:1].lower() + part[1:] for part in dotted.split("."))


def _check_structure(shape: Any, params: Any, path: str) -> Iterator[Violation]:
    if not isinstance(params, dict):
        yield _wrong_type(shape, params, path)
        return
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if params.get(name) is None:
            yield Violation("missing", prefix + name, _value(prefix + name, None, "not be null").text)
    for name, value in params.items():
        if name not in shape.members:
            yield _unknown(prefix + name)
        elif value is not None:
            yield from violations(shape.members[name], value, prefix + name)
    if shape.is_tagged_union and len([v for v in params.values() if v is not None]) != 1:
        yield _value(path, params, "have exactly one member set")


def _check_list(shape: Any, params: Any, path: str) -> Iterator[Violation]:
    if not isinstance(params, list):
        yield _wrong_type(shape, params, path)
        return
    yield from _check_length(shape, params, path)
    for index, item in enumerate(params):
        yield from violations(shape.member, item, f"{path}[{index}]")


def _check_map(shape: Any, params: Any, path: str) -> Iterator[Violation]:
    if not isinstance(params, dict):
        yield _wrong_type(shape, params, path)
        return
    yield from _check_length(shape, params, path)
    for key, value in params.items():
        yield from violations(shape.key, key, path)
        yield from violations(shape.value, value, f"{path}.{key}")


def _check_string(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield _wrong_type(shape, value, path)
        return
    yield from _check_length(shape, value, path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compile(pattern).fullmatch(value):
        yield _value(path, value, f"satisfy regular expression pattern: {pattern}")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _value(path, value, f"satisfy enum value set: [{', '.join(allowed)}]")


def _check_blob(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, bytes):
        yield _wrong_type(shape, value, path)
    else:
        yield from _check_length(shape, value, path)


def _check_length(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if len(value) < shape.metadata.get("min", 0):
        yield _value(path, value, f"have length greater than or equal to {shape.metadata['min']}")
    if len(value) > shape.metadata.get("max", math.inf):
        yield _value(path, value, f"have length less than or equal to {shape.metadata['max']}")


def _check_number(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    whole = shape.type_name in ("integer", "long")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        yield _wrong_type(shape, value, path)
        return
    if value < shape.metadata.get("min", -math.inf):
        yield _value(path, value, f"have value greater than or equal to {shape.metadata['min']}")
    if value > shape.metadata.get("max", math.inf):
        yield _value(path, value, f"have value less than or equal to {shape.metadata['max']}")


def _check_plain(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    wanted = {"boolean": bool, "timestamp": datetime}[shape.type_name]
    if not isinstance(value, wanted):
        yield _wrong_type(shape, value, path)


_CHECKERS = {
    "structure": _check_structure, "list": _check_list, "map": _check_map,
    "string": _check_string, "blob": _check_blob,
    "integer": _check_number, "long": _check_number,
    "float": _check_number, "double": _check_number,
}


@functools.cache
def _compile(pattern: str) -> re.Pattern[str]:
    """A model's pattern (Java's dialect) as Python's: \\p{L} becomes the ranges of L."""
    python = re.sub(r"\\p\{(?:Is)?(\w+)\}", lambda m: _category_ranges(m[1]), pattern)
    return re.compile(python)


@functools.cache
def _category_ranges(category: str) -> str:
    """The code points of a Unicode category, for the inside of a character class."""
    if category == "ASCII":
        return "\\x00-\\x7f"
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high, name in category_runs()
                   if name.startswith(category))


@functools.cache
def category_runs() -> list[tuple[int, int, str]]:
    """Every code point's category, as runs: first, last, category."""
    runs: list[tuple[int, int, str]] = []
    for name, points in itertools.groupby(range(sys.maxunicode + 1), lambda point: unicodedata.category(chr(point))):
        run = list(points)
        runs.append((run[0], run[-1], name))
    return runs
