"""Fixtures: sandboxes that start on request, and the program in a directory of its own."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import TRUEUP, Program, Sandbox

KILLED = ("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json")


@pytest.fixture(scope="session", autouse=True)
def program_is_built() -> None:
    if not TRUEUP.exists():
        pytest.exit(f"{TRUEUP} is not there: build it, or say in TRUEUP where it is", returncode=1)
    # Neither boto3 nor psycopg is to see what the environment says of real accounts and databases.
    for name in [name for name in os.environ if name.startswith(("AWS_", "PG"))]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for one test. Not pytest's own, which database servers of another user cannot enter."""
    with tempfile.TemporaryDirectory(prefix="trueup-e2e-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts a sandbox with these options of its command line; all are stopped at the end."""
    running: list[Sandbox] = []

    def begin(*options: str) -> Sandbox:
        running.append(Sandbox(place / f"sandbox-{len(running)}", "--tls", *options))
        return running[-1]

    yield begin
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    """One that is quick, with AWS's quotas."""
    return start("--seconds", "0.2")


@pytest.fixture
def trueup(place: Path, sandbox: Sandbox) -> Program:
    return Program(place / "work", sandbox)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """A seeded deployment for all tests of a file: those that change nothing, or only groups."""
    with tempfile.TemporaryDirectory(prefix="trueup-e2e-") as directory:
        Path(directory).chmod(0o755)
        sandbox = Sandbox(Path(directory) / "sandbox", "--tls", "--seconds", "0.2", "--quota", "0")
        sandbox.seed(bots=4, rows=80, users=24)
        yield sandbox
        sandbox.stop()


@pytest.fixture
def program(place: Path, shared: Sandbox) -> Iterator[Program]:
    """The program against the shared deployment. Whatever a test injects is taken back."""
    shared.forget()
    yield Program(place / "work", shared)
    shared.control("clear")


@pytest.fixture
def moments() -> Iterator[Callable[[float, int], list[float]]]:
    """Seconds after which a run of about that length is to be killed: as many as are usual, or TRUEUP_KILLS."""
    seed = int(os.environ.get("TRUEUP_SEED", random.SystemRandom().randrange(10**6)))
    print(f"TRUEUP_SEED={seed}")
    rng = random.Random(seed)
    kills = os.environ.get("TRUEUP_KILLS")
    yield lambda longest, usual: [rng.uniform(0.02, 0.8) * longest for _ in range(int(kills or usual))]
