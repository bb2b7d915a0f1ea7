"""What a command says where the sandbox cannot do what it is asked for."""

from __future__ import annotations

import json
import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from control import Control
from front import Front
from postgres import PostgresError
from talk import control
from wire import Request


def test_trouble_with_postgresql_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise PostgresError("the server did not answer within 120 s")

    monkeypatch.setattr(Control, "_run", fail)
    request = SimpleNamespace(header=lambda _: "token", target="/_sandbox/seed", body=b"")
    answer = Control(cast(Front, None), "token").answer(cast(Request, request))
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "PostgreSQL: the server did not answer within 120 s"}


def test_a_server_that_says_nothing_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SystemExit, match=f"127.0.0.1:{port} gave no answer to seed .* server.log"):
        control({"url": f"http://127.0.0.1:{port}", "token": "t", "tls": False}, "seed")
