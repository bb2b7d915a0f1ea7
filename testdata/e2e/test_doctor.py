"""trueup doctor: each thing that can be wrong is told with what to do, and nothing is changed to find out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ACCOUNT, BASELINE, GROUP, Outcome, Program, Sandbox, creators, username


@pytest.fixture
def fine(program: Program, shared: Sandbox) -> Iterator[Program]:
    """A spec of all sections, with which nothing is wrong."""
    everything(program, shared)
    program.capture()
    shared.forget()
    yield program


def everything(program: Program, sandbox: Sandbox, **sections: Any) -> None:
    program.specify(**{
        "cluster": {"encrypted": True, "replace": "restore"}, "rotation": {"enabled": True},
        "vectors": {"counts": BASELINE, "restore": {"method": "copy", "from": {"cluster": "old"}}},
        "users": {"groups": {GROUP: {"members": creators(sandbox, 1), "exclusive": True, "signOut": True}}},
        **sections})


def doctor(program: Program, *arguments: str, expect: int = 0, **environment: str) -> Outcome:
    return program.json("doctor", *(arguments or ("spec.yaml",)), expect=expect, **environment)


def checks(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in outcome.report["checks"]}


def states(outcome: Outcome) -> dict[str, str]:
    return {name: check["state"] for name, check in checks(outcome).items()}


def test_all_is_fine_and_nothing_changes(fine: Program, shared: Sandbox) -> None:
    outcome = doctor(fine)
    assert outcome.report["fine"] and outcome.report["schema"] == "trueup/doctor/v1"
    found = checks(outcome)
    assert list(found) == ["credentials", "account", "clock", "permissions to plan", "permissions to apply", "database",
                           "tls", "state", "baseline", "revision"]
    assert set(states(outcome).values()) == {"ok"}
    assert "from environment, as arn:aws:iam::" in found["credentials"]["text"]
    assert "read-only" in found["database"]["text"] and "SELECT, INSERT, DELETE, as its owner" in found["database"]["text"]
    assert f"verified for {shared.summary['host']}" in found["tls"]["text"]
    assert shared.calls()["mutating"] == 0 and shared.writes() == 0
    assert not (fine.directory / "state").exists()


def test_each_permission_that_is_missing_is_named(fine: Program, shared: Sandbox) -> None:
    policy = json.loads(fine.run("explain", "--iam", "enforce", "spec.yaml").out)
    needed = {action for statement in policy["Statement"] for action in statement["Action"]}
    for action in needed:
        shared.control("deny", operation=action, explicit=action == "rds:ModifyDBCluster")
    shared.control("allow", operation="sts:*")
    found = checks(doctor(fine, expect=1))
    missing = found["permissions to plan"]["text"] + found["permissions to apply"]["text"]
    assert [action for action in needed - {"sts:GetCallerIdentity"} if action not in missing] == []
    assert "lambda:InvokeFunction on arn:" in missing, "of which function is not known"
    assert "rds:ModifyDBCluster (a policy forbids it)" in missing
    assert "--iam enforce" in found["permissions to apply"]["todo"]


def test_without_the_simulator_what_can_be_tried_is_tried(fine: Program, shared: Sandbox) -> None:
    shared.control("deny", operation="iam:SimulatePrincipalPolicy")
    outcome = doctor(fine)
    assert states(outcome)["permissions to plan"] == "ok" and states(outcome)["permissions to apply"] == "unchecked"
    assert checks(outcome)["permissions to apply"]["text"] == \
        "not checked: iam:SimulatePrincipalPolicy is not allowed"
    shared.control("deny", operation="cognito-idp:GetGroup")
    shared.control("deny", operation="secretsmanager:DescribeSecret")
    text = checks(doctor(fine, expect=1))["permissions to plan"]["text"]
    assert "cognito-idp:GetGroup" in text and "secretsmanager:DescribeSecret" in text


def test_sessions_of_roles(fine: Program, shared: Sandbox) -> None:
    """A session is not known to the simulator, its role is; one with a path is asked for, or named by the spec."""
    role = shared.control("sts/role", name="team/night")["arn"]
    credentials = shared.client("sts").assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    session = {"AWS_ACCESS_KEY_ID": credentials["AccessKeyId"], "AWS_SESSION_TOKEN": credentials["SessionToken"],
               "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"]}
    found = checks(doctor(fine, **session))
    assert found["permissions to apply"]["state"] == "ok"
    assert "assumed-role/night/one, for a time that they do not say" in found["credentials"]["text"]
    shared.control("deny", operation="iam:GetRole")
    found = checks(doctor(fine, **session))
    assert found["permissions to apply"]["state"] == "unchecked" and "NoSuchEntity" in found["permissions to apply"]["text"]
    everything(fine, shared, aws={"region": "eu-west-3", "account": ACCOUNT, "stack": "BedrockChatStack",
                                  "assumeRole": {"arn": role}})
    found = checks(doctor(fine))
    assert found["permissions to apply"]["state"] == "ok" and ", until 20" in found["credentials"]["text"]


def test_the_wrong_account_no_credentials_and_a_clock_that_is_off(fine: Program, shared: Sandbox) -> None:
    shared.control("clock", offset=-600)
    found = checks(doctor(fine, expect=1))
    assert found["clock"]["state"] == "problem" and found["clock"]["text"].endswith("ahead of AWS's")
    assert found["database"]["state"] == "ok", "the client corrects its signatures"
    shared.control("clear")

    everything(fine, shared, aws={"region": "eu-west-3", "account": "210987654321", "stack": "BedrockChatStack"})
    shared.forget()
    outcome = doctor(fine, expect=1)
    assert states(outcome) == {"credentials": "ok", "account": "problem", "clock": "ok", "state": "ok",
                               "baseline": "ok", "revision": "ok"}
    assert set(shared.calls()["operations"]) == {"sts:GetCallerIdentity"}

    nobody = doctor(fine, expect=1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="true")
    assert states(nobody)["credentials"] == "problem" and "database" not in states(nobody)


def test_the_way_to_the_database(fine: Program, shared: Sandbox) -> None:
    found = checks(doctor(fine, expect=1, PGSSLROOTCERT="/nonexistent"))
    assert found["tls"]["state"] == "problem" and found["database"]["state"] == "unchecked"

    cluster = shared.summary["cluster"]
    password = json.loads(shared.client("secretsmanager").get_secret_value(
        SecretId=shared.summary["secret"])["SecretString"])["password"]
    shared.query(cluster, f"CREATE ROLE looker LOGIN PASSWORD '{password}'")
    shared.query(cluster, "GRANT SELECT ON items TO looker")
    everything(fine, shared, vectors={"counts": BASELINE, "connect": {"user": "looker", "sslmode": "require"},
                                      "restore": {"method": "copy", "from": {"cluster": "old"}}})
    found = checks(doctor(fine, expect=1))
    assert found["database"]["state"] == "problem"
    assert found["database"]["todo"] == "GRANT SELECT, INSERT, DELETE ON items TO looker"
    assert "nobody has verified" in found["tls"]["text"]
    everything(fine, shared, mode="observe", vectors={"counts": BASELINE, "connect": {"user": "looker"}})
    outcome = doctor(fine)
    assert states(outcome)["database"] == "ok" and "permissions to apply" not in states(outcome)


def test_this_machine(fine: Program, shared: Sandbox) -> None:
    fine.write("other.yaml", (fine.directory / "spec.yaml").read_text().replace("name: chat", "name: other")
               .replace("baseline.yaml", "elsewhere.yaml"))
    outcome = fine.json("doctor", "spec.yaml", "other.yaml", expect=1, TRUEUP_STATE="/dev/null/state")
    good, bad = ({check["name"]: check for check in report["checks"]} for report in outcome.reports)
    assert good["state"]["state"] == "problem" and "TRUEUP_STATE" in good["state"]["todo"]
    assert good["baseline"]["state"] == "ok" and bad["baseline"]["state"] == "problem"
    assert "trueup capture" in bad["baseline"]["text"]

    role = shared.control("sts/role", name="deployer")["arn"]
    aws = {"region": "eu-west-3", "account": ACCOUNT, "stack": "BedrockChatStack", "assumeRole": {"arn": role}}
    for command, state, text in (("no-such-program", "problem", "there is no program no-such-program"),
                                 ("true", "ok", f"trueup's environment, not those of the role {role}")):
        everything(fine, shared, aws=aws, cluster={"encrypted": True, "replace": "deploy",
                                                   "deploy": {"command": [command], "directory": "."}})
        check = checks(doctor(fine, expect=0 if state == "ok" else 1))["deploy"]
        assert check["state"] == state and text in check["text"]

    everything(fine, shared, mode="paused")
    shared.forget()
    assert states(doctor(fine))["mode"] == "unchecked"
    assert shared.calls()["total"] == 0


def ask(program: Program, who: str, expect: int) -> list[dict[str, Any]]:
    users: list[dict[str, Any]] = doctor(program, "--user", who, "spec.yaml", expect=expect).report["users"]
    return users


def test_can_somebody_create_a_bot(program: Program, shared: Sandbox) -> None:
    """No, then yes once apply has put them into the group; with the reason each time. users need not be managed."""
    alice, other = creators(shared, 2)
    cognito, pool = shared.client("cognito-idp"), shared.summary["pool"]
    program.specify()
    (no,) = ask(program, other, 1)
    assert "is not in the pool: with version 0" in no["reason"] and "spec.users.groups" in no["todo"]

    program.specify(users={"groups": {GROUP: {"members": [alice]}}})
    (no,) = ask(program, alice.upper(), 1)
    assert no["username"] == username(shared, alice) and "the spec lists them: trueup apply" in no["todo"]
    program.apply()
    (yes,) = ask(program, alice, 0)
    assert yes["mayCreateBots"] and GROUP in yes["groups"] and "for up to a day" in yes["todo"]
    (same,) = ask(program, yes["username"], 0)
    assert same == yes
    assert "\n  yes" in program.run("doctor", "--user", alice, "spec.yaml").out

    (no,) = ask(program, other, 1)
    assert f"add {other}" in no["todo"] and "not in the pool" not in no["reason"]
    cognito.admin_disable_user(UserPoolId=pool, Username=alice)
    (no,) = ask(program, alice, 1)
    assert "is disabled" in no["reason"] and "admin-enable-user" in no["todo"]
    cognito.admin_enable_user(UserPoolId=pool, Username=alice)


def test_several_users_nobody_and_no_permission(program: Program, shared: Sandbox) -> None:
    program.specify()
    emails = [user["email"] for user in shared.summary["users"]]
    (twin,) = {email for email in emails if emails.count(email) == 2}
    both = ask(program, twin, 1)
    assert sorted(user["mayCreateBots"] for user in both) == [False, True], "one of them is an Admin"
    federated = next(user for user in both if user["status"] == "EXTERNAL_PROVIDER")
    assert not federated["mayCreateBots"] and f"{{username: {federated['username']}}}" in federated["todo"]

    outcome = doctor(program, "--user", "nobody@example.com", "spec.yaml", expect=1)
    assert outcome.report["users"] == [] and "nobody in the pool" in checks(outcome)["user"]["text"]
    shared.control("deny", operation="cognito-idp:AdminListGroupsForUser")
    outcome = doctor(program, "--user", emails[0], "spec.yaml", expect=1)
    assert "cognito-idp:AdminListGroupsForUser" in checks(outcome)["user"]["text"]
    assert shared.calls()["mutating"] == 0
