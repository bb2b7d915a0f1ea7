"""Fixtures: those of the end-to-end tests, and an agent."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

E2E = Path(__file__).resolve().parents[1] / "e2e"
sys.path.insert(0, str(E2E))

# Under another name: pytest knows this file by the one that both have.
_spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)
program_is_built, place, start, sandbox, trueup = (
    _e2e.program_is_built, _e2e.place, _e2e.start, _e2e.sandbox, _e2e.trueup)
shared, program, moments = _e2e.shared, _e2e.program, _e2e.moments

from agent import Agent  # noqa: E402: it needs the path
from harness import Program  # noqa: E402


@pytest.fixture
def launch() -> Iterator[Callable[..., Agent]]:
    """Starts an agent with this configuration; all are gone at the end, and none was a sanitizer's."""
    running: list[Agent] = []

    def begin(program: Program, words: tuple[str, ...] = ("-v",), **configuration: Any) -> Agent:
        running.append(Agent(program, configuration, words))
        return running[-1]

    yield begin
    for agent in running:
        agent.finish()
