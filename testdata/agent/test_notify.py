"""Who is told when a deployment's state changes: once, in time, without a secret; and whatever receivers do, runs go on."""

from __future__ import annotations

import http.server
import json
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent import Agent, wait_until
from harness import TRUEUP, Program, Sandbox, creators
from test_daemon import specify
from test_git import Repository
from test_http import Client, write

SECRET = "xoxb-a-secret-of-the-tests-0123456789"
CHANGE = {"deployment", "from", "to", "reason", "since", "revision", "drifted", "unknown", "actions"}
MESSAGE = {"schema", "id", "target", "sentAt", "text", "specs", "changes", "more", "repairs"}


class Receiver:
    """A target and a forge: takes only what they take, keeps it, and answers what it is told to."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.got: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.answers: list[tuple[int, dict[str, str]]] = []  # before it answers as it should
        self.words = b"ok"
        self.hang = threading.Event()
        self.released = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.hang.is_set():
                    receiver.released.wait(60)
                    return
                status, headers = receiver.take(self.path, self.headers, body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(receiver.words))}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(receiver.words)
                except OSError:
                    pass  # it has heard enough

            def log_message(self, format: str, *words: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str]]:
        document = json.loads(body)
        wrong = self.check(path, headers, document)
        if wrong:
            self.wrong.append(wrong)
            return 400, {}
        if self.answers:
            return self.answers.pop(0)
        self.got.append({"path": path, "headers": dict(headers), **document})
        return 201 if "statuses" in path else 200, {}

    def check(self, path: str, headers: Any, document: dict[str, Any]) -> str:
        """What is wrong with it; "" if nothing is."""
        if headers["Content-Type"] != "application/json" or not headers["User-Agent"].startswith("trueup/"):
            return f"headers {headers}"
        if path == f"/services/{SECRET}":
            return "" if set(document) == {"text"} else f"Slack: {document}"
        if path == "/hook":
            good = (set(document) == MESSAGE and document["schema"] == "trueup/notification/v1"
                    and headers["Idempotency-Key"] == document["id"]
                    and (document["changes"] or document["specs"] or document["repairs"])
                    and all(set(change) == CHANGE for change in document["changes"]))
            return "" if good else f"webhook: {document}"
        sha = path.rpartition("/")[2]
        if len(sha) != 40 or len(document["description"]) > 140:
            return f"status: {path} {document}"
        if path == f"/api/v3/repos/example/operations/statuses/{sha}":
            good = (set(document) == {"state", "context", "description"}
                    and document["state"] in ("error", "failure", "pending", "success")
                    and headers["Authorization"] == f"Bearer {SECRET}"
                    and headers["Accept"] == "application/vnd.github+json" and headers["X-GitHub-Api-Version"])
            return "" if good else f"GitHub: {headers} {document}"
        if path == f"/api/v4/projects/ops%2Ftrueup/statuses/{sha}":
            good = (set(document) == {"state", "name", "description"}
                    and document["state"] in ("pending", "running", "success", "failed", "canceled")
                    and headers["PRIVATE-TOKEN"] == SECRET)
            return "" if good else f"GitLab: {headers} {document}"
        return f"path {path}"

    def told(self, count: int, path: str = "") -> list[dict[str, Any]]:
        """So many came, and no more."""
        def found() -> list[dict[str, Any]]:
            return [one for one in list(self.got) if path in one["path"]]
        wait_until(lambda: len(found()) >= count, lambda: f"only {self.got}, {self.wrong}")
        assert len(found()) == count and not self.wrong, (self.got, self.wrong)
        return found()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.released.set()
    one.server.shutdown()
    one.server.server_close()


def changes(message: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["deployment"], one["from"], one["to"]) for one in message["changes"]]


def run_again(agent: Agent) -> None:
    agent.send(signal.SIGUSR1)


def test_a_change_is_told_once_to_each(program: Program, shared: Sandbox, launch: Callable[..., Agent],
                                       receiver: Receiver) -> None:
    who = creators(shared, 2)
    for name in ("one", "two"):
        specify(program, name, users={"groups": {f"told-{name}": {"members": who[:1]}}})
    script = program.directory / "tell"
    script.write_text("#!/bin/sh\ncat >>told.txt\nenv >>told.txt\nseq 1 100 >&2\n[ \"$1\" = '$(a) *' ]\n")
    script.chmod(0o755)
    targets = {"hook": {"webhook": {"url": receiver.url + "/hook"}, "digest": "0s"},
               "chat": {"slack": {"urlFile": write(program, "slack-url", f"{receiver.url}/services/{SECRET}\n")},
                        "digest": "0s"},
               "script": {"command": [str(script), "$(a) *"], "digest": "0s"}}
    agent = launch(program, schedule={"every": "1h"}, notify=targets, listen={"address": "127.0.0.1:0"})
    agent.wait_for("one: in-sync")
    agent.wait_for("two: in-sync")

    # To be in sync from the start is no news; drift that nobody may put right is, and only once.
    specify(program, "one", mode="observe", users={"groups": {"told-one": {"members": who}}})
    agent.send(signal.SIGHUP)
    (first,) = receiver.told(1, "/hook")
    assert changes(first) == [("one", "in-sync", "drifted")] and first["target"] == "hook"
    assert first["changes"][0]["drifted"] == 1 and first["changes"][0]["since"] <= first["sentAt"]
    (chat,) = receiver.told(1, "/services/")
    assert chat["text"] == first["text"] and chat["text"].startswith("trueup: one: drifted (was in-sync): users told-")
    run_again(agent)
    wait_until(lambda: len(agent.messages("one: drifted")) >= 2)

    # After a kill nothing is told again, and what is new is.
    for name in targets:
        agent.wait_for(f"notify.{name}: told")
    agent.end(signal.SIGKILL)
    again = launch(program, schedule={"every": "1h"}, notify=targets, listen={"address": "127.0.0.1:0"})
    again.wait_for("one: drifted")
    specify(program, "one", users={"groups": {"told-one": {"members": who[:1]}}})
    again.send(signal.SIGHUP)
    both = receiver.told(2, "/hook")
    assert changes(both[1]) == [("one", "drifted", "in-sync")] and both[0]["id"] != both[1]["id"]
    receiver.told(2, "/services/")
    for name in targets:
        again.wait_for(f"notify.{name}: told")
    text = (program.directory / "told.txt").read_text()
    assert text.count('"schema": "trueup/notification/v1"') >= 2 and '"target": "script"' in text
    assert "PATH=" in text and "AWS_" not in text
    assert len([line for line in again.messages("notify.script: ") if line.rpartition(" ")[2].isdigit()]) == 20

    # Specs that cannot come into force are news, too, and that they can again.
    (program.directory / "specs/three.yaml").write_text("kind: Teapot\n")
    again.send(signal.SIGHUP)
    refused = receiver.told(3, "/hook")[2]
    assert (refused["specs"]["from"], refused["specs"]["to"], refused["changes"]) == ("in-force", "refused", [])
    assert "three.yaml:1:" in refused["specs"]["reason"] and "three.yaml:1:" in refused["text"]
    (program.directory / "specs/three.yaml").unlink()
    again.send(signal.SIGHUP)
    assert receiver.told(4, "/hook")[3]["specs"]["to"] == "in-force"
    again.wait_for("notify.hook: told", 3)
    metrics = Client(again).ask("/metrics")[2]
    assert 'trueup_notifications_total{target="hook",outcome="delivered"} 3' in metrics
    subprocess.run([shutil.which("promtool") or "promtool", "check", "metrics"], input=metrics, text=True, check=True)
    assert SECRET not in "".join(agent.raw + again.raw) + metrics


def deliverer(agent: Agent) -> int:
    """The process in which a delivery is under way."""
    def find() -> int:
        for pid in agent.children():
            try:
                if Path(f"/proc/{pid}/cmdline").read_bytes() == b"trueup\0--deliver\0":
                    return pid
            except OSError:
                pass
        return 0
    return int(wait_until(find, lambda: "nothing was ever delivered"))


def test_a_storm_is_one_message_and_a_hung_receiver_delays_nothing(
        program: Program, shared: Sandbox, launch: Callable[..., Agent], receiver: Receiver) -> None:
    names = [f"storm-{number}" for number in range(3)]
    for name in names:
        specify(program, name, mode="observe", users={"groups": {name: {"members": creators(shared, 1)}}})
    receiver.hang.set()
    targets = {"slow": {"slack": {"urlFile": write(program, "slack-url", f"{receiver.url}/services/{SECRET}\n")},
                        "digest": "0s"},
               "digest": {"webhook": {"url": receiver.url + "/hook"}, "digest": "10m"}}
    agent = launch(program, schedule={"every": "1h"}, concurrency=2, notify=targets)
    pid = deliverer(agent)
    for name in names:
        agent.wait_for(f"{name}: drifted")
    run_again(agent)
    for name in names:
        agent.wait_for(f"{name}: drifted", 2)
    assert pid in agent.children(), "it hung all the while"
    for file in ("cmdline", "environ"):
        text = Path(f"/proc/{pid}/{file}").read_text(errors="replace")
        assert text and SECRET not in text and "AWS_" not in text

    # Killed while it was telling: it is told after all, and by then the storm is over.
    agent.end(signal.SIGKILL)
    receiver.hang.clear()
    receiver.released.set()
    targets["digest"]["digest"] = "1s"
    again = launch(program, schedule={"every": "1h"}, concurrency=2, notify=targets)
    (one,) = receiver.told(1, "/services/")
    assert one["text"].startswith("trueup: 3 deployments have changed: 3 drifted\nstorm-0: drifted (was never): ")
    (message,) = receiver.told(1, "/hook")
    assert changes(message) == [(name, "never", "drifted") for name in names] and message["more"] == 0
    assert SECRET not in "".join(agent.raw + again.raw)


def deliver(program: Program, **request: Any) -> dict[str, Any]:
    """One attempt, as the agent starts it."""
    request = {"headers": {}, "body": {}, **request}
    done = subprocess.run([str(TRUEUP), "--deliver"], input=json.dumps(request), cwd=program.directory,
                          env=program.environment, text=True, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    answer = json.loads(done.stdout)
    assert SECRET not in done.stdout and set(answer) == {"outcome", "waitMs", "problem"}
    return dict(answer)


def test_an_answer_is_judged_and_nothing_of_a_secret_comes_back(program: Program, receiver: Receiver) -> None:
    url = {"urlFile": write(program, "url", f"{receiver.url}/services/{SECRET}\nnot this line\n")}
    token = {"url": receiver.url, "path": "/here",
             "token": {"file": write(program, "token", SECRET), "header": "PRIVATE-TOKEN", "prefix": ""}}
    text = {"body": {"text": "x"}}
    assert deliver(program, **url, **text) == {"outcome": "delivered", "waitMs": 0, "problem": ""}
    receiver.answers = [(302, {"Location": "file:///etc/passwd"}), (301, {"Location": receiver.url + "/hook"}),
                        (401, {}), (429, {"Retry-After": "7"})]
    assert "redirects are not followed" in deliver(program, **url, **text)["problem"]
    assert deliver(program, **url, **text)["outcome"] == "refused" and len(receiver.got) == 1
    assert deliver(program, **url, **text)["outcome"] == "denied"
    assert deliver(program, **url, **text) == {"outcome": "retry", "waitMs": 7000, "problem": "answered HTTP 429: ok"}

    # A server that says what it was sent, and one that never stops.
    for words in (f"no such path: /services/{SECRET}", f"{'x' * 190}{SECRET}", f"bad token {SECRET}"):
        receiver.answers, receiver.words = [(404, {})], words.encode()
        assert deliver(program, **url, **text)["problem"] == "answered HTTP 404: its words repeat a secret"
    receiver.answers, receiver.words = [(500, {})], b"y" * 20_000_000
    assert deliver(program, **url, **text)["outcome"] == "retry"
    receiver.words = b"ok"
    assert deliver(program, **token)["outcome"] == "refused" and receiver.wrong.pop()

    # Mistakes are told by the name of the file, not by what is in it.
    gone, wrong = {"urlFile": "gone"}, {"urlFile": write(program, "wrong", f"ftp://{SECRET}")}
    assert "gone: No such file" in deliver(program, **gone)["problem"]
    assert deliver(program, **wrong)["problem"].startswith("wrong holds no URL that begins with https://")
    wrong = {"urlFile": write(program, "wrong", f"http://hooks.example.com/{SECRET}")}
    assert deliver(program, **wrong)["problem"].endswith("or http:// and a loopback address")
    assert deliver(program, urlFile=write(program, "empty", "\n"))["problem"] == "empty: no secret is in its first line"
    closed = deliver(program, url="http://127.0.0.1:9/")
    assert closed["outcome"] == "retry" and "connect" in closed["problem"].lower()


def test_commits_get_their_status(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=forge", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                    "-keyout", program.directory / "key.pem", "-out", program.directory / "cert.pem"],
                   check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(program.directory / "cert.pem", program.directory / "key.pem")
    forge = Receiver(tls)
    repository = Repository(program)
    who = creators(shared, 2)
    specify(program, "one", users={"groups": {"status": {"members": who[:1]}}})
    first = repository.push(repository.tree(), None)
    token = write(program, "token", SECRET + "\n")
    configuration = {
        "specs": {"git": {"url": f"file://{repository.bare}", "branch": "main", "interval": "1h"}},
        "schedule": {"every": "1h"},
        "status": {"github": {"url": forge.url + "/api/v3/", "repository": "example/operations", "token": token},
                   "gitlab": {"url": forge.url, "project": "ops/trueup", "token": token}}}

    # Whom nobody vouches for gets no token.
    agent = launch(program, **configuration)
    assert "certificate" in agent.wait_for("status.github: ") and "certificate" in agent.wait_for("status.gitlab: ")
    assert agent.end() == 0 and forge.got == []
    program.environment["SSL_CERT_FILE"] = str(program.directory / "cert.pem")

    # A token that may not see the repository: once it may, what could not be told is told.
    forge.answers = [(404, {}), (404, {})]
    agent = launch(program, **configuration)
    for name in ("github", "gitlab"):
        agent.wait_for(f"status.{name}: given up: answered HTTP 404")
    assert forge.got == []
    forge.answers = [(429, {"Retry-After": "1"}), (503, {})]
    agent.send(signal.SIGHUP)
    (hub,), (lab,) = forge.told(1, "/repos/"), forge.told(1, "/projects/")
    assert hub["path"].endswith(first) and lab["path"].endswith(first)
    assert (hub["context"], hub["state"], hub["description"]) == ("trueup/one", "success", "in sync")
    assert (lab["name"], lab["state"]) == ("trueup/one", "success")

    # Another revision, another state: each once.
    specify(program, "one", mode="observe", users={"groups": {"status": {"members": who}}})
    second = repository.push(repository.tree(), first)
    agent.send(signal.SIGHUP)
    hub, lab = forge.told(2, "/repos/")[1], forge.told(2, "/projects/")[1]
    assert hub["path"].endswith(second) and lab["path"].endswith(second)
    assert (hub["state"], lab["state"]) == ("failure", "failed") and hub["description"].startswith("drifted: users ")
    run_again(agent)
    agent.wait_for("one: drifted", 2)
    for name in ("github", "gitlab"):
        agent.wait_for(f"status.{name}: told", 2)
    agent.end(signal.SIGKILL)
    again = launch(program, **configuration)
    again.wait_for("one: drifted")
    forge.told(2, "/repos/")
    forge.told(2, "/projects/")
    assert SECRET not in "".join(agent.raw + again.raw)
    forge.server.shutdown()
    forge.server.server_close()
