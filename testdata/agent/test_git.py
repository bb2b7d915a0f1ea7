"""Specs from a git repository: a push is in force within seconds, and nothing that is pushed can do harm."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
from agent import Agent, wait_until
from harness import TRUEUP, Program, Sandbox, creators, group_of
from test_daemon import specify
from test_http import Client, write

SECRET = "a-secret-of-the-tests-0123456789"


class Repository:
    """A bare repository, and a person who pushes to it."""

    def __init__(self, program: Program) -> None:
        self.home = program.directory
        self.bare, self.work = self.home / "remote.git", self.home / "specs"
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_GLOBAL": "/dev/null",
            **{f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
        for name in ("good", "bad"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.home / name], check=True)
        (self.home / "signers").write_text("a@example.com " + (self.home / "good.pub").read_text())
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.bare], check=True, env=self.environment)
        subprocess.run(["git", "init", "-q", "-b", "main", self.home], check=True, env=self.environment)

    def git(self, *words: str, text: str | None = None) -> str:
        done = subprocess.run(["git", *words], cwd=self.home, env=self.environment, input=text, text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tree(self) -> str:
        self.git("add", "-A", "specs")
        return self.git("write-tree")

    def push(self, tree: str, parent: str | None, key: str | None = "good") -> str:
        """A commit of this tree is the branch's tip now."""
        sign = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={self.home / key}"] if key else []
        commit = self.git(*sign, "commit-tree", *(["-S"] if key else []), *(["-p", parent] if parent else []),
                          "-m", "change", tree)
        self.git("push", "-q", "--force", str(self.bare), f"{commit}:refs/heads/main")
        return commit

    def below(self, entry: str) -> str:
        """A tree whose specs have one entry more."""
        self.tree()
        entries = self.git("ls-tree", self.git("write-tree", "--prefix=specs/")) + "\n" + entry
        specs = self.git("mktree", "--missing", text=entries)
        return self.git("mktree", "--missing", text=f"040000 tree {specs}\tspecs")


def push_event(client: Client, secret: str = SECRET, sign: str = "X_Hub_Signature_256") -> int:
    body = json.dumps({"ref": "refs/heads/main", "repository": {"default_branch": "main"}}).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return client.ask("/webhook", "POST", body, Content_Type="application/json", X_GitHub_Event="push",
                      **{sign: signature})[0]


def agent_of(client: Client) -> Any:
    return json.loads(client.ask("/api/v1/deployments")[2])["agent"]


def source_of(client: Client) -> Any:
    return agent_of(client)["source"]


def deployment(client: Client) -> Any:
    return json.loads(client.ask("/api/v1/deployments/one")[2])


def last_run(client: Client) -> Any:
    return json.loads(client.ask("/api/v1/deployments/one/history?limit=1")[2])["runs"][0]


def distrusted(client: Client, commit: str, what: Callable[[], str]) -> Any:
    """Once it is said everywhere that this commit was in force, and is no longer: the source."""
    said = f"commit {commit[:12]}, which was in force, has no signature by one of the allowed signers"
    wait_until(lambda: said in (source_of(client)["error"] or ""), what)
    found = wait_until(lambda: deployment(client)["state"] == "failed" and deployment(client), what)
    assert said in found["reason"] and found["nextRunAt"] is None
    assert source_of(client)["revision"] is None and not agent_of(client)["ready"]
    return source_of(client)


def test_a_push_is_in_force_and_harms_nobody(
        program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    people = creators(shared, 2)
    repository = Repository(program)
    marker = program.directory / "hook-ran"
    for hook in ("post-checkout", "post-merge", "reference-transaction"):
        file = repository.bare / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\necho $0 $PPID >>{marker}.$(basename $GIT_DIR)\n")
        file.chmod(0o755)
    specify(program, "one", users=group_of(people[:1]))
    (program.directory / "specs/.gitattributes").write_text("* filter=evil text eol=crlf\n")
    first = repository.push(repository.tree(), None)
    configuration = dict(
        specs={"git": {"url": f"file://{repository.bare}", "branch": "main", "interval": "1h",
                       "verify": {"allowedSigners": "signers"}}},
        schedule={"every": "1h"}, listen={"address": "127.0.0.1:0"},
        webhook={"secret": write(program, "secret", SECRET + "\n")})
    agent = launch(program, **configuration)
    client = Client(agent)
    agent.wait_for("one: in-sync")
    assert source_of(client)["revision"] == first
    assert program.run("agent", "--next", "1", str(agent.file)).out.startswith("one: every 1h")

    # A member more by a push and its event.
    specify(program, "one", users=group_of(people))
    good = repository.push(repository.tree(), first)
    checked = source_of(client)["checkedAt"]
    for secret, sign in ((SECRET[:-1], "X_Hub_Signature_256"), ("", "X_Gitea_Signature"), (SECRET, "X_Gitlab_Token"),
                         (SECRET, "X_Unknown")):
        assert push_event(client, secret, sign) == 401, "none of these proves anything"
    assert source_of(client)["revision"] == first and source_of(client)["checkedAt"] == checked
    assert push_event(client) == 202
    wait_until(lambda: source_of(client)["revision"] == good, lambda: "".join(agent.raw))
    agent.wait_for("one: in-sync", 2)
    run = last_run(client)
    assert (run["revision"], run["trigger"]) == (good, "webhook")
    assert [action["verb"] for action in run["actions"]] == ["add"]

    # An event that has nothing new to tell is not the reason of what is found later.
    checked = source_of(client)["checkedAt"]
    assert push_event(client) == 202
    wait_until(lambda: source_of(client)["checkedAt"] != checked)
    specify(program, "one", users=group_of(people[:1]))
    good = repository.push(repository.tree(), good)
    agent.send(signal.SIGHUP)
    wait_until(lambda: last_run(client)["revision"] == good, lambda: "".join(agent.raw))
    assert last_run(client)["trigger"] == "source"

    # Whatever is pushed now is refused by its name, and what is in force stays so.
    blob = repository.git("hash-object", "-w", "--stdin", text="../../etc/passwd")
    tree = repository.tree()
    link = repository.below(f"120000 blob {blob}\tlink.yaml")
    cases = [
        (lambda: repository.push(tree, good, None), "has no signature by one of the allowed signers"),
        (lambda: repository.push(tree, good, "bad"), "has no signature by one of the allowed signers"),
        (lambda: repository.push(link, good), "specs/link.yaml: is a symbolic link"),
        (lambda: repository.push(repository.below(f"100644 blob {blob}\tbad.yaml"), good), "specs are not valid"),
        (lambda: repository.git("--git-dir", str(repository.bare), "update-ref", "-d", "refs/heads/main"),
         "fetching ended with"),
    ]
    for act, said in cases:
        pushed = act()
        agent.send(signal.SIGHUP)
        found = wait_until(lambda: said in (source_of(client)["error"] or "") and source_of(client),
                           lambda: f"{said}: {source_of(client)}\n" + "".join(agent.raw[-20:]))
        assert found["revision"] == good, said
        if "fetching" not in said:
            assert found["refused"]["revision"] == pushed, said
        if "not valid" in said:
            assert found["errors"][0].startswith(f"{pushed[:12]}:specs/bad.yaml:1:1: "), found["errors"]
        # So that the next one is told from it.
        repository.push(tree, good)
        agent.send(signal.SIGHUP)
        wait_until(lambda: source_of(client)["state"] == "ok", lambda: "".join(agent.raw[-20:]))
        good = source_of(client)["revision"]

    # So is history that is rewritten, whoever signed it, until a person says that it is meant.
    rewritten = repository.push(tree, None)
    agent.send(signal.SIGHUP)
    agent.wait_for(f"commit {rewritten[:12]} is refused: does not follow from {good[:12]}")
    assert source_of(client)["revision"] == good
    (said,) = agent.messages("does not follow from")
    marker_of_it = Path(said.partition("remove ")[2].partition(",")[0])
    assert marker_of_it == state_of(program) / "git/current"
    marker_of_it.unlink()
    agent.send(signal.SIGHUP)
    good = rewritten
    wait_until(lambda: source_of(client)["revision"] == good, lambda: "".join(agent.raw[-20:]))
    wait_until(lambda: len(list((state_of(program) / "git/revisions").iterdir())) == 1)
    assert not list(program.directory.glob("hook-ran.repository.git"))
    (checkout,) = (state_of(program) / "git/revisions").iterdir()
    assert (checkout / "specs/.gitattributes").read_bytes() == b"* filter=evil text eol=crlf\n"

    # Whoever signed what is in force is struck off: what runs ends, and nothing begins until he is taken back.
    wait_until(lambda: not deployment(client)["running"])
    runs = len(agent.messages("a run begins"))
    agent.send(signal.SIGUSR1)
    run_of_it = agent.child()
    os.kill(run_of_it, signal.SIGSTOP)
    signers = (program.directory / "signers").read_text()
    (program.directory / "signers").write_text("a@example.com " + (program.directory / "bad.pub").read_text())
    agent.send(signal.SIGHUP)
    agent.wait_for("which was in force, has no signature")
    assert deployment(client)["running"]
    os.kill(run_of_it, signal.SIGCONT)
    assert distrusted(client, good, lambda: "".join(agent.raw[-20:]))["refused"]["revision"] == good
    agent.send(signal.SIGUSR1)
    agent.wait_for("no run begins until one is there")
    assert len(agent.messages("a run begins")) == runs + 1
    (program.directory / "signers").write_text(signers)
    agent.send(signal.SIGHUP)
    wait_until(lambda: source_of(client)["revision"] == good, lambda: "".join(agent.raw[-20:]))
    wait_until(lambda: deployment(client)["state"] == "in-sync", lambda: "".join(agent.raw[-20:]))
    assert len(agent.messages("a run begins")) == runs + 2

    # What is in force is written down again if it is still the same.
    marker_of_it.unlink()
    agent.send(signal.SIGHUP)
    wait_until(marker_of_it.exists)

    # The remote is gone: the agent starts with what was in force, and says what is wrong.
    assert agent.end() == 0
    shutil.rmtree(repository.bare)
    agent = launch(program, **configuration)
    client = Client(agent)
    found = wait_until(lambda: source_of(client)["error"] and source_of(client))
    assert found["revision"] == good and found["state"] == "failed"
    assert deployment(client)["state"] == "in-sync"

    # So it does if he was struck off meanwhile, but nothing runs.
    assert agent.end() == 0
    (program.directory / "signers").write_text("a@example.com " + (program.directory / "bad.pub").read_text())
    agent = launch(program, **configuration)
    client = Client(agent)
    distrusted(client, good, lambda: "".join(agent.raw[-20:]))
    wait_until(lambda: "; file://" in source_of(client)["error"], lambda: "".join(agent.raw[-20:]))
    distrusted(client, good, lambda: "".join(agent.raw[-20:]))
    assert not agent.messages("a run begins")
    (program.directory / "signers").write_text(signers)
    agent.send(signal.SIGHUP)
    wait_until(lambda: deployment(client)["state"] == "in-sync", lambda: "".join(agent.raw[-20:]))
    assert source_of(client)["revision"] == good

    # By other rules it is not: they were never asked.
    assert agent.end() == 0
    configuration["specs"]["git"]["verify"] = {"allowedSigners": "bad.pub"}  # type: ignore[index]
    agent = launch(program, **configuration)
    client = Client(agent)
    wait_until(lambda: source_of(client)["error"])
    assert source_of(client)["revision"] is None


def test_a_tag_is_verified_by_a_keyring(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    repository = Repository(program)
    homes = [Path(tempfile.mkdtemp(prefix="trueup-gpg-")) for _ in range(2)]
    try:
        for home in homes:
            subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-gen-key",
                            "a@example.com", "ed25519", "sign"], check=True, stderr=subprocess.DEVNULL)
        (program.directory / "keyring").write_bytes(subprocess.run(
            ["gpg", "--homedir", homes[0], "--armor", "--export"], check=True, stdout=subprocess.PIPE).stdout)
        specify(program, "one", users=group_of(creators(shared, 1)))
        commit = repository.push(repository.tree(), None, None)

        def tag(sign: str, home: Path) -> None:
            repository.environment["GNUPGHOME"] = str(home)
            key = {"ssh": ["-c", "gpg.format=ssh", "-c", f"user.signingKey={repository.home / 'good'}"]}.get(
                sign, ["-c", "user.signingKey=a@example.com"])
            repository.git(*key, "tag", "-f", "-a" if sign == "no" else "-s", "-m", "it", "production", commit)
            repository.git("push", "-q", "--force", str(repository.bare), "refs/tags/production")

        tag("no", homes[0])
        place: dict[str, Any] = {"url": str(repository.bare), "tag": "production", "interval": "1h"}
        others: dict[str, Any] = {"schedule": {"every": "1h"}, "listen": {"address": "127.0.0.1:0"}}
        agent = launch(program, specs={"git": {**place, "verify": {"keyring": "keyring"}}}, **others)
        client = Client(agent)
        agent.wait_for("has no signature by one of the keys of the keyring")
        for count, (sign, home) in enumerate([("no", homes[0]), ("gpg", homes[1]), ("ssh", homes[0])], 1):
            tag(sign, home)
            agent.send(signal.SIGHUP)
            agent.wait_for("has no signature by one of the keys of the keyring", count + 1)
            assert source_of(client)["revision"] is None
        tag("gpg", homes[0])
        agent.send(signal.SIGHUP)
        wait_until(lambda: source_of(client)["revision"] == commit, lambda: "".join(agent.raw[-20:]))
        agent.wait_for("one: in-sync")

        # Where no signatures are asked for, it is only said that the tag went elsewhere.
        agent.configure(specs={"git": place}, **others)
        agent.send(signal.SIGHUP)
        agent.wait_for("are in force", 2)
        assert source_of(client)["note"] is None
        commit = repository.push(repository.tree(), None, None)
        tag("no", homes[0])
        agent.send(signal.SIGHUP)
        wait_until(lambda: source_of(client)["revision"] == commit, lambda: "".join(agent.raw[-20:]))
        assert "history was rewritten" in source_of(client)["note"]
    finally:
        for home in homes:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
            shutil.rmtree(home, ignore_errors=True)


class Server:
    """An SSH server for whoever has this key: it runs what it is asked to, as `git fetch` does."""

    def __init__(self, home: Path, known: str) -> None:
        self.home = home
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], authorized_client_keys=asyncssh.import_authorized_keys(known),
            process_factory=self._run, encoding=None))
        self.port = self.server.get_port()
        (home / "known_hosts").write_text(f"[127.0.0.1]:{self.port} " + key.export_public_key().decode())
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        child = subprocess.Popen(process.command or "false", shell=True, cwd=self.home, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        await process.redirect(stdin=child.stdin, stdout=child.stdout)
        await process.stdout.drain()
        process.exit(child.wait())
        await process.wait_closed()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _close(self) -> None:
        self.server.close()
        await self.server.wait_closed()


def test_a_repository_over_ssh(program: Program, shared: Sandbox, launch: Callable[..., Agent]) -> None:
    repository = Repository(program)
    specify(program, "one", users=group_of(creators(shared, 1)))
    commit = repository.push(repository.tree(), None, None)
    server = Server(program.directory, (program.directory / "good.pub").read_text())
    # The system's own ssh, but for where it finds what hosts are known: that is the home of whoever runs the tests.
    hosts = program.directory / "hosts"
    hosts.touch()
    wrapper = program.directory / "bin/ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F none -o UserKnownHostsFile={hosts} "$@"\n')
    wrapper.chmod(0o755)
    program.environment["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"

    def configuration(key: str) -> dict[str, Any]:
        url = f"ssh://me@127.0.0.1:{server.port}{repository.bare}"
        return {"schedule": {"every": "1h"}, "listen": {"address": "127.0.0.1:0"},
                "specs": {"git": {"url": url, "branch": "main", "interval": "1h", "sshKey": key}}}

    try:
        agent = launch(program, **configuration("bad"))
        agent.wait_for("fetching ended with exit code 128: Host key verification failed.")
        shutil.copy(program.directory / "known_hosts", hosts)
        agent.send(signal.SIGHUP)
        agent.wait_for("Permission denied (publickey).")
        agent.configure(**configuration("good"))
        agent.send(signal.SIGHUP)
        agent.wait_for("one: in-sync")
        assert source_of(Client(agent))["revision"] == commit
    finally:
        server.stop()


def test_a_token_is_given_to_git_by_its_question_alone(tmp_path: Path) -> None:
    def ask(question: str, text: str) -> str:
        (tmp_path / "token").write_text(text)
        done = subprocess.run([TRUEUP, question], env={"TRUEUP_ASKPASS_FILE": str(tmp_path / "token")},
                              capture_output=True, text=True)
        return done.stdout

    user, password = "Username for 'https://git.example.com': ", "Password for 'https://x@git.example.com': "
    assert [ask(question, "tok-en\n") for question in (user, password)] == ["x-access-token", "tok-en"]
    assert [ask(question, "me:a:b\n") for question in (user, password)] == ["me", "a:b"]
    assert "tok" not in ask("Password for 'http://git.example.com': ", "tok-en")


def state_of(program: Program) -> Path:
    return Path(program.environment["TRUEUP_STATE"])
