"""Cognito's lists: filters, pages and the tokens between them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service import AwsError, Call, page

PAGE = 60
_FILTERABLE = {"username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username",
               "cognito:user_status", "status", "sub"}
_FILTER = re.compile(r'\s*"?([\w:]+)"?\s*(=|\^=)\s*"((?:[^"\\]|\\.)*)"\s*')


def parse_filter(text: str) -> Callable[[Any], bool]:
    """The test that a ListUsers filter stands for; a user has value(attribute)."""
    if not text:
        return lambda user: True
    match = _FILTER.fullmatch(text)
    if match is None:
        raise AwsError("InvalidParameterException", "Error while parsing filter.")
    name, operator, quoted = match.groups()
    if name not in _FILTERABLE:
        raise AwsError("InvalidParameterException", f"Invalid search attribute: {name}")
    value = re.sub(r"\\(.)", r"\1", quoted)
    if name == "cognito:user_status":
        value = value.lower()
    if operator == "=":
        return lambda user: user.value(name) == value
    return lambda user: (user.value(name) or "").startswith(value)


@dataclass(frozen=True)
class ListPage:
    """Which page of what is asked for. A token holds for the same question only."""

    operation: str
    limit: int
    token: str | None
    question: str

    @classmethod
    def of(cls, call: Call, token_name: str) -> ListPage:
        same = {name: value for name, value in call.params.items() if name not in (token_name, "Limit")}
        digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:12]
        return cls(call.operation, call.get("Limit") or PAGE, call.get(token_name), digest)


@dataclass(frozen=True)
class Listed:
    items: list[Any]
    token: str | None


class TokenCodec:
    """Pages by key, with opaque tokens. `empty_pages`: an empty page before each further one."""

    def __init__(self) -> None:
        self.empty_pages = False

    def page(self, items: list[Any], key: Callable[[Any], str], asked: ListPage) -> Listed:
        after, rested = self._decode(asked)
        if self.empty_pages and after is not None and not rested:
            return Listed([], self._encode(asked, after, rested=True))
        chosen, last = page(items, key, asked.limit, after)
        return Listed(chosen, None if last is None else self._encode(asked, last, rested=False))

    @staticmethod
    def _encode(asked: ListPage, after: str, rested: bool) -> str:
        document = [asked.operation, asked.question, after, rested]
        return base64.b64encode(json.dumps(document).encode()).decode()

    @staticmethod
    def _decode(asked: ListPage) -> tuple[str | None, bool]:
        if asked.token is None:
            return None, False
        try:
            operation, question, after, rested = json.loads(base64.b64decode(asked.token, validate=True))
        except ValueError as error:
            raise AwsError("InvalidParameterException", "Invalid pagination token.") from error
        if (operation, question) != (asked.operation, asked.question):
            raise AwsError("InvalidParameterException", "Pagination token was issued for another request.")
        return after, rested
