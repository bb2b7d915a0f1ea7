"""The AWS client against the sandbox: every typed call, and what goes wrong on the way.

AWS_PROBE names the program that makes the calls; see aws_probe.c.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SANDBOX = Path(__file__).resolve().parent.parent / "sandbox" / "sandbox"
USERS = 130


class Probe:
    """A running probe: one client, as long as it lives."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        self._process = subprocess.Popen([os.environ["AWS_PROBE"], *options], env=environment, text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, call: str, *args: str | None) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._process.stderr.read())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def get(self, call: str, *args: str | None) -> Any:
        answer = self.ask(call, *args)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def fail(self, call: str, *args: str | None) -> dict[str, Any]:
        answer = self.ask(call, *args)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def close(self) -> None:
        """Ends the probe; sanitizers complain through its exit status."""
        _, errors = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, errors


class Sandbox:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.run("start", "--tls", "--seconds", "0.2")
        self.state = json.loads((directory / "sandbox.json").read_text())
        self.seeded = json.loads(self.run("seed", "--bots", "2", "--rows", "20", "--users", str(USERS),
                                          "--published", "1"))

    def run(self, verb: str, *arguments: str) -> str:
        command = [sys.executable, str(SANDBOX), verb, "--state", str(self._directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def control(self, verb: str, **arguments: Any) -> Any:
        request = urllib.request.Request(f"{self.state['url']}/_sandbox/{verb}", json.dumps(arguments).encode(),
                                         {"X-Sandbox-Token": self.state["token"]})
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.state["ca"])))
        with opener.open(request, timeout=60) as response:
            return json.load(response)

    def environment(self, **changes: str | None) -> dict[str, str]:
        values = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        values |= {"AWS_ENDPOINT_URL": self.state["url"], "AWS_REGION": self.state["region"],
                   "AWS_CA_BUNDLE": self.state["ca"], "AWS_ACCESS_KEY_ID": self.state["access_key"],
                   "AWS_SECRET_ACCESS_KEY": self.state["secret_key"], "AWS_EC2_METADATA_DISABLED": "true",
                   "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
        for name, value in changes.items():
            values.pop(name, None)
            if value is not None:
                values[name] = value
        return values

    def count(self, operation: str) -> int:
        return sum(entry["operation"] == operation for entry in self.control("log"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory(prefix="aws-tests-") as directory:
        Path(directory).chmod(0o755)        # the database servers run as another user
        running = Sandbox(Path(directory))
        yield running
        running.run("stop")


@pytest.fixture
def reader(sandbox: Sandbox) -> Iterator[Probe]:
    probe = Probe(sandbox.environment())
    yield probe
    probe.close()
    sandbox.control("clear")


@pytest.fixture
def writer(sandbox: Sandbox) -> Iterator[Probe]:
    probe = Probe(sandbox.environment(), "--write")
    yield probe
    probe.close()
    sandbox.control("clear")


def wait_for(probe: Probe, status: str, *call: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = probe.get(*call)
        if found["status"] == status:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_reads(sandbox: Sandbox, reader: Probe) -> None:
    seeded = sandbox.seeded
    assert reader.get("identity")["account"] == "123456789012"
    cluster = reader.get("cluster", seeded["cluster"])
    assert cluster["resource_id"] == seeded["resource_id"] and cluster["port"] == seeded["port"]
    assert cluster["storage_encrypted"] is False and cluster["storage_encryption_type"] == "none"
    assert reader.get("instances", seeded["cluster"])[0]["cluster"] == seeded["cluster"]
    assert cluster["members"] == [{"instance": reader.get("instances", seeded["cluster"])[0]["identifier"],
                                   "writer": True}]
    outputs = reader.get("stack", seeded["stack"])["outputs"]
    assert outputs["DbConfigHostname"] == [seeded["host"], "BedrockClaudeChatDbConfigHostname"]
    assert "AWS::RDS::DBCluster" in reader.get("resources", seeded["stack"]).values()
    published = [bot["id"] for bot in seeded["bots"] if bot["published"]]
    assert reader.get("imports", "BedrockClaudeChatDbConfigHostname") == [f"ApiPublishmentStack{id}" for id in published]
    assert reader.get("imports", "NoSuchExport") == []
    secret = reader.get("secret", seeded["secret"])
    assert secret["password"] == seeded["passwords"][seeded["cluster"]] and secret["host"] == seeded["host"]
    assert reader.get("rotation", seeded["secret"])["enabled"] is False
    assert reader.get("key", "alias/aws/rds")["enabled"] is True
    assert reader.get("counts")["mutations"] == 0


def test_what_is_not_there(sandbox: Sandbox, reader: Probe) -> None:
    pool = sandbox.seeded["pool"]
    for call in (["cluster", "nope"], ["snapshot", "nope"], ["stack", "nope"], ["key", "alias/nope"],
                 ["secret", "nope"], ["group", pool, "nope"], ["members", pool, "nope"]):
        assert reader.fail(*call)["code"] == "not-found", call


def test_lists_users_over_pages(sandbox: Sandbox, reader: Probe) -> None:
    pool = sandbox.seeded["pool"]
    users = reader.get("users", pool)
    assert len(users) >= USERS > 60
    assert {user["username"] for user in sandbox.seeded["users"]} == {user["username"] for user in users}
    user = users[0]
    assert reader.get("users", pool, f'username = "{user["username"]}"') == [user]
    found = reader.get("find", pool, users[3]["email"], 'quo"te\\s@example.com', users[5]["email"])
    assert users[3] in found[0] and found[1] == [] and users[5] in found[2]


def test_a_reader_writes_nothing(sandbox: Sandbox, reader: Probe) -> None:
    pool, cluster, secret = (sandbox.seeded[name] for name in ("pool", "cluster", "secret"))
    sandbox.control("reset-calls")
    for call in (["create-snapshot", "s", cluster], ["restore", "n", "s", "alias/aws/rds", cluster],
                 ["create-instance", "i", cluster], ["rename", cluster, "other"], ["delete-snapshot", "s"],
                 ["delete-stack", sandbox.seeded["stack"], None], ["create-group", pool, "g"],
                 ["cancel-rotation", secret], ["enable-rotation", secret]):
        assert reader.fail(*call)["code"] == "refused", call
    for call in ("add", "remove"):
        refused = reader.get(call, pool, "Admin", *[user["username"] for user in sandbox.seeded["users"][:40]])
        assert [error["code"] for error in refused] == ["refused"] * 40
    # Only the restore asked anything at all: what the cluster looks like.
    assert {entry["operation"] for entry in sandbox.control("log")} == {"rds:DescribeDBClusters"}
    assert not any(entry["mutating"] for entry in sandbox.control("log"))


def test_encrypts_a_cluster(sandbox: Sandbox, writer: Probe) -> None:
    source = sandbox.seeded["cluster"]
    made = writer.get("create-snapshot", "probe-snapshot", source)
    assert made["tags"].items() >= {"trueup:deployment": "probe", "a b": "c&d=é"}.items()
    assert writer.fail("create-snapshot", "probe-snapshot", source)["code"] in ("exists", "state")
    snapshot = wait_for(writer, "available", "snapshot", "probe-snapshot")
    assert snapshot["cluster"] == source
    key = writer.get("key", "alias/aws/rds")["arn"]
    writer.get("restore", "probe-new", "probe-snapshot", key, source)
    assert writer.fail("restore", "probe-new", "probe-snapshot", key, source)["code"] == "exists"
    cluster = wait_for(writer, "available", "cluster", "probe-new")
    assert cluster["storage_encrypted"] is True and cluster["kms_key_id"] == key
    assert cluster["tags"]["trueup:deployment"] == "probe" and cluster["max_capacity"] == 5
    assert cluster["deletion_protection"] is True
    writer.get("create-instance", "probe-new-1", "probe-new")
    deadline = time.monotonic() + 60
    while writer.get("instances", "probe-new")[0]["status"] != "available":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    writer.get("rename", "probe-new", "probe-renamed")
    wait_for_absence(writer, "cluster", "probe-new")
    wait_for(writer, "available", "cluster", "probe-renamed")
    writer.get("delete-snapshot", "probe-snapshot")
    wait_for_absence(writer, "snapshot", "probe-snapshot")
    assert writer.get("counts")["mutations"] >= 5


def wait_for_absence(probe: Probe, *call: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        answer = probe.ask(*call)
        if "error" in answer:
            assert answer["error"]["code"] == "not-found"
            return
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_members_in_bulk_stay_within_the_quota(sandbox: Sandbox, writer: Probe) -> None:
    pool = sandbox.seeded["pool"]
    names = [user["username"] for user in sandbox.seeded["users"][:60]]
    writer.get("create-group", pool, "Bulk")
    writer.get("create-group", pool, "Bulk")        # what is there already is what was wanted
    begun = time.monotonic()
    results = writer.get("add", pool, "Bulk", *names, "nobody")
    seconds = time.monotonic() - begun
    assert results[:-1] == [None] * 60 and results[-1]["code"] == "not-found"
    # Half of 25 a second.
    assert 3 < seconds < 20
    assert writer.get("counts")["throttles"] == 0
    assert {user["username"] for user in writer.get("members", pool, "Bulk")} == set(names)
    assert writer.get("add", pool, "Bulk", names[0]) == [None]
    assert writer.get("remove", pool, "Bulk", *names[:30]) == [None] * 30
    assert len(writer.get("members", pool, "Bulk")) == 30


def test_rotation(sandbox: Sandbox, writer: Probe) -> None:
    secret = sandbox.seeded["secret"]
    assert writer.fail("enable-rotation", secret)["code"] in ("state", "invalid")     # it has no function yet
    assert writer.fail("cancel-rotation", "nope")["code"] == "not-found"


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "internal", "html", "reset-before", "reset-after",
                                  "truncate"])
def test_passing_trouble_is_outlasted(sandbox: Sandbox, reader: Probe, kind: str) -> None:
    for operation, call in (("rds:DescribeDBClusters", ["cluster", sandbox.seeded["cluster"]]),
                            ("cognito-idp:ListGroups", ["groups", sandbox.seeded["pool"]])):
        sandbox.control("fault", kind=kind, operation=operation, count=2)
        reader.get(*call)
    counts = reader.get("counts")
    assert counts["throttles"] == (4 if kind == "throttle" else 0)
    # libcurl itself repeats once on a connection that turned out to be dead.
    assert counts["retries"] == 4 or kind.startswith("reset") and counts["retries"] >= 2


def test_connections_that_were_closed_while_idle(sandbox: Sandbox, writer: Probe) -> None:
    pool = sandbox.seeded["pool"]
    sandbox.control("idle", seconds=0.2)
    name = sandbox.seeded["users"][0]["username"]
    for _ in range(3):
        assert writer.get("add", pool, "Admin", name) == [None]
        assert writer.get("cluster", sandbox.seeded["cluster"])
        time.sleep(0.4)


def test_a_write_whose_answer_was_lost(sandbox: Sandbox, writer: Probe) -> None:
    """Sent again, since it names what it makes; the second answer says that it is there."""
    sandbox.control("fault", kind="reset-after", operation="rds:CreateDBClusterSnapshot", count=1)
    error = writer.fail("create-snapshot", "probe-lost", sandbox.seeded["cluster"])
    assert error["code"] == "exists"
    wait_for(writer, "available", "snapshot", "probe-lost")
    writer.get("delete-snapshot", "probe-lost")


def test_lasting_trouble_is_reported(sandbox: Sandbox, reader: Probe) -> None:
    sandbox.control("fault", kind="unavailable", operation="rds:*", count=10)
    error = reader.fail("cluster", sandbox.seeded["cluster"])
    assert (error["code"], error["service_code"], error["retryable"]) == ("service", "ServiceUnavailable", True)
    assert reader.get("counts")["retries"] == 2
    sandbox.control("clear")
    sandbox.control("fault", kind="throttle", operation="rds:*", count=50)
    error = reader.fail("cluster", sandbox.seeded["cluster"])
    assert (error["code"], error["retryable"]) == ("throttled", True)


def test_denials_name_the_permission(sandbox: Sandbox, reader: Probe) -> None:
    pool = sandbox.seeded["pool"]
    for permission, call in (("rds:DescribeDBClusters", ["cluster", "x"]),
                             ("cloudformation:DescribeStacks", ["stack", "x"]),
                             ("cognito-idp:GetGroup", ["group", pool, "x"]),
                             ("secretsmanager:GetSecretValue", ["secret", "x"]),
                             ("kms:DescribeKey", ["key", "alias/aws/rds"])):
        sandbox.control("deny", operation=permission)
        error = reader.fail(*call)
        assert (error["code"], error["permission"]) == ("denied", permission)


def test_clocks_that_differ(sandbox: Sandbox, reader: Probe) -> None:
    sandbox.control("clock", offset=1800)
    assert reader.get("identity")["account"] == "123456789012"
    assert reader.get("groups", sandbox.seeded["pool"])
    counts = reader.get("counts")
    assert counts["retries"] == 1 and abs(counts["clock_offset"] - 1800) < 10
    sandbox.control("clock", offset=0)
    assert reader.get("cluster", sandbox.seeded["cluster"])["identifier"] == sandbox.seeded["cluster"]


def test_wrong_keys(sandbox: Sandbox) -> None:
    for changes in ({"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "AKIAWRONGWRONGWRONG1"},
                    {"AWS_SECRET_ACCESS_KEY": None}, {"AWS_ACCESS_KEY_ID": None}):
        probe = Probe(sandbox.environment(**changes))
        for call in (["identity"], ["groups", "eu-west-3_x"]):
            error = probe.fail(*call)
            assert error["code"] == "credentials", (changes, error)
            assert sandbox.state["secret_key"] not in json.dumps(error)
        probe.close()


def test_certificates_are_checked(sandbox: Sandbox) -> None:
    probe = Probe(sandbox.environment(AWS_CA_BUNDLE=None))
    assert probe.fail("identity")["code"] == "unreachable"
    assert probe.get("counts")["retries"] == 0
    probe.close()


def test_roles(sandbox: Sandbox) -> None:
    arn = sandbox.control("sts/role", name="operator")["arn"]
    probe = Probe(sandbox.environment(PROBE_ROLE=arn))
    identity = probe.get("identity")
    assert identity["arn"] == "arn:aws:sts::123456789012:assumed-role/operator/trueup"
    assert "operator" in identity["source"]
    probe.close()
    probe = Probe(sandbox.environment(PROBE_ROLE=arn + "x"))
    error = probe.fail("identity")
    assert (error["code"], error["permission"]) == ("denied", "sts:AssumeRole")
    probe.close()


def test_profiles(sandbox: Sandbox, tmp_path: Path) -> None:
    arn = sandbox.control("sts/role", name="chained", external_id="abc")["arn"]
    config, keys = tmp_path / "config", tmp_path / "credentials"
    keys.write_text(f"[base]\naws_access_key_id = {sandbox.state['access_key']}\n"
                    f"aws_secret_access_key = {sandbox.state['secret_key']}\n")
    program = tmp_path / "give keys"
    program.write_text("#!/bin/sh\ncat <<EOF\n" + json.dumps({
        "Version": 1, "AccessKeyId": sandbox.state["access_key"],
        "SecretAccessKey": sandbox.state["secret_key"]}) + "\nEOF\n")
    program.chmod(0o755)
    config.write_text(
        f"[profile top]\nrole_arn = {arn}\nexternal_id = abc\nsource_profile = base\nrole_session_name = from-top\n"
        f"[profile asks]\ncredential_process = '{program}' --verbose\n"
        "[profile loop]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = loop2\n"
        "[profile loop2]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = loop\n")
    common: dict[str, str | None] = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(keys),
                                     "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    for profile, ending in (("top", "assumed-role/chained/from-top"), ("base", "user/operator"),
                            ("asks", "user/operator")):
        probe = Probe(sandbox.environment(AWS_PROFILE=profile, **common))
        assert probe.get("identity")["arn"].endswith(ending), profile
        probe.close()
    for profile, word in (("loop", "itself"), ("none", "no AWS profile")):
        probe = Probe(sandbox.environment(AWS_PROFILE=profile, **common))
        error = probe.fail("identity")
        assert error["code"] == "credentials" and word in error["message"]
        probe.close()


def test_web_identity(sandbox: Sandbox, tmp_path: Path) -> None:
    arn = sandbox.control("sts/role", name="pod", web_identity_token="a.b.c")["arn"]
    token = tmp_path / "token"
    token.write_text("a.b.c\n")
    environment = sandbox.environment(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_ROLE_ARN=arn,
                                      AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_SESSION_NAME="pod-1")
    probe = Probe(environment)
    assert probe.get("identity")["arn"].endswith("assumed-role/pod/pod-1")
    probe.close()
    token.write_text("wrong")
    probe = Probe(environment)
    assert probe.fail("identity")["code"] == "credentials"
    probe.close()
