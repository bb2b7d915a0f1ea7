"""The status page in Chromium, served by a real agent: what it shows, how it keeps up, and what it must not do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent import Agent, wait_until
from harness import Program, Sandbox, creators, group_of, username
from test_daemon import specify
from test_http import TOKEN, Client, write

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(__file__).parent / "page"
SHOTS = Path(os.environ["TRUEUP_SHOTS"]) if "TRUEUP_SHOTS" in os.environ else None  # to be looked at


def look(client: Client, folder: Path, *steps: dict[str, Any], token: str | None = TOKEN) -> list[dict[str, Any]]:
    """What Chromium shows of each step; in none of them anything may be wrong."""
    asked = {"chromium": shutil.which("chromium"), "token": token,
             "steps": [{"size": "desktop", "scheme": "light", **step} for step in steps]}
    done = subprocess.run(["node", str(PAGE / "look.mjs"), f"http://{client.host}:{client.port}/",
                           str(SHOTS or folder)], input=json.dumps(asked), capture_output=True, text=True,
                          timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    for step, page in zip(steps, told, strict=True):
        assert page["foreign"] == [] and not page["wide"], (step, page)
        assert page["violations"] == [], (step, page["violations"])
        expected = "401" if step.get("ask") else "503" if step.get("crowded") else None
        assert [one for one in page["problems"] if expected is None or expected not in one] == [], (step, page)
    return told


def test_what_it_shows(sandbox: Sandbox, trueup: Program, launch: Callable[..., Agent]) -> None:
    sandbox.seed(bots=6, rows=300, users=6)
    who = creators(sandbox, 2)
    specify(trueup, "chat", vectors={"counts": {"from": "baseline", "file": "baselines/chat.yaml"}},
            users=group_of(who))
    trueup.run("capture", "specs/chat.yaml")
    with sandbox.session(sandbox.summary["cluster"]) as session:
        session.execute("DELETE FROM items WHERE botid = (SELECT min(botid) FROM items)")
    specify(trueup, "broken", aws={"region": "eu-west-3", "account": "999999999999",
                                     "stack": "BedrockChatStack"}, users=group_of(who))
    agent = launch(trueup, schedule={"every": "1h"},
                   listen={"address": "127.0.0.1:0", "token": write(trueup, "t", TOKEN)})
    client = Client(agent)
    agent.wait_for("chat: drifted")
    agent.wait_for("broken: failed")

    # Drift made by hand in Cognito is repaired by the next run, which a person asks for.
    sandbox.client("cognito-idp").admin_remove_user_from_group(
        UserPoolId=sandbox.summary["pool"], GroupName="CreatingBotAllowed", Username=username(sandbox, who[0]))
    asked, pressed, chat, dark, phone, phone_dark = look(
        client, trueup.directory,
        {"ask": True},
        {"press": "chat", "open": "chat", "until": "Drift and repair",
         "wait": f"users/CreatingBotAllowed/add/{who[0]}"},
        {"open": "chat", "until": "Drift and repair", "shot": "desktop.png"},
        {"open": "chat", "until": "Drift and repair", "scheme": "dark", "shot": "desktop-dark.png"},
        {"open": "chat", "until": "Drift and repair", "size": "phone", "shot": "phone.png"},
        {"open": "broken", "size": "phone", "scheme": "dark", "shot": "phone-dark.png"})
    assert "asks for its token" in asked["text"] and "chat" not in asked["text"]
    assert "1 short of rows" in chat["text"] and "5 short" not in chat["text"]
    for page in (pressed, chat, dark, phone):
        assert "drifted" in page["text"] and "Vectors per bot".lower() in page["text"].lower()
        assert f"users/CreatingBotAllowed/add/{who[0]}" in page["text"] and "person" in page["text"]
    assert "999999999999" in phone_dark["text"] and phone_dark["title"].startswith("✗ trueup: 1 failed")
    assert len(sandbox.members()) == 2


def test_what_it_does_with_a_difficult_agent() -> None:
    """Refusals, silence, a thousand deployments, a wrong clock, small windows."""
    command = ["node", str(PAGE / "scenes.mjs"), str(ROOT / "agent/daemon/page"), *([str(SHOTS)] if SHOTS else [])]
    done = subprocess.run(command, input=json.dumps({"chromium": shutil.which("chromium")}), capture_output=True,
                          text=True, timeout=240, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_live_and_many(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    """What happens while somebody looks; and what a hundred deployments look like, without a token."""
    who = creators(shared, 1)
    specify(program, "live", users=group_of(who))
    for number in range(100):
        specify(program, f"idle-{number}", mode="paused", users=group_of(who))
    shared.control("fault", kind="delay", operation="cognito-idp:AdminAddUserToGroup", seconds=4)
    agent = launch(program, schedule={"cron": "0 0 1 1 *"}, listen={"address": "127.0.0.1:0"})
    client = Client(agent)
    wait_until(lambda: len(json.loads(client.ask("/api/v1/deployments")[2])["deployments"]) == 101)
    others = [client.connect() for _ in range(32)]  # as many as the agent has room for
    for other in others:
        other.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in other.recv(4096)
    (crowded,) = look(client, program.directory,
                      {"crowded": True, "fill": "live", "wait": "reads it again"}, token=None)
    patient, *others = others
    for other in others:
        other.close()
    agent.send(signal.SIGUSR1)
    (live, many) = look(client, program.directory,
                        {"fill": "live", "open": "live", "until": "Under way", "wait": "users/CreatingBotAllowed/add",
                         "shot": "live.png"},
                        {"wait": "in sync", "shot": "many.png"}, token=None)
    assert "reads it again every 10 seconds" in crowded["text"] and crowded["shown"] == 1
    assert "running" in live["text"] and live["shown"] == 1 and "1 of 101" in live["text"]
    assert many["shown"] <= 50
    # The page takes a stream for dead that says nothing for 50 seconds.
    heard = b""
    while b"\n: still here\n" not in heard:
        heard += patient.recv(65536)
    patient.close()
