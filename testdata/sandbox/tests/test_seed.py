"""The seeded deployment: whole, skewed, awkward, and the same again from the same seed."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest
from conftest import Sandbox
from test_rds import Aurora, encryption, refused, until

import seed_rows

BOTS, ROWS, USERS = 6, 1200, 30


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own, as after CloudFormation has replaced the cluster."""
    running = Sandbox(tmp_path_factory.mktemp("seeded"), "--seconds", "0.1", "--quota", "0")
    running.run("seed", "--bots", str(BOTS), "--rows", str(ROWS), "--users", str(USERS), "--seed", "5",
                "--empty-new-cluster", "--short", "2", "--published", "1")
    yield running
    defects = running.calls()["defects"]
    running.run("stop")
    assert defects == []


@pytest.fixture(scope="module")
def aurora(replaced: Sandbox) -> Aurora:
    return Aurora(replaced)


@pytest.fixture(scope="module")
def summary(replaced: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((replaced.directory / "seed.json").read_text())
    return found


def secret_of(replaced: Sandbox, summary: dict[str, Any]) -> dict[str, Any]:
    answer = replaced.client("secretsmanager").get_secret_value(SecretId=summary["secret"])
    found: dict[str, Any] = json.loads(answer["SecretString"])
    return found


def open_with(replaced: Sandbox, secret: dict[str, Any]) -> psycopg.Connection:
    return psycopg.connect(host=secret["host"], hostaddr="127.0.0.1", port=secret["port"], user=secret["username"],
                           password=secret["password"], dbname=secret["dbname"], autocommit=True,
                           sslmode="verify-full", sslrootcert=replaced.state["ca"])


def test_clusters(aurora: Aurora, summary: dict[str, Any]) -> None:
    old, new = aurora.cluster("bedrock-chat-v0"), aurora.cluster("bedrock-chat")
    assert encryption(old) == (False, "none", None)
    assert encryption(new)[:2] == (True, "sse-kms")
    assert (old["EngineVersion"], old["DBSubnetGroup"]) == ("15.3", "bedrock-chat-subnets")
    assert [member["IsClusterWriter"] for member in new["DBClusterMembers"]] == [True]
    assert (summary["cluster"], summary["old_cluster"]) == ("bedrock-chat", "bedrock-chat-v0")


def test_the_secret_opens_the_stacks_empty_cluster(replaced: Sandbox, summary: dict[str, Any]) -> None:
    secret = secret_of(replaced, summary)
    assert secret["dbClusterIdentifier"] == "bedrock-chat" and secret["host"] == summary["host"]
    with open_with(replaced, secret) as session:
        assert session.execute("SELECT count(*) FROM items").fetchone() == (0,)
        owner = session.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'items'").fetchone()
        assert owner == (secret["username"],)
        indexes = session.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'items' ORDER BY 1").fetchall()
    assert [definition.partition(" USING ")[2] for (definition,) in indexes] == [
        "btree (botid)", "ivfflat (embedding) WITH (lists='100')", "btree (id)"]


def test_rows(aurora: Aurora, summary: dict[str, Any]) -> None:
    old = {**secret_like(aurora, "bedrock-chat-v0"), "password": summary["passwords"]["bedrock-chat-v0"]}
    with open_with(aurora.sandbox, old) as session:
        counts = seed_rows.count(session)
        awkward = session.execute(
            "SELECT count(*) FILTER (WHERE content IS NULL), count(*) FILTER (WHERE content = ''), "
            "count(*) FILTER (WHERE source IS NULL), count(*) FILTER (WHERE embedding IS NULL), "
            "count(*) FILTER (WHERE embedding::text LIKE '[-0,%'), "
            "count(*) FILTER (WHERE content LIKE '%\U0001F469%'), count(*) FILTER (WHERE length(id) <> 26) "
            "FROM items").fetchone()
    assert counts == summary["rows"] == {bot["id"]: bot["rows"] for bot in summary["bots"] if bot["knowledge"]}
    whole = seed_rows.share_out(ROWS, BOTS)
    left = [bot["rows"] for bot in summary["bots"] if bot["knowledge"]]
    assert sum(whole) == ROWS and whole[0] > 2 * whole[-1]
    assert sorted(was > is_ for was, is_ in zip(whole, left)) == [False] * (BOTS - 2) + [True] * 2
    assert awkward is not None and all(awkward[:-1]) and awkward[-1] == 0


def secret_like(aurora: Aurora, name: str) -> dict[str, Any]:
    described = aurora.cluster(name)
    return {"host": described["Endpoint"], "port": described["Port"], "username": "postgres", "dbname": "postgres"}


def test_seeding_is_not_counted_as_writing(replaced: Sandbox, summary: dict[str, Any]) -> None:
    assert json.loads(replaced.run("writes"))["total"] == 0


def test_rotation_changes_the_password_of_the_database(replaced: Sandbox, aurora: Aurora,
                                                       summary: dict[str, Any]) -> None:
    secrets = replaced.client("secretsmanager")
    before = secret_of(replaced, summary)
    assert secrets.describe_secret(SecretId=summary["secret"])["RotationEnabled"]
    secrets.rotate_secret(SecretId=summary["secret"])
    until(lambda: secret_of(replaced, summary)["password"] != before["password"])
    open_with(replaced, secret_of(replaced, summary)).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        open_with(replaced, before)


def test_stack(replaced: Sandbox, summary: dict[str, Any]) -> None:
    formation = replaced.client("cloudformation")
    stack = formation.describe_stacks(StackName="BedrockChatStack")["Stacks"][0]
    outputs = {output["OutputKey"]: output for output in stack["Outputs"]}
    assert outputs["DbConfigHostname"]["OutputValue"] == summary["host"]
    assert outputs["DbConfigHostname"]["ExportName"] == "BedrockClaudeChatDbConfigHostname"
    assert "ExportName" not in outputs["DocumentBucketName"]
    assert outputs["AuthUserPoolIdC0605E59"]["OutputValue"] == summary["pool"]
    kinds = {resource["ResourceType"]: resource["PhysicalResourceId"] for resource in
             formation.list_stack_resources(StackName="BedrockChatStack")["StackResourceSummaries"]}
    assert kinds["AWS::RDS::DBCluster"] == "bedrock-chat" and kinds["AWS::DynamoDB::Table"] == summary["table"]
    published = [bot["id"] for bot in summary["bots"] if bot["published"]]
    imports = formation.list_imports(ExportName="BedrockClaudeChatDbConfigPort")["Imports"]
    assert imports == [f"ApiPublishmentStack{bot}" for bot in published] and len(published) == 1


def test_bots(replaced: Sandbox, summary: dict[str, Any]) -> None:
    pages = replaced.client("dynamodb").get_paginator("scan").paginate(TableName=summary["table"])
    items = [item for shown in pages for item in shown["Items"]]
    bots = {item["SK"]["S"].partition("#BOT#")[2]: item for item in items if "#BOT#" in item["SK"]["S"]}
    assert set(bots) == {bot["id"] for bot in summary["bots"]}
    for bot in summary["bots"]:
        knowledge = bots[bot["id"]]["Knowledge"]["M"]
        assert any(entries["L"] for entries in knowledge.values()) == bot["knowledge"]
        assert bots[bot["id"]]["PK"]["S"] == bot["owner"]
    assert sum(bot["knowledge"] for bot in summary["bots"]) == BOTS < len(bots)
    assert any("#BOT_ALIAS#" in item["SK"]["S"] for item in items)
    assert any("#CONV#" in item["SK"]["S"] for item in items)


def test_users(replaced: Sandbox, summary: dict[str, Any]) -> None:
    cognito = replaced.client("cognito-idp")
    users = [user for shown in cognito.get_paginator("list_users").paginate(UserPoolId=summary["pool"])
             for user in shown["Users"]]
    assert len(users) == USERS
    emails = [attribute["Value"] for user in users for attribute in user["Attributes"] if attribute["Name"] == "email"]
    assert len(emails) == USERS == len(set(emails)) + 1
    assert {"CONFIRMED", "EXTERNAL_PROVIDER", "UNCONFIRMED"} <= {user["UserStatus"] for user in users}
    assert not all(user["Enabled"] for user in users)
    groups = {group["GroupName"] for group in cognito.list_groups(UserPoolId=summary["pool"])["Groups"]}
    assert groups == {"Admin", "PublishAllowed", f"{summary['pool']}_Google"}


@pytest.mark.parametrize("options", [{"bots": 1}, {"rows": -1}, {"bots": 9, "rows": 8}, {"colour": 1}])
def test_what_cannot_be_seeded_is_refused(replaced: Sandbox, options: dict[str, int]) -> None:
    with pytest.raises(HTTPError) as excinfo:
        replaced.control("seed", **options)
    assert "ValueError" in json.load(excinfo.value)["error"]


def test_the_same_seed_gives_the_same_deployment(replaced: Sandbox, summary: dict[str, Any],
                                                 tmp_path_factory: pytest.TempPathFactory) -> None:
    query = "SELECT count(*), sum(hashtextextended(items::text, 0)) FROM items"
    again = Sandbox(tmp_path_factory.mktemp("again"), "--seconds", "0", "--quota", "0")
    try:
        made = json.loads(again.run("seed", "--bots", str(BOTS), "--rows", str(ROWS), "--users", str(USERS),
                                    "--seed", "5", "--short", "2", "--published", "1"))
        rows = again.run("psql", "bedrock-chat", "-Atc", query)
    finally:
        again.run("stop")
    assert [made[part] for part in ("bots", "rows", "users")] == [summary[part] for part in ("bots", "rows", "users")]
    assert rows == replaced.run("psql", "bedrock-chat-v0", "-Atc", query) and not rows.startswith("0")


def test_nothing_outlives_a_killed_sandbox(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("killed")
    killed = Sandbox(directory, "--seconds", "0", "--quota", "0")
    port = json.loads(killed.run("seed", "--bots", "1", "--rows", "1", "--users", "1"))["port"]
    assert listens(port)
    os.kill(killed.state["pid"], signal.SIGKILL)
    until(lambda: not listens(port))
    again = Sandbox(directory, "--seconds", "0", "--quota", "0")
    try:
        assert again.client("rds").describe_db_clusters()["DBClusters"] == []
        assert not (directory / "seed.json").exists()
    finally:
        again.run("stop")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_encryption_of_restored_clusters(replaced: Sandbox, aurora: Aurora) -> None:
    client = aurora.client
    client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="plain-s", DBClusterIdentifier="bedrock-chat-v0")
    aurora.await_snapshot("plain-s")
    assert encryption(aurora.snapshot("plain-s")) == (False, "none", None)
    assert encryption(aurora.restore("r-plain", "plain-s")) == (False, "none", None)
    key = replaced.client("kms").create_key()["KeyMetadata"]
    assert encryption(aurora.restore("r-keyed", "plain-s", KmsKeyId=key["KeyId"])) == (True, "sse-kms", key["Arn"])
    aurora.await_cluster("r-keyed")
    client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="keyed-s", DBClusterIdentifier="r-keyed")
    aurora.await_snapshot("keyed-s")
    assert encryption(aurora.restore("r-again", "keyed-s")) == (True, "sse-kms", key["Arn"])
    replaced.client("kms").disable_key(KeyId=key["KeyId"])
    assert refused(aurora.restore, name="never", snapshot="plain-s", KmsKeyId=key["Arn"]) == "KMSKeyNotAccessibleFault"


