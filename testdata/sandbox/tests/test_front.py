"""Counts, denials, quotas, injected trouble, connections, TLS, and the command line."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError
from conftest import COMMAND, Sandbox, code

import model
from journal import mutates


def pool(sandbox: Sandbox) -> str:
    return str(sandbox.client("cognito-idp").create_user_pool(PoolName="front")["UserPool"]["Id"])


def test_calls_are_counted_and_mutations_told_apart(sandbox: Sandbox) -> None:
    sandbox.control("reset-calls")
    sandbox.client("kms").list_aliases()
    sandbox.client("kms").list_aliases()
    pool(sandbox)
    with pytest.raises(ClientError):
        sandbox.client("kms").disable_key(KeyId="alias/none")
    calls = sandbox.calls()
    assert calls["operations"] == {"cognito-idp:CreateUserPool": 1, "kms:DisableKey": 1, "kms:ListAliases": 2}
    assert (calls["total"], calls["mutating"]) == (4, 2)
    outcomes = [(entry["operation"], entry["outcome"]) for entry in sandbox.control("log")]
    assert outcomes[-1] == ("kms:DisableKey", "NotFoundException")


@pytest.mark.parametrize(("service", "operation", "expected"), [
    ("rds", "DescribeDBClusters", False), ("rds", "ModifyDBCluster", True),
    ("cognito-idp", "AdminGetUser", False), ("cognito-idp", "AdminListGroupsForUser", False),
    ("cognito-idp", "AdminAddUserToGroup", True), ("cognito-idp", "AdminUserGlobalSignOut", True),
    ("dynamodb", "Scan", False), ("dynamodb", "BatchGetItem", False), ("dynamodb", "UpdateItem", True),
    ("apigateway", "GetUsagePlanKeys", False), ("apigateway", "DeleteApiKey", True),
    ("ecs", "RunTask", True), ("sts", "AssumeRole", False), ("secretsmanager", "RotateSecret", True),
    ("iam", "SimulatePrincipalPolicy", False), ("cloudformation", "DeleteStack", True)])
def test_which_operations_mutate(service: str, operation: str, expected: bool) -> None:
    assert mutates(model.service_model(service).operation_model(operation)) is expected


@pytest.mark.parametrize(("service", "pattern", "wanted"), [
    ("kms", "ListAliases", "AccessDeniedException"), ("sts", "sts:*", "AccessDenied")])
def test_denied_until_allowed(sandbox: Sandbox, service: str, pattern: str, wanted: str) -> None:
    client = sandbox.client(service)
    ask = client.list_aliases if service == "kms" else client.get_caller_identity
    sandbox.run("deny", pattern)
    with pytest.raises(ClientError) as excinfo:
        ask()
    assert code(excinfo) == wanted
    assert "is not authorized to perform" in str(excinfo.value)
    sandbox.run("allow", pattern)
    ask()


def test_quota_of_a_category_is_shared_and_refills(sandbox: Sandbox) -> None:
    cognito, user_pool = sandbox.client("cognito-idp"), pool(sandbox)
    cognito.create_group(UserPoolId=user_pool, GroupName="g")
    sandbox.control("quota", factor=0.05)       # of 30 a second: 1.5 at once, and 1.5 a second
    try:
        began, codes = time.monotonic(), []
        for number in range(10):
            try:
                if number % 2:
                    cognito.list_users(UserPoolId=user_pool)
                else:
                    cognito.list_users_in_group(UserPoolId=user_pool, GroupName="g")
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])
        passed = 10 - len(codes)
        assert 1 <= passed <= 1.5 + 1.5 * (time.monotonic() - began)
        assert set(codes) == {"TooManyRequestsException"}
        time.sleep(0.7)
        cognito.list_users(UserPoolId=user_pool)
    finally:
        sandbox.control("quota", factor=0)


@pytest.mark.parametrize(("service", "method", "wanted", "status"), [
    ("kms", "list_aliases", "ThrottlingException", 400), ("sts", "get_caller_identity", "Throttling", 400),
    ("secretsmanager", "list_secrets", "ThrottlingException", 400),
    ("dynamodb", "list_tables", "ThrottlingException", 400),
    ("apigateway", "get_usage_plans", "TooManyRequestsException", 429)])
def test_throttle_of_the_next(sandbox: Sandbox, service: str, method: str, wanted: str, status: int) -> None:
    ask = getattr(sandbox.client(service), method)
    sandbox.run("throttle", f"{service}:*")
    with pytest.raises(ClientError) as excinfo:
        ask()
    assert code(excinfo) == wanted
    assert excinfo.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    ask()


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "internal", "html", "reset-before", "reset-after"])
@pytest.mark.parametrize("service", ["sts", "kms"])
def test_standard_retry_gets_through(sandbox: Sandbox, service: str, kind: str) -> None:
    client = sandbox.client(service, retries={"total_max_attempts": 2, "mode": "standard"})
    ask = client.list_aliases if service == "kms" else client.get_caller_identity
    sandbox.control("fault", kind=kind)
    assert ask()["ResponseMetadata"]["RetryAttempts"] == 1


def test_lost_answer_was_carried_out(sandbox: Sandbox) -> None:
    cognito, user_pool = sandbox.client("cognito-idp"), pool(sandbox)
    for kind, carried_out in (("reset-before", False), ("reset-after", True), ("truncate", True)):
        sandbox.control("fault", kind=kind, operation="cognito-idp:CreateGroup")
        with pytest.raises((ConnectionClosedError, HTTPClientError)):
            cognito.create_group(UserPoolId=user_pool, GroupName=kind)
        names = [group["GroupName"] for group in cognito.list_groups(UserPoolId=user_pool)["Groups"]]
        assert (kind in names) is carried_out


def connection(sandbox: Sandbox) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(sandbox.state["url"]).netloc, timeout=5)


def test_connections_are_kept_and_can_be_cut_idle(sandbox: Sandbox) -> None:
    kept = connection(sandbox)
    for _ in range(3):
        kept.request("GET", "/")
        assert kept.getresponse().read() == b"<UnknownOperationException/>\n"
    sandbox.control("idle", seconds=0.1)
    fresh = connection(sandbox)
    fresh.request("GET", "/")
    fresh.getresponse().read()
    time.sleep(0.5)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        fresh.request("GET", "/")
        fresh.getresponse()


def test_bodies_are_bounded(sandbox: Sandbox) -> None:
    for headers, status in (({"Content-Length": str(1 << 40)}, 413), ({"Transfer-Encoding": "chunked"}, 411)):
        asked = connection(sandbox)
        asked.putrequest("POST", "/")
        for name, value in headers.items():
            asked.putheader(name, value)
        asked.endheaders()
        assert asked.getresponse().status == status


def test_dynamodb_answers_with_a_checksum(sandbox: Sandbox) -> None:
    seen = []
    client = sandbox.client("dynamodb")
    client.meta.events.register("before-parse.dynamodb.*", lambda response_dict, **_: seen.append(response_dict))
    client.list_tables()
    assert int(seen[0]["headers"]["x-amz-crc32"]) == zlib.crc32(seen[0]["body"])


def test_latency(sandbox: Sandbox) -> None:
    sandbox.control("latency", milliseconds=200)
    began = time.monotonic()
    sandbox.client("sts").get_caller_identity()
    assert time.monotonic() - began >= 0.2


def test_control_needs_its_token(sandbox: Sandbox) -> None:
    for token in ("", "wrong"):
        asked = connection(sandbox)
        asked.request("POST", "/_sandbox/calls", "{}", {"X-Sandbox-Token": token})
        assert asked.getresponse().status == 403


def test_command_line_says_what_is_wrong(sandbox: Sandbox) -> None:
    for arguments, text in ((["control", "nonsense"], "no such command"),
                            (["control", "kms/nonsense"], "no such command"),
                            (["fault", "nonsense"], "no such fault"),
                            (["start"], "already running")):
        command = [sys.executable, str(COMMAND), "--state", str(sandbox.directory), *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1 and text in done.stderr


def test_tls_and_a_life_of_its_own(place: Path) -> None:
    other = Sandbox(place / "tls", "--tls", "--quota", "0")
    try:
        assert other.state["url"].startswith("https://")
        assert other.client("sts").get_caller_identity()["Account"] == other.state["account"]
        exports = dict(line.removeprefix("export ").split("=", 1) for line in other.run("env").splitlines()[1:])
        assert exports["AWS_CA_BUNDLE"] == exports["PGSSLROOTCERT"] == other.state["ca"]
        assert exports["AWS_ENDPOINT_URL"] == other.state["url"]
        other.control("fault", kind="reset-after")
        with pytest.raises(ConnectionClosedError):
            other.client("sts").get_caller_identity()
    finally:
        other.run("stop")
    assert not (other.directory / "sandbox.json").exists()
    with pytest.raises(ConnectionRefusedError):
        connection(other).connect()


def test_state_is_for_its_owner_only(sandbox: Sandbox) -> None:
    assert (sandbox.directory / "sandbox.json").stat().st_mode & 0o077 == 0
    assert json.loads((sandbox.directory / "sandbox.json").read_text())["token"] == sandbox.state["token"]
