"""The deployment of version 1: what it replaces, empties, refuses and leaves, seen through boto3."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest
from conftest import Sandbox
from test_rds import until

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
STACK, LOGICAL = "BedrockChatStack", "VectorStoreCluster0A1B2C3D"


class Chat:
    """A sandbox of its own with a deployment of version 0 and one published API."""

    def __init__(self, directory: Path) -> None:
        self.sandbox = Sandbox(directory, "--seconds", "0.1", "--quota", "0")
        self.seeded = self.sandbox.control("seed", bots=3, rows=60, users=6, published=1)
        self.rds, self.stacks = self.sandbox.client("rds"), self.sandbox.client("cloudformation")
        self.secrets = self.sandbox.client("secretsmanager")

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, str(DEPLOY), "--state", str(self.sandbox.directory), *options],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def deploy(self, *options: str) -> tuple[int, str, str]:
        process = self.start(*options)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def stack(self) -> dict[str, Any]:
        found: dict[str, Any] = self.stacks.describe_stacks(StackName=STACK)["Stacks"][0]
        return found

    def status(self) -> str:
        return str(self.stack()["StackStatus"])

    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack()["Outputs"]}

    def cluster(self) -> str:
        found = self.stacks.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
        return str(next(item["PhysicalResourceId"] for item in found if item["LogicalResourceId"] == LOGICAL))

    def clusters(self) -> set[str]:
        return {cluster["DBClusterIdentifier"] for cluster in self.rds.describe_db_clusters()["DBClusters"]}

    def secret(self) -> dict[str, Any]:
        text = self.secrets.get_secret_value(SecretId=self.outputs()["DbConfigSecretArn"])["SecretString"]
        found: dict[str, Any] = json.loads(text)
        return found

    def rows(self) -> int:
        secret = self.secret()
        with psycopg.connect(host=secret["host"], hostaddr="127.0.0.1", port=secret["port"], dbname=secret["dbname"],
                             user=secret["username"], password=secret["password"], sslmode="verify-full",
                             sslrootcert=self.sandbox.state["ca"]) as session:
            row = session.execute("SELECT count(*) FROM items").fetchone()
            assert row is not None
            return int(row[0])

    def reasons(self) -> list[str]:
        events = self.stacks.describe_stack_events(StackName=STACK)["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if "ResourceStatusReason" in event]

    def unpublish(self) -> None:
        for name in self.stacks.list_imports(ExportName="BedrockClaudeChatDbConfigHostname")["Imports"]:
            self.stacks.delete_stack(StackName=name)
            until(lambda: not self.is_there(name))

    def is_there(self, name: str) -> bool:
        alive = self.stacks.list_stacks()["StackSummaries"]
        return any(stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE" for stack in alive)

    def begun(self) -> list[str]:
        found: list[str] = self.sandbox.control("deployment/status", stack=STACK)["begun"]
        return found


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    running = Chat(tmp_path_factory.mktemp("deployed"))
    yield running
    defects = running.sandbox.calls()["defects"]
    running.sandbox.run("stop")
    assert defects == []


def test_exports_in_use_hold_the_deployment_up(chat: Chat) -> None:
    before, resources = chat.outputs(), chat.cluster()
    code, out, err = chat.deploy()
    assert code == 1 and "failed to deploy: UPDATE_ROLLBACK_COMPLETE" in err
    reason, = [text for text in chat.reasons() if text.startswith("Export")]
    name, = chat.stacks.list_imports(ExportName="BedrockClaudeChatDbConfigHostname")["Imports"]
    assert reason.startswith("Export BedrockClaudeChatDbConfig") and reason.endswith(f"as it is in use by {name}")
    assert reason in out
    assert (chat.outputs(), chat.cluster(), chat.clusters()) == (before, resources, {"bedrock-chat"})
    assert chat.rows() == 60
    assert len(chat.secrets.list_secrets()["SecretList"]) == 1


def test_a_failed_rollback_allows_no_more(chat: Chat) -> None:
    chat.unpublish()
    chat.sandbox.control("deployment/orders", fail="setup", reason="no connection", rollback_fails=True)
    assert chat.deploy()[0] == 1
    assert chat.status() == "UPDATE_ROLLBACK_FAILED"
    assert "no connection" in chat.reasons()
    code, _, err = chat.deploy()
    assert code == 1 and "is in UPDATE_ROLLBACK_FAILED state and can not be updated" in err
    chat.sandbox.control("deployment/recover", stack=STACK)
    assert chat.status() == "UPDATE_ROLLBACK_COMPLETE" and chat.clusters() == {"bedrock-chat"}


def test_the_stack_goes_on_without_its_command(chat: Chat) -> None:
    chat.sandbox.control("deployment/hold", step="exports")
    process = chat.start()
    until(lambda: chat.cluster() != "bedrock-chat")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert chat.status() == "UPDATE_IN_PROGRESS"
    # The old one is there, and is the outputs', until the update is through.
    assert "bedrock-chat" in chat.clusters() and chat.outputs()["DbConfigHostname"] == chat.seeded["host"]
    code, _, err = chat.deploy()
    assert code == 1 and "is in UPDATE_IN_PROGRESS state and can not be updated" in err
    chat.sandbox.control("deployment/release")
    until(lambda: chat.status() == "UPDATE_COMPLETE")
    assert chat.begun()[-2:] == ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"]


def test_what_the_deployment_leaves(chat: Chat) -> None:
    name, outputs = chat.cluster(), chat.outputs()
    cluster, = chat.rds.describe_db_clusters()["DBClusters"]
    assert cluster["DBClusterIdentifier"] == name and name.startswith(f"{STACK}-{LOGICAL}-".lower())
    assert (cluster["StorageEncrypted"], cluster["StorageEncryptionType"]) == (True, "sse-kms")
    assert cluster["DBClusterMembers"][0]["IsClusterWriter"]
    assert outputs["DbConfigHostname"] == cluster["Endpoint"] == chat.secret()["host"]
    for key in ("DatabaseConversationTableName", "EmbeddingClusterName", "EmbeddingTaskDefinitionName",
                "EmbeddingTaskSecurityGroupId"):
        assert len([value for found, value in outputs.items() if found.startswith(key) and value]) == 1
    described = chat.sandbox.client("ecs").describe_task_definition(taskDefinition=next(
        value for key, value in outputs.items() if key.startswith("EmbeddingTaskDefinitionName")))["taskDefinition"]
    environment = {item["name"]: item["value"] for item in described["containerDefinitions"][0]["environment"]}
    assert environment["DB_SECRETS_ARN"] == outputs["DbConfigSecretArn"] and described["revision"] == 2
    secret = chat.secrets.describe_secret(SecretId=outputs["DbConfigSecretArn"])
    assert secret["RotationEnabled"] and outputs["DbConfigSecretArn"] != chat.seeded["secret"]
    assert [found["ARN"] for found in chat.secrets.list_secrets()["SecretList"]] == [secret["ARN"]]
    assert chat.rows() == 0
    groups = chat.sandbox.client("cognito-idp").list_groups(UserPoolId=chat.seeded["pool"])["Groups"]
    assert "CreatingBotAllowed" in {group["GroupName"] for group in groups}
    final, = chat.rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    assert final["DBClusterSnapshotIdentifier"].startswith(f"{STACK}-snapshot-{LOGICAL}-".lower())
    assert (final["DBClusterIdentifier"], final["DbClusterResourceId"], final["StorageEncrypted"]) == (
        "bedrock-chat", chat.seeded["resource_id"], False)


def test_a_later_deployment_empties_the_table(chat: Chat) -> None:
    name = chat.cluster()
    code, out, _ = chat.deploy()
    assert code == 0 and "(no changes)" in out
    fill(chat, name)
    assert chat.deploy("--update")[0] == 0
    assert (chat.rows(), chat.cluster()) == (0, name)
    fill(chat, name)
    key = chat.sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert chat.deploy("--key", key)[0] == 0
    described, = chat.rds.describe_db_clusters()["DBClusters"]
    assert chat.cluster() == described["DBClusterIdentifier"] != name and described["KmsKeyId"] == key
    assert chat.rows() == 0
    assert len(chat.rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]) == 2


def fill(chat: Chat, cluster: str) -> None:
    chat.sandbox.run("psql", cluster, "-c", "INSERT INTO items (id) VALUES ('a')")
    assert chat.rows() == 1


@pytest.mark.parametrize(("orders", "code", "stays"), [
    ({"ending": 3}, 3, True), ({"ending": "kill", "when": "after"}, -signal.SIGKILL, False)])
def test_a_command_that_ends_early(chat: Chat, orders: dict[str, Any], code: int, stays: bool) -> None:
    asked = len(chat.begun())
    chat.sandbox.control("deployment/orders", lines=500, width=200, **orders)
    ended, out, _ = chat.deploy("--update")
    assert ended == code and len(out) == 500 * 201
    until(lambda: chat.status() == "UPDATE_COMPLETE")
    assert (len(chat.begun()) == asked) == stays


def test_a_command_that_hangs(chat: Chat) -> None:
    chat.sandbox.control("deployment/orders", ending="hang", lines=1)
    process = chat.start()
    assert process.stdout is not None and process.stdout.readline()
    assert process.poll() is None
    process.terminate()
    process.communicate()


@pytest.mark.parametrize(("verb", "arguments"), [
    ("orders", {"fail": "nowhere"}), ("orders", {"colour": 1}), ("hold", {"step": "nowhere"}), ("nonsense", {}),
    ("begin", {"stack": "NoSuchStack"})])
def test_what_is_refused(chat: Chat, verb: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(HTTPError):
        chat.sandbox.control(f"deployment/{verb}", **arguments)


def test_the_command_without_a_sandbox(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(DEPLOY)], env=os.environ | {"TRUEUP_SANDBOX": str(tmp_path)},
                          capture_output=True, text=True)
    assert done.returncode == 1 and "no sandbox is running" in done.stderr
