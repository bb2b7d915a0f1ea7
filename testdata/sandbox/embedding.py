"""The application's embedding program, as it behaves: what an ECS task of the deployment runs.

It is told its bot by the keys of the bot's item, says RUNNING, makes chunks and their embeddings of the bot's
knowledge, replaces the bot's rows in one transaction, and says SUCCEEDED, or FAILED with the error's text. Either way
it ends with exit code 0: another code means that it did not get so far.
"""

from __future__ import annotations

import json
import struct
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import sqrt
from random import Random
from typing import Any

import psycopg

import postgres
import seed_rows
from service import AwsError, World

DIMENSIONS = seed_rows.DIMENSIONS
# A long text is as its beginning says.
_WORDS = 40
NO_CONTENTS = "No contents to embed."
INSERTED = "Successfully inserted to vector store."
# How a program is told its bot, by the application's version.
ARGUMENT, EVENT = "argument", "EVENT"


@dataclass
class Program:
    """One run of the program, in the world that it would see."""

    world: World
    task_id: str
    form: str                           # ARGUMENT or EVENT
    command: list[str]
    environment: dict[str, str]
    chunks: dict[str, int]              # how many rows each bot's knowledge gives; an estimate for others
    work: Callable[[], bool]            # stays as long as the work takes; false: the program was killed

    def keys(self) -> dict[str, Any] | None:
        """The key of the bot's item, if the program was told it in the form that it reads."""
        text = self.environment.get("EVENT", "") if self.form == EVENT else (self.command or [""])[-1]
        try:
            keys = json.loads(text)
            return {"PK": {"S": keys["PK"]["S"]}, "SK": {"S": keys["SK"]["S"]}}
        except (ValueError, KeyError, TypeError):
            return None

    def bot(self) -> str | None:
        keys = self.keys()
        return None if keys is None else bot_of(keys)

    def run(self, failure: str | None = None) -> int | None:
        """Runs it to its end: the exit code, or None if it was killed. `failure`: what its work ends with."""
        keys = self.keys()
        if keys is None:
            return 1 if self.form == EVENT else 2
        item = self.world.service("dynamodb").item(self.environment["TABLE_NAME"], keys)
        if item is None:
            return 1
        self._say(keys, "RUNNING", "")
        knowledge = {name: len(value["L"]) for name, value in item["Knowledge"]["M"].items()}
        if not any(knowledge.values()):
            self._say(keys, "SUCCEEDED", NO_CONTENTS)
            return 0
        if not self.work():
            return None
        try:
            if failure is not None:
                raise RuntimeError(failure)
            if knowledge.get("sitemap_urls"):
                raise NotImplementedError
            self._replace(bot_of(keys), sources_of(item))
        except (RuntimeError, psycopg.Error, AwsError) as error:
            self._say(keys, "FAILED", str(error))
        else:
            self._say(keys, "SUCCEEDED", INSERTED)
        return 0

    def _say(self, keys: dict[str, Any], status: str, reason: str) -> None:
        self.world.service("dynamodb").set_attributes(self.environment["TABLE_NAME"], keys, {
            "SyncStatus": {"S": status}, "SyncStatusReason": {"S": reason}, "LastExecId": {"S": self.task_id}})

    def _replace(self, bot: str, sources: list[str]) -> None:
        number = self.chunks.get(bot, 3 * len(sources))
        rng = Random(self.task_id)
        texts = [f"{sources[chunk % len(sources)]}: chunk {chunk} of what bot {bot} knows" for chunk in range(number)]
        with self._connect() as session, session.cursor() as cursor:
            cursor.execute("DELETE FROM items WHERE botid = %s", (bot,))
            with cursor.copy("COPY items FROM STDIN (FORMAT binary)") as copy:
                copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0))
                for chunk, text in enumerate(texts):
                    copy.write(_row(new_ulid(rng), bot, text, sources[chunk % len(sources)]))
                copy.write(struct.pack("!h", -1))

    def _connect(self) -> psycopg.Connection:
        """The application's own session: as its environment says, or the secret that it names."""
        access = {"host": self.environment.get("DB_HOST", ""), "username": self.environment.get("DB_USER", ""),
                  "password": self.environment.get("DB_PASSWORD", "")}
        if "DB_SECRETS_ARN" in self.environment:
            access = json.loads(self.world.service("secretsmanager").current(self.environment["DB_SECRETS_ARN"]))
        servers = {cluster.endpoint: cluster.server for cluster in list(self.world.service("rds").clusters.values())}
        if access["host"] not in servers:
            raise RuntimeError(f"Can't create a connection to host {access['host']}")
        # The port is the server's own, which differs here where AWS's is 5432 before and after a replacement. The name
        # is that of the sandbox's sessions: what the application writes is not counted as a client's.
        return psycopg.connect(host="127.0.0.1", port=servers[access["host"]].port, user=access["username"],
                               password=access["password"], dbname="postgres", sslmode="require",
                               application_name=postgres.OWN_SESSIONS)


def bot_of(keys: dict[str, Any]) -> str:
    return str(keys["SK"]["S"].partition("#BOT#")[2])


def sources_of(item: dict[str, Any]) -> list[str]:
    """All that a bot's knowledge consists of."""
    return [value["S"] for listed in item["Knowledge"]["M"].values() for value in listed["L"]]


def embed(text: str) -> list[float]:
    """The embedding that stands for a text: of unit length, and the nearer another's the more words they share."""
    words = text.lower().split()[:_WORDS] or [text]
    values = [sum(column) for column in zip(*map(_word, words))]
    length = sqrt(sum(value * value for value in values))
    return [value / length for value in values]


@lru_cache(4096)
def _word(word: str) -> tuple[float, ...]:
    rng = Random(sha256(word.encode()).digest())
    return tuple(rng.gauss(0.0, 1.0) for _ in range(DIMENSIONS))


def new_ulid(rng: Random) -> str:
    number = int(time.time() * 1000) << 80 | rng.getrandbits(80)
    return "".join(seed_rows.ULID_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def _row(identifier: str, bot: str, content: str, source: str) -> bytes:
    vector = array("f", embed(content))
    vector.byteswap()
    fields = (identifier.encode(), bot.encode(), content.encode(), source.encode(),
              struct.pack("!hh", DIMENSIONS, 0) + vector.tobytes())
    return struct.pack("!h", len(fields)) + b"".join(struct.pack("!i", len(value)) + value for value in fields)
