"""The user pool of a deployment: who signs in, and the groups of version 0."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

_FIRST = ("alice", "bob", "chiara", "dmitri", "elif", "farid", "greta", "hiro", "inès", "joão", "kim", "lars",
          "maría", "noor", "olu", "petra", "quentin", "rosa", "søren", "tao", "ursula", "víctor", "wei", "yara")
_LAST = ("anders", "bauer", "costa", "dubois", "eriksen", "ferrari", "garcía", "haddad", "ito", "jansen", "kaya",
         "lopez", "müller", "nowak", "okafor", "park", "rossi", "sato", "tanaka", "weber")


@dataclass(frozen=True)
class Person:
    username: str
    email: str
    sub: str
    status: str
    enabled: bool

    def describe(self) -> dict[str, Any]:
        return {"username": self.username, "email": self.email, "status": self.status, "enabled": self.enabled}


def seed(cognito: Any, number: int, rng: Random) -> tuple[str, list[Person]]:
    """A pool of so many users; returns its id and them."""
    pool = cognito.seed_pool("BedrockChatUserPool")
    people = [_person(index, rng) for index in range(number)]
    if number >= 12:
        # One person, twice: with a password, and through the identity provider.
        people[-1] = Person("Google_1046", people[0].email, _uuid(rng), "EXTERNAL_PROVIDER", True)
    for person in people:
        cognito.seed_user(pool, username=person.username, email=person.email, status=person.status,
                          enabled=person.enabled, sub=person.sub)
    cognito.seed_group(pool, "Admin", [person.username for person in people[:1]])
    cognito.seed_group(pool, "PublishAllowed", [person.username for person in people[1:4]])
    federated = [person.username for person in people if person.username.startswith("Google_")]
    if federated:
        # Cognito's own doing for every identity provider.
        cognito.seed_group(pool, f"{pool}_Google", federated)
    return pool, people


def _person(index: int, rng: Random) -> Person:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    # An address needs no name that only its owner can type.
    email = f"{first}.{last}.{index}@example.com".encode("ascii", "ignore").decode()
    sub = _uuid(rng)
    if index % 7 == 5:
        return Person(f"Google_{rng.randrange(10**20, 10**21)}", email, sub, "EXTERNAL_PROVIDER", True)
    status = {9: "FORCE_CHANGE_PASSWORD", 16: "UNCONFIRMED"}.get(index % 20, "CONFIRMED")
    return Person(sub, email, sub, status, index % 15 != 11)


def _uuid(rng: Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
