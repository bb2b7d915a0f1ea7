"""The application's table: bots with and without knowledge, aliases, conversations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from seed_people import Person
from seed_rows import ulid

_CREATED = 1_714_521_600.0
_FAILURE = "404 Client Error: Not Found for url: https://example.com/handbook"


@dataclass
class Bot:
    bot_id: str
    owner: Person
    has_knowledge: bool
    published: bool = False
    status: str = "SUCCEEDED"
    reason: str | None = None       # None: what the application would say
    emptied: bool = False           # had knowledge, and keeps its rows
    knowledge_base: bool = False    # of Bedrock's: no rows

    @property
    def sort_key(self) -> str:
        return f"{self.owner.sub}#BOT#{self.bot_id}"

    @property
    def stack(self) -> str:
        return f"ApiPublishmentStack{self.bot_id}"


def seed(dynamodb: Any, table: str, bots: list[Bot], people: list[Person], rng: Random) -> None:
    for number, bot in enumerate(bots):
        dynamodb.put_item(table, _bot(bot, number, rng))
        if number % 3 == 0:
            dynamodb.put_item(table, _alias(bot, rng.choice(people), number))
    for number in range(len(people)):
        dynamodb.put_item(table, _conversation(rng.choice(people), number, rng))


def make(people: list[Person], with_knowledge: int, published: int, rng: Random) -> list[Bot]:
    """The bots with knowledge, the first of them published, then a fifth as many without."""
    bots = [Bot(ulid(rng), rng.choice(people), True, number < published) for number in range(with_knowledge)]
    return bots + [Bot(ulid(rng), rng.choice(people), False) for _ in range(-(-with_knowledge // 5))]


def make_special(people: list[Person], emptied: int, knowledge_bases: int, rng: Random) -> list[Bot]:
    """Bots that keep rows although they have no knowledge any more, and bots that never had rows."""
    return ([Bot(ulid(rng), rng.choice(people), False, emptied=True) for _ in range(emptied)]
            + [Bot(ulid(rng), rng.choice(people), True, knowledge_base=True) for _ in range(knowledge_bases)])


def mark(bots: list[Bot], queued: int, running: int, failed: int) -> None:
    """Has the last of these bots end otherwise than well."""
    marks = (["QUEUED"] * queued + ["RUNNING"] * running + ["FAILED"] * failed)
    for bot, status in zip(reversed(bots), marks):
        bot.status, bot.reason = status, _FAILURE if status == "FAILED" else ""


def _text(value: str) -> dict[str, str]:
    return {"S": value}


def _number(value: float) -> dict[str, str]:
    return {"N": str(value)}


def _list(*values: str) -> dict[str, Any]:
    return {"L": [_text(value) for value in values]}


def _bot(bot: Bot, number: int, rng: Random) -> dict[str, Any]:
    nothing: dict[str, Any] = {"NULL": True}
    item = {
        "PK": _text(bot.owner.sub), "SK": _text(bot.sort_key), "Title": _text(f"Bot {number} — «тест» 🤖"),
        "Description": _text("Answers questions about the handbook."), "Instruction": _text("Be brief.\nBe kind."),
        "CreateTime": _number(_CREATED + number), "LastBotUsed": _number(_CREATED + 100 * number),
        "IsPinned": {"BOOL": number % 4 == 0}, "Knowledge": {"M": _knowledge(bot, number)},
        "EmbeddingParams": {"M": {"chunk_size": _number(1000), "chunk_overlap": _number(200),
                                  "enable_partition_pdf": {"BOOL": False}}},
        "SyncStatus": _text(bot.status),
        "SyncStatusReason": _text(bot.reason if bot.reason is not None
                                  else "" if bot.has_knowledge else "No contents to embed."),
        "LastExecId": _text("%032x" % rng.getrandbits(128) if bot.has_knowledge else ""),
        "ApiPublishmentStackName": _text(bot.stack) if bot.published else nothing,
        "ApiPublishedDatetime": {"N": str(int(_CREATED) + number)} if bot.published else nothing,
        "ApiPublishCodeBuildId": _text(f"build:{number}") if bot.published else nothing,
    }
    if bot.knowledge_base:
        item["BedrockKnowledgeBase"] = {"M": {"knowledge_base_id": _text("KB12345678"), "type": _text("dedicated")}}
    if number % 3 == 0 or bot.published:
        item["PublicBotId"] = _text(bot.bot_id)
    return item


def _knowledge(bot: Bot, number: int) -> dict[str, Any]:
    urls, files = [], []
    if bot.has_knowledge and number % 2 == 0:
        urls = [f"https://example.com/handbook/{number}"]
    if bot.has_knowledge and (number % 2 == 1 or number % 5 == 0):
        files = [f"rapport {number} – été.pdf"]
    return {"source_urls": _list(*urls), "sitemap_urls": _list(), "filenames": _list(*files)}


def _alias(bot: Bot, user: Person, number: int) -> dict[str, Any]:
    return {
        "PK": _text(user.sub), "SK": _text(f"{user.sub}#BOT_ALIAS#{bot.bot_id}"),
        "OriginalBotId": _text(bot.bot_id), "Title": _text(f"Bot {number}"), "Description": _text("An alias."),
        "CreateTime": _number(_CREATED + number), "LastBotUsed": _number(_CREATED + number),
        "IsPinned": {"BOOL": False}, "SyncStatus": _text("SUCCEEDED"), "HasKnowledge": {"BOOL": bot.has_knowledge},
    }


def _conversation(user: Person, number: int, rng: Random) -> dict[str, Any]:
    message = {"role": "user", "content": [{"content_type": "text", "body": "What does #BOT# mean? " * (number % 50)}]}
    return {
        "PK": _text(user.sub), "SK": _text(f"{user.sub}#CONV#{ulid(rng)}"), "Title": _text(f"Conversation {number}"),
        "CreateTime": _number(_CREATED + number), "MessageMap": _text(json.dumps({"system": message})),
        "LastMessageId": _text(ulid(rng)), "TotalPrice": _number(0.0125),
    }
