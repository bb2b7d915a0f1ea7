"""The agent's loop: what runs when, what ends it, and what one run's trouble costs the others."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable

import bench
from agent import Agent, specify, wait_until
from harness import TRUEUP, Program, Sandbox, creators, group_of, username


def listen(program: Program) -> tuple[socket.socket, list[str]]:
    """systemd's end of the notification socket, and what came there so far."""
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(program.directory / "notify"))
    program.environment |= {"NOTIFY_SOCKET": str(program.directory / "notify"), "WATCHDOG_USEC": "200000"}
    told: list[str] = []

    def read() -> None:
        while message := systemd.recv(4096):
            told.extend(message.decode().splitlines())

    threading.Thread(target=read, daemon=True).start()
    return systemd, told


def test_it_keeps_what_specs_say_and_takes_what_it_is_told(program: Program, shared: Sandbox,
                                                           launch: Callable[..., Agent]) -> None:
    who = creators(shared, 3)
    ids = [username(shared, email) for email in who]
    specify(program, "one", users=group_of(who[:1]))
    systemd, told = listen(program)
    agent = launch(program, words=(), schedule={"every": "1h"})
    agent.wait_for("one: in-sync")
    assert shared.members() == {ids[0]}
    wait_until(lambda: "READY=1" in told and "WATCHDOG=1" in told, lambda: f"systemd was told only {told}")

    # Drift made by hand is put right at the next run, and the spec of today is what counts.
    specify(program, "one", users=group_of(who[:2]))
    shared.client("cognito-idp").admin_remove_user_from_group(
        UserPoolId=shared.summary["pool"], GroupName="CreatingBotAllowed", Username=ids[0])
    with (program.directory / "state/one.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a person's own run has it: no failure
        agent.send(signal.SIGUSR1)
        agent.wait_for("one: another run holds it")
    assert not agent.messages("one: failed")
    agent.send(signal.SIGUSR1)
    assert agent.wait_for("one: in-sync", 2).startswith(
        "one: in-sync; 1 drifted, 2 actions done: users/CreatingBotAllowed/add/")
    assert shared.members() == set(ids[:2])

    # A run that finds nothing new is kept, but no line of the log.
    kept = program.directory / "state/reports/one"
    count = len(list(kept.glob("0*.json")))
    agent.send(signal.SIGUSR1)
    wait_until(lambda: len(list(kept.glob("0*.json"))) > count)
    assert {line["level"] for line in agent.lines} == {"info"} and len(agent.messages("one: ")) == 3, agent.raw
    specify(program, "one", users=group_of(who[1:2], exclusive=True), allow=["remove-members"])
    agent.send(signal.SIGHUP)  # and one that was changed is run at once
    wait_until(lambda: shared.members() == {ids[1]}, lambda: "it was not run: " + "".join(agent.raw))

    # A second agent on this state directory is none.
    said = program.run("agent", "agent.yaml", expect=75).err
    assert f"another agent uses the state directory {program.directory / 'state'}: process {agent.process.pid}" in said

    # A bad configuration is refused, with its place; a good one and a new spec are taken.
    good = agent.file.read_text()
    agent.file.write_text(good + "concurency: 3\n")
    agent.send(signal.SIGHUP)
    agent.wait_for("the one in force stays so")
    assert "agent.yaml:8:1: concurency" in agent.wait_for("did you mean")
    assert "agent.yaml:8:1: concurency" in program.run("agent", "agent.yaml", expect=65).err
    # What is not there may come, and systemd tries again, which it does not after 65.
    assert "absent.yaml: No such file" in program.run("agent", "absent.yaml", expect=1).err
    agent.file.write_text(good + "notify: {team: {slack: {urlFile: absent}}}\n")
    assert "cannot read" in program.run("agent", "agent.yaml", expect=1).err
    agent.file.write_text(good)
    specify(program, "two", users={"groups": {"others": {"members": who[2:]}}})
    agent.send(signal.SIGHUP)
    agent.wait_for("two: in-sync")
    assert shared.members("others") == {ids[2]}
    assert "RELOADING=1" in told

    # Whose spec is gone is let go; specs that are not valid change nothing.
    (program.directory / "specs/one.yaml").unlink()
    agent.send(signal.SIGHUP)
    agent.wait_for("one: its spec is gone")
    (program.directory / "specs/three.yaml").write_text("kind: Teapot\n")
    agent.send(signal.SIGHUP)
    agent.wait_for("three.yaml:1:")
    assert not agent.messages("two: its spec is gone")
    assert agent.end() == 0
    wait_until(lambda: "STOPPING=1" in told)
    systemd.close()


def test_it_observes_where_it_may_not_act(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    who = creators(shared, 1)
    specify(program, "acts", users={"groups": {"acts": {"members": who}}})
    specify(program, "looks", users={"groups": {"looks": {"members": who}}})
    agent = launch(program, schedule={"every": "1h"}, deployments={"looks": {"mode": "observe"}})
    agent.wait_for("acts: in-sync")
    agent.wait_for("looks: drifted: users looks")
    groups = shared.client("cognito-idp").list_groups(UserPoolId=shared.summary["pool"])["Groups"]
    assert {"acts"} == {group["GroupName"] for group in groups} & {"acts", "looks"}


def test_a_run_says_what_it_does_and_what_started_it(program: Program, shared: Sandbox) -> None:
    """What the agent builds on: one deployment of several, progress in a pipe, trigger and revision in the report."""
    for name in ("first", "second"):
        specify(program, name, users={"groups": {f"says-{name}": {"members": creators(shared, 1)}}})
    read, write = os.pipe()
    done = subprocess.run(
        [str(TRUEUP), "apply", "--yes", "-o", "json", "--events", str(write), "--trigger", "ci", "--revision", "a" * 40,
         "--deployment", "second", "specs"], cwd=program.directory, env=program.environment, pass_fds=[write],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    os.close(write)
    with os.fdopen(read) as pipe:
        events = [json.loads(line) for line in pipe]
    report = json.loads(done.stdout)
    assert (report["name"], report["trigger"], report["spec"]["commit"]) == ("second", "ci", "a" * 40)
    assert [(event["action"].split("/")[2], event["state"]) for event in events] == [
        ("create", "planned"), ("create", "done"), ("add", "planned"), ("add", "done")]


def test_trouble_costs_only_itself(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    """A dozen deployments, and three that crash, hang and leak; contrib/bench agent is the same with a thousand."""
    names = bench.specify_all(program, shared, 15)
    program.environment |= {"LD_PRELOAD": bench.make_trouble(program.directory), "TROUBLE_MIB": "256"}
    program.environment["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    agent = launch(program, schedule={"every": "1h"}, concurrency=3)
    for name in names:
        if name not in bench.TROUBLE:
            agent.wait_for(f"{name}: in-sync")
    agent.wait_for("crashes: failed: the run was killed by signal 6")
    agent.wait_for("leaks: failed: the run was killed by signal 6")
    assert not agent.messages("hangs: failed")
    assert agent.end(times=2) == 0


def test_next_runs_are_told(program: Program, shared: Sandbox) -> None:
    specify(program, "nightly", users=group_of([]))
    specify(program, "often", users=group_of([]))
    program.write("agent.yaml", "apiVersion: trueup/v1\nkind: Agent\nspecs: {path: specs}\nsplay: 0s\n"
                                "schedule: {cron: '30 2 * * *', timeZone: Europe/Paris}\n"
                                "deployments: {often: {schedule: {every: 15m}}}\n")
    first, second, third, fourth = program.run("agent", "--next", "1", "agent.yaml").out.splitlines()
    assert first == "nightly: cron 30 2 * * *, time zone Europe/Paris, 0 s of splay"
    assert second.split()[1:] in (["02:30:00", "CET"], ["02:30:00", "CEST"])
    assert third.startswith("often: every 15m") and fourth.endswith(" UTC")
    program.write("agent.yaml", "apiVersion: trueup/v1\nkind: Agent\nspecs: {git: {url: 'file:///nowhere', branch: main}}\n")
    assert "no fetched specs can be read in " in program.run("agent", "--next", "1", "agent.yaml").err
