"""What the agent serves: to whom, within which bounds, and whatever clients do, the runs go on."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import Agent, wait_until
from harness import Program, Sandbox, creators, group_of
from test_daemon import specify

TOKEN = "a-token-of-the-tests-0123456789"
ASKING = {"Content-Type": "application/json", "X-Trueup-Request": "1"}
IDLE = 500
FLOOD = 100_000_000  # bytes
Answer = tuple[int, dict[str, str], str]


class Client:
    """Of an agent that listens on a port which the system chose."""

    def __init__(self, agent: Agent, tls: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> None:
        address = agent.wait_for("listening at").rpartition("://")[2]
        self.host, self.port = address.rpartition(":")[0], int(address.rpartition(":")[2])
        self.tls, self.source = tls, (source, 0)

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = (
            http.client.HTTPSConnection(self.host, self.port, timeout=60, source_address=self.source, context=self.tls)
            if self.tls else http.client.HTTPConnection(self.host, self.port, timeout=60, source_address=self.source))
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def get(self, path: str, **headers: str) -> Any:
        status, _, text = self.ask(path, **{"Authorization": f"Bearer {TOKEN}", **headers})
        assert status == 200, text
        return json.loads(text)

    def tell(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> int:
        """The status; 0: the connection had to make room for others."""
        try:
            return self.ask(path, method, body, **headers)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=60, source_address=self.source)

    def send(self, text: bytes) -> bytes:
        """Whatever comes back of what may not be HTTP at all."""
        with self.connect() as raw:
            try:
                raw.sendall(text)
                raw.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: raw.recv(65536), b""))
            except OSError:
                return b""


def files(agent: Agent) -> int:
    return len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir()))


def write(program: Program, name: str, text: str) -> str:
    (program.directory / name).write_text(text)
    return name


def test_what_is_served_to_whom(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    specify(program, "one", users=group_of(creators(shared, 1)))
    agent = launch(program, schedule={"every": "1h"},
                   listen={"address": "127.0.0.1:0", "token": write(program, "token", TOKEN + "\n"),
                           "basic": write(program, "users", "# people\nalice:with:colon\n")})
    client = Client(agent)
    agent.wait_for("one: in-sync")
    agent.wait_for(f"listen.token: everybody on this machine can read {program.directory / 'token'}: chmod o-r")
    one = client.get("/api/v1/deployments/one")
    assert one["state"] == "in-sync" and {row["kind"] for row in one["conditions"]} == {"account", "users"}
    assert client.get("/api/v1/deployments")["deployments"] == [one]
    assert client.get("/api/v1/deployments/one/report")["schema"] == "trueup/report/v1"
    (run,) = client.get("/api/v1/deployments/one/history")["runs"]
    assert (run["trigger"], run["state"], run["exit"]) == ("schedule", "in-sync", 0) or run["trigger"] == "start"
    assert any(action["verb"] == "add" for action in run["actions"])

    # Who may: the token, a user; and health is for everybody. Nobody else, and not a word more.
    alice = "Basic YWxpY2U6d2l0aDpjb2xvbg=="
    assert client.ask("/api/v1/deployments", Authorization=alice)[0] == 200
    for wrong in ("", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Basic !!!!", "Basic YWxpY2U6d2l0aA==",
                  "Basic " + "A" * 9000, f"Digest {TOKEN}"):
        for path in ("/metrics", "/api/v1/deployments", "/api/v1/events", "/nothing"):
            status, _, text = client.ask(path, Authorization=wrong)
            assert status == 401 and "one" not in json.loads(text)["error"].split(), (wrong, path)
    assert [client.ask(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    assert client.ask("/healthz", Host="evil.example.com")[0] == 421

    # To act: with a header that no form has, and from this site.
    path, known = "/api/v1/deployments/one/reconcile", {"Authorization": f"Bearer {TOKEN}"}
    assert client.ask(path, "POST", b"{}", **known)[0] == 403
    assert client.ask(path, "POST", b"{}", **known, **ASKING, Origin="https://evil.example.com")[0] == 403
    assert client.ask(path, "POST", b"{}", **known, **ASKING, Sec_Fetch_Site="cross-site")[0] == 403
    assert client.ask(path, "POST", b"{}", **ASKING)[0] == 401
    assert client.ask(path, **known)[0] == 405
    assert client.ask("/api/v1/deployments/two/reconcile", "POST", b"{}", **known, **ASKING)[0] == 404
    assert client.ask(path, "POST", b"{}", **known, **ASKING)[0] == 202
    wait_until(lambda: len(client.get("/api/v1/deployments/one/history")["runs"]) == 2)
    assert client.get("/api/v1/deployments/one/history?limit=1")["runs"][0]["trigger"] == "person"

    # The answer to HEAD is at its end with its headers, so that the connection takes the next request.
    both = http.client.HTTPConnection(client.host, client.port, timeout=10)
    for method in ("HEAD", "HEAD"):
        both.request(method, "/api/v1/events", headers=known)
        answer = both.getresponse()
        assert (answer.status, answer.read()) == (200, b"") and answer.getheader("Content-Type") == "text/event-stream"
    both.close()

    _, headers, _ = client.ask("/", **known)
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"


def test_metrics(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    who = creators(shared, 1)
    specify(program, "one", users=group_of(who))
    specify(program, "two", users=group_of(["nobody@example.com"]))
    specify(program, "three", mode="paused", users=group_of(who))
    agent = launch(program, schedule={"every": "1h"}, mode="observe", listen={"address": "127.0.0.1:0"})
    agent.wait_for("three: paused")
    agent.wait_for("two: ")
    client = Client(agent)
    wait_until(lambda: "trueup_deployment_in_sync{deployment=\"two\"} 0" in client.ask("/metrics")[2])
    _, headers, text = client.ask("/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'trueup_drift{deployment="two",kind="users"} 1' in text
    assert 'trueup_runs_total{deployment="two",outcome="drifted"} 1' in text
    assert 'trueup_deployment_paused{deployment="three"} 1' in text and 'in_sync{deployment="three"}' not in text
    assert 'trueup_drift_age_seconds{deployment="three"} 0' in text
    calls = re.search(r'trueup_aws_calls_total\{service="cognito-idp"\} (\d+)', text)
    assert calls is not None and int(calls[1]) >= 2, "both deployments look at their group"
    promtool = shutil.which("promtool")
    assert promtool is not None, "contrib/setup --check installs it"
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    # Without a token nobody may act.
    assert client.ask("/api/v1/deployments/one/reconcile", "POST", b"{}", **ASKING)[0] == 403


MALFORMED = (
    b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\n\r\n", b"GET /%00%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 10_000_000 + b" HTTP/1.1\r\n\r\n",
)
EVERY = 10  # seconds: the shortest that a schedule may have


def attack(client: Client, over: threading.Event) -> None:
    """All that a client may do without the token, again and again."""
    idle: list[socket.socket] = []
    while not over.is_set():
        # 500 that begin a request and never end it. Some had to make room already, and all will in time.
        for _ in range(IDLE):
            idle.append(client.connect())
            try:
                idle[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow:")
            except OSError:
                pass
        for text in MALFORMED:
            assert not client.send(text).startswith(b"HTTP/1.1 2"), text[:60]
        for path in ("/metrics", "/api/v1/deployments", "/api/v1/deployments/one/history?limit=500"):
            assert client.tell(path, Authorization=f"Bearer {TOKEN[:-1]}") in (0, 401)
        for signature in ("sha256=" + "0" * 64, "sha256=", "x" * 9000):
            assert client.tell("/webhook", "POST", b"{}", X_GitHub_Event="push",
                               X_Hub_Signature_256=signature) in (0, 400, 401)
        assert client.tell("/webhook", "POST", b"x" * 2_000_000) in (0, 400, 413)
        for one in idle[:-IDLE]:
            one.close()
        del idle[:-IDLE]
    for one in idle:
        one.close()


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_hostile_clients(program: Program, shared: Sandbox, launch: Callable[..., Agent],
                         record_property: Callable[[str, object], None]) -> None:
    """Malformed, oversized, slow, unproven, and many: each costs only itself, and runs go on when they are due."""
    names = ("one", "two", "three")
    for name in names:
        specify(program, name, users=group_of(creators(shared, 1)))
    for words in ("init -q -b main", "add specs", "-c user.name=a -c user.email=a@example.com commit -q -m specs"):
        subprocess.run(["git", "-C", str(program.directory), *words.split()], check=True)
    agent = launch(program, specs={"git": {"url": f"file://{program.directory}", "branch": "main", "interval": "1h"}},
                   schedule={"every": f"{EVERY}s"}, splay=f"{EVERY}s",
                   webhook={"secret": write(program, "secret", "a-secret-of-the-tests-0123456789\n")},
                   listen={"address": "127.0.0.1:0", "token": write(program, "token", TOKEN)})
    client = Client(agent)
    for name in names:
        agent.wait_for(f"{name}: in-sync")
    before = files(agent)
    begun = time.time()

    # One that listens to events and never reads: who sends without end while it is answered is not read without end.
    deaf = client.connect()
    deaf.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + TOKEN.encode() +
                 b"\r\n\r\n")
    assert deaf.recv(15) == b"HTTP/1.1 200 OK"
    deaf.settimeout(1)
    sent = 0
    try:
        while sent < FLOOD:
            sent += deaf.send(bytes(1_000_000))
    except (TimeoutError, OSError):
        pass
    assert sent < FLOOD

    def runs(name: str) -> list[dict[str, Any]]:
        found = client.get(f"/api/v1/deployments/{name}/history?limit=500")["runs"]
        return [run for run in reversed(found) if seconds(run["at"]) >= begun - EVERY]
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        attacker = pool.submit(attack, Client(agent, source="127.0.0.2"), over)
        try:
            wait_until(lambda: attacker.done() or all(len(runs(name)) >= 3 for name in names))
            assert files(agent) < before + 256 + 40
        finally:
            over.set()
        attacker.result()

    late = 0.0
    for name in names:
        assert all(run["trigger"] in ("start", "schedule") and run["state"] == "in-sync" for run in runs(name))
        for earlier, run in itertools.pairwise(runs(name)):
            late = max(late, seconds(run["at"]) - max(seconds(earlier["at"]) + EVERY, seconds(earlier["endedAt"])))
    record_property("seconds that a run was late at most", late)
    print(f"the latest of {sum(len(runs(name)) for name in names)} runs began {late:.0f} s after it was due")
    deaf.close()
    wait_until(lambda: files(agent) <= before + 2, lambda: f"{files(agent)} open files, {before} before")


def test_one_peer_does_not_take_the_place_of_others(program: Program, shared: Sandbox,
                                                    launch: Callable[..., Agent]) -> None:
    """However many connections come from one address, those of another stay, though they were there before."""
    specify(program, "one", users=group_of(creators(shared, 1)))
    agent = launch(program, schedule={"every": "1h"}, listen={"address": "127.0.0.1:0"})
    client = Client(agent)
    others = [client.connect() for _ in range(5)]
    greedy = [Client(agent, source="127.0.0.2").connect() for _ in range(300)]

    def is_open(one: socket.socket) -> bool:
        one.setblocking(False)
        try:
            return one.recv(1) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
    wait_until(lambda: sum(map(is_open, greedy)) <= 64, lambda: f"{sum(map(is_open, greedy))} are open")
    for one in others:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.recv(15) == b"HTTP/1.1 200 OK"
    for one in [*others, *greedy]:
        one.close()


def test_elsewhere_than_on_loopback(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    """TLS, and a token; a new token comes into force by HUP, and a bad one does not."""
    specify(program, "one", users=group_of(creators(shared, 1)))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=agent", "-days", "2", "-addext",
                    "subjectAltName=IP:127.0.0.1"], cwd=program.directory, check=True, capture_output=True)
    listen = {"address": "0.0.0.0:0", "tls": {"certificate": "cert.pem", "key": "key.pem"},
              "token": write(program, "token", TOKEN)}
    agent = launch(program, schedule={"every": "1h"}, listen=listen)
    port = int(agent.wait_for("listening at https").rpartition(":")[2])
    client = Client(agent, ssl.create_default_context(cafile=program.directory / "cert.pem"))
    client.host = "127.0.0.1"
    assert client.port == port and client.get("/api/v1/deployments")["agent"]["version"]
    assert client.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")[:4] != b"HTTP", "no TLS, no answer"

    write(program, "token", "short")
    agent.send(signal.SIGHUP)
    agent.wait_for("the configuration in force stays so")
    assert client.get("/api/v1/deployments")
    write(program, "token", TOKEN[::-1])
    agent.send(signal.SIGHUP)
    wait_until(lambda: client.ask("/metrics", Authorization=f"Bearer {TOKEN[::-1]}")[0] == 200)
    assert client.ask("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 401
    assert TOKEN not in "".join(agent.raw)
