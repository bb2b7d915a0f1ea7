"""What can be wrong with account, credentials, permissions, database and spec: said plainly, and nothing is changed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from harness import BASELINE, RESTORE_CLUSTER, TRUEUP, Program, Sandbox, creators, group_of


@pytest.fixture(autouse=True)
def nothing_changed(shared: Sandbox) -> Iterator[None]:
    yield
    assert shared.calls()["mutating"] == 0 and shared.writes() == 0


def full_spec(program: Program) -> None:
    program.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE},
                    users=group_of(creators(program.sandbox, 2)), allow=["replace-cluster"])


def test_wrong_account(program: Program, shared: Sandbox) -> None:
    program.specify(aws={"region": "eu-west-3", "account": "210987654321", "stack": "BedrockChatStack"}, cluster=RESTORE_CLUSTER,
                    users=group_of(["alice@example.com"]), allow=["replace-cluster"])
    for command in (program.plan, program.apply):
        outcome = command(expect=1)
        reason = outcome.resource("account")["reason"]
        assert "123456789012" in reason and "210987654321" in reason
        assert outcome.actions("planned") == [] and outcome.actions("done") == []
    program.specify(aws={"region": "eu-west-3", "account": "210987654321"},
                    vectors={"counts": {"from": "baseline", "file": "b.yaml"}, "connect": {"host": "db", "secret": "s"}})
    captured = program.run("capture", "spec.yaml", expect=1)
    assert "credentials are of account 123456789012, and spec.aws.account is 210987654321" in captured.err
    asked = shared.calls()["operations"]
    assert set(asked) == {"sts:GetCallerIdentity"}, "under a wrong account nothing else is looked at"


def test_a_stack_that_is_not_there(program: Program) -> None:
    program.specify(aws={"region": "eu-west-3", "stack": "BedrokChatStack"}, users=group_of(["alice@example.com"]))
    reason = program.plan(expect=1).resource("users")["reason"]
    assert "there is no stack BedrokChatStack in eu-west-3: is spec.aws.stack or spec.aws.region another?" in reason


@pytest.mark.parametrize("environment", [
    {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, {"AWS_SECRET_ACCESS_KEY": "not-the-secret-of-this-key"},
    {"AWS_SESSION_TOKEN": "a-token-that-nobody-gave"}])
def test_bad_credentials(program: Program, environment: dict[str, str]) -> None:
    full_spec(program)
    for command in (program.plan, program.apply):
        outcome = command(expect=1, **environment)
        assert outcome.resource("account")["state"] == "unknown"
        assert "GetCallerIdentity" in outcome.resource("account")["reason"]
        assert environment.get("AWS_SECRET_ACCESS_KEY", "-none-") not in outcome.out + outcome.err


def test_no_credentials_at_all(program: Program) -> None:
    full_spec(program)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del program.environment[name]
    outcome = program.run("plan", "spec.yaml", expect=1)
    assert "credentials" in outcome.out + outcome.err


@pytest.mark.parametrize("operation, permission, kind", [
    ("rds:DescribeDBClusters", "rds:DescribeDBClusters", "cluster"),
    ("secretsmanager:GetSecretValue", "secretsmanager:GetSecretValue", "vectors"),
    ("cognito-idp:ListUsersInGroup", "cognito-idp:ListUsersInGroup", "users"),
])
def test_one_permission_is_missing(program: Program, shared: Sandbox, operation: str, permission: str,
                                   kind: str) -> None:
    """Rule 4: unknown, with the permission by name; the rest is seen all the same."""
    if kind == "users":
        program.specify(users={"groups": {"Admin": {"members": creators(shared, 1)}}})
    else:
        program.specify(cluster={"encrypted": True}, vectors={"schema": "present"})
    shared.control("deny", operation=operation)
    outcome = program.plan(expect=1)
    unknown = outcome.resource(kind)
    assert unknown["state"] == "unknown" and permission in str(unknown)
    assert unknown["differences"] == [] and unknown["actions"] == [], "unknown is not drift"
    assert outcome.resource("account")["state"] == "in-sync"
    assert outcome.report["summary"]["converged"] is False


def test_an_action_that_is_refused(program: Program, shared: Sandbox) -> None:
    """The group is not created since IAM refuses it; the report names the permission."""
    program.specify(users=group_of(creators(shared, 1)))
    shared.control("deny", operation="cognito-idp:CreateGroup")
    outcome = program.apply(expect=1)
    (failed,) = outcome.actions("failed")
    assert "cognito-idp:CreateGroup" in failed["error"]
    (skipped,) = outcome.actions("skipped")
    assert skipped["verb"] == "add" and failed["id"] in skipped["waitsFor"]
    # The refused call itself was counted: it is all that was sent.
    assert {name for name in shared.calls()["operations"] if "Group" in name} >= {"cognito-idp:CreateGroup"}
    shared.forget()


def test_database_unreachable(program: Program, shared: Sandbox) -> None:
    program.specify(cluster={"encrypted": True}, vectors={"schema": "present"})
    shared.control("rds/stop_server", cluster=shared.summary["cluster"])
    try:
        outcome = program.plan(expect=1)
    finally:
        shared.control("rds/start_server", cluster=shared.summary["cluster"])
    vectors = outcome.resource("vectors")
    assert vectors["state"] == "unknown" and str(shared.summary["port"]) in vectors["reason"]
    assert outcome.resource("cluster")["state"] == "drifted", "RDS answered, and what it said counts"


@pytest.mark.parametrize("flaw, words", [
    ("expired", "expired"), ("wrong-name", "does not match"), ("self-signed", "certificate")])
def test_certificate_not_valid(program: Program, shared: Sandbox, flaw: str, words: str) -> None:
    program.specify(vectors={"schema": "present"})
    shared.control("rds/certificate", cluster=shared.summary["cluster"], flaw=flaw)
    try:
        outcome = program.plan(expect=1)
    finally:
        shared.control("rds/certificate", cluster=shared.summary["cluster"])
    vectors = outcome.resource("vectors")
    assert vectors["state"] == "unknown" and words in vectors["reason"], vectors["reason"]


def test_endpoint_certificate_not_valid(program: Program, shared: Sandbox) -> None:
    """AWS itself is believed only with a certificate of the CA at hand."""
    program.specify(users=group_of(creators(shared, 1)))
    outcome = program.plan(expect=1, AWS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt")
    assert "certificate" in outcome.resource("account")["reason"]


TEN_ERRORS = """\
apiVersion: trueup/v1
kind: BedrockChat
metadata: {name: Chat_With_Capitals}
spec:
  mode: enforced
  aws: {region: eu-west-3, account: 123456789012, stak: BedrockChatStack}
  cluster: {encrypted: "yes", replace: restored}
  vectors:
    match: nearly
    tolerance: 101%
  users:
    groups:
      CreatingBotAllowed: {members: [alice@example.com, alice@example.com], exclusive: maybe}
  allow: [replace-clusters]
  limits: {changes: -1}
"""


def test_a_spec_with_ten_errors(program: Program, shared: Sandbox) -> None:
    """All of them at once, each with its place; nobody is asked anything."""
    program.write("spec.yaml", TEN_ERRORS)
    for command in ("validate", "plan", "apply"):
        options = ["--yes"] if command == "apply" else []
        outcome = program.run(command, "spec.yaml", *options, expect=65)
        told = outcome.out + outcome.err
        places = {line.split(": ", 1)[0] for line in told.splitlines() if line.startswith("spec.yaml:")}
        assert {int(place.split(":")[1]) for place in places} >= {3, 5, 6, 7, 9, 10, 13, 14, 15}, told
        assert len(places) >= 10, told
        for path in ("metadata.name", "spec.mode", "spec.aws.account", "spec.cluster.replace", "spec.vectors.match",
                     "spec.vectors.tolerance", "spec.allow", "spec.limits.changes"):
            assert path in told
    assert shared.calls()["total"] == 0


def test_one_bad_spec_of_two_stops_both(program: Program, shared: Sandbox) -> None:
    program.specify("good.yaml", name="good", users=group_of(creators(shared, 1)))
    program.write("bad.yaml", TEN_ERRORS)
    program.run("apply", "good.yaml", "bad.yaml", "--yes", expect=65)
    assert shared.calls()["total"] == 0


def test_without_a_terminal_somebody_must_have_said_yes(program: Program, shared: Sandbox) -> None:
    program.specify(users=group_of(creators(shared, 1)))
    outcome = program.run("apply", "spec.yaml", expect=64)
    assert "--yes" in outcome.err


@pytest.mark.parametrize("mode", ["observe", "paused"])
def test_modes_that_change_nothing(program: Program, shared: Sandbox, mode: str) -> None:
    program.specify(mode=mode, users=group_of(creators(shared, 1)), bots={"usable": True})
    outcome = program.apply(expect=None)
    assert outcome.code == (2 if mode == "observe" else 0)
    assert {outcome.resource(kind)["state"] for kind in ("users", "bots")} == (
        {"drifted", "in-sync"} if mode == "observe" else {"skipped"})
    if mode == "paused":
        assert shared.calls()["total"] == 0


def test_a_report_that_cannot_be_written_is_no_success(program: Program, shared: Sandbox) -> None:
    program.specify(users={"groups": {"Admin": {"members": []}}})
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([str(TRUEUP), "plan", "spec.yaml"], cwd=program.directory, env=program.environment,
                              check=False, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"space" in done.stderr
