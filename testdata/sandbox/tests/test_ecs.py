"""Embedding tasks: ECS's rules, what the program does to table and database, and the pipe that starts it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from conftest import Sandbox, code
from test_rds import until

CLUSTER = "BedrockChatStack-EmbeddingCluster66FA9E25"
FAMILY = "BedrockChatStackEmbeddingTaskDefinition"
NETWORK = {"subnets": ["subnet-0aa11bb22cc33dd42"], "securityGroups": ["sg-0e5b9d1c7a2f4e610"],
           "assignPublicIp": "DISABLED"}


class Application:
    """A seeded deployment: its bots, its table, its tasks."""

    def __init__(self, sandbox: Sandbox, **options: Any) -> None:
        self.sandbox = sandbox
        self.summary: dict[str, Any] = sandbox.control("seed", bots=4, rows=60, users=6, **options)
        self.ecs = sandbox.client("ecs")
        self.dynamodb = sandbox.client("dynamodb")
        self.bots = [bot for bot in self.summary["bots"] if bot["knowledge"]]

    def key(self, bot: dict[str, Any]) -> dict[str, Any]:
        return {"PK": {"S": bot["owner"]}, "SK": {"S": f"{bot['owner']}#BOT#{bot['id']}"}}

    def item(self, bot: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.dynamodb.get_item(TableName=self.summary["table"], Key=self.key(bot))["Item"]
        return found

    def status(self, bot: dict[str, Any]) -> tuple[str, str]:
        item = self.item(bot)
        return item["SyncStatus"]["S"], item["SyncStatusReason"]["S"]

    def set(self, bot: dict[str, Any], **values: Any) -> None:
        names = ", ".join(f"{name} = :{name}" for name in values)
        self.dynamodb.update_item(TableName=self.summary["table"], Key=self.key(bot), UpdateExpression=f"SET {names}",
                                  ExpressionAttributeValues={f":{name}": value for name, value in values.items()})

    def queue(self, bot: dict[str, Any]) -> None:
        self.set(bot, SyncStatus={"S": "QUEUED"})

    def start(self, bot: dict[str, Any], form: str = "argument", **more: Any) -> dict[str, Any]:
        keys = json.dumps(self.key(bot))
        override = {"name": "Container", "command": ["-u", "embedding/main.py", keys]}
        if form == "EVENT":
            override = {"name": "Container", "environment": [{"name": "EVENT", "value": keys}]}
        request = {"cluster": CLUSTER, "taskDefinition": FAMILY, "launchType": "FARGATE",
                   "networkConfiguration": {"awsvpcConfiguration": NETWORK},
                   "overrides": {"containerOverrides": [override]}}
        answer: dict[str, Any] = self.ecs.run_task(**(request | more))
        return answer

    def task(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]
        return found

    def ended(self, arn: str) -> dict[str, Any]:
        until(lambda: self.task(arn)["lastStatus"] == "STOPPED")
        return self.task(arn)

    def tasks_of(self, bot: dict[str, Any]) -> list[dict[str, Any]]:
        return [task for task in self.sandbox.control("ecs/tasks")["tasks"] if task["bot"] == bot["id"]]

    def rows(self, bot: dict[str, Any]) -> list[tuple[Any, ...]]:
        access = self.sandbox.control("rds/connection", cluster=self.summary["cluster"])
        with psycopg.connect(host="127.0.0.1", port=access["PGPORT"], user=access["PGUSER"], dbname="postgres",
                             password=access["PGPASSWORD"], sslmode="require") as session:
            return session.execute("SELECT id, content, source, vector_dims(embedding), embedding::text FROM items "
                                   "WHERE botid = %s ORDER BY content", (bot["id"],)).fetchall()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    made: list[Sandbox] = []

    def begin() -> Sandbox:
        made.append(Sandbox(tmp_path_factory.mktemp("ecs"), "--seconds", "0.2", "--quota", "0"))
        return made[-1]

    yield begin
    for sandbox in made:
        defects = sandbox.calls()["defects"]
        sandbox.run("stop")
        assert defects == []


@pytest.fixture(scope="module")
def old(running: Callable[..., Sandbox]) -> Application:
    """v0.4.10: a task is told its bot by an argument."""
    return Application(running())


@pytest.fixture(scope="module")
def new(running: Callable[..., Sandbox]) -> Application:
    """v1.2.5, which reads EVENT; embedding again gives some more rows."""
    return Application(running(), application="v1.2.5", chunk_drift=10)


@pytest.fixture(autouse=True)
def no_troubles(old: Application, new: Application) -> Iterator[None]:
    yield
    for application in (old, new):
        application.sandbox.control("ecs/release")
        assert application.sandbox.control("ecs/overlaps")["overlaps"] == []


def test_a_task_goes_through_its_states_and_replaces_the_rows(old: Application) -> None:
    bot = old.bots[0]
    before = old.rows(bot)
    (task,) = old.start(bot, startedBy="somebody", clientToken="first")["tasks"]
    assert (task["lastStatus"], task["desiredStatus"], task["startedBy"]) == ("PROVISIONING", "RUNNING", "somebody")
    seen: list[str] = []
    until(lambda: seen.append(old.task(task["taskArn"])["lastStatus"]) or seen[-1] == "STOPPED")
    order = ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"]
    assert seen == sorted(seen, key=order.index)
    ended = old.task(task["taskArn"])
    assert (ended["containers"][0]["exitCode"], ended["stopCode"]) == (0, "EssentialContainerExited")
    assert ended["startedAt"] < ended["stoppedAt"]
    assert old.status(bot) == ("SUCCEEDED", "Successfully inserted to vector store.")
    assert old.item(bot)["LastExecId"]["S"] == task["taskArn"].rpartition("/")[2]
    after = old.rows(bot)
    assert len(after) == len(before) > 1
    assert not {row[0] for row in before} & {row[0] for row in after} and all(len(row[0]) == 26 for row in after)
    assert {row[3] for row in after} == {1024}
    old.ended(old.start(bot)["tasks"][0]["taskArn"])
    again = old.rows(bot)
    assert [row[1:] for row in again] == [row[1:] for row in after] and again[0][0] != after[0][0]


def test_the_other_form_does_nothing(old: Application, new: Application) -> None:
    for application, wrong, exit_code in ((old, "EVENT", 2), (new, "argument", 1)):
        bot = application.bots[1]
        before = application.item(bot), application.rows(bot)
        task = application.ended(application.start(bot, wrong)["tasks"][0]["taskArn"])
        assert task["containers"][0]["exitCode"] == exit_code
        assert (application.item(bot), application.rows(bot)) == before


def test_chunks_may_differ(new: Application) -> None:
    bot = new.bots[0]
    before = len(new.rows(bot))
    new.ended(new.start(bot, "EVENT")["tasks"][0]["taskArn"])
    assert before < len(new.rows(bot)) <= before * 1.1 + 1


@pytest.mark.parametrize("version", ["old", "new"])
def test_the_pipe_starts_what_is_queued(version: str, request: pytest.FixtureRequest) -> None:
    application: Application = request.getfixturevalue(version)
    bot = application.bots[2]
    number = len(application.tasks_of(bot))
    application.queue(bot)
    until(lambda: application.status(bot)[0] == "SUCCEEDED")
    application.set(bot, LastBotUsed={"N": "1"})
    until(lambda: application.tasks_of(bot)[-1]["status"] == "STOPPED")
    assert [task["principal"] for task in application.tasks_of(bot)[number:]] == ["pipe"]


def test_lost_records_and_failed_starts(old: Application, new: Application) -> None:
    bot = old.bots[3]
    old.sandbox.control("ecs/trouble", mode="capacity", bot=bot["id"], count=3)
    assert "Capacity" in old.start(bot)["failures"][0]["reason"]
    assert old.start(old.bots[1])["failures"] == []
    old.queue(bot)       # two attempts, both in vain
    new.sandbox.control("ecs/trouble", mode="lost", bot=new.bots[3]["id"])
    new.queue(new.bots[3])
    new.queue(new.bots[2])
    until(lambda: new.status(new.bots[2])[0] == "SUCCEEDED")
    until(lambda: new.tasks_of(new.bots[2])[-1]["status"] == "STOPPED")
    until(lambda: old.tasks_of(old.bots[1])[-1]["status"] == "STOPPED")
    assert (old.status(bot)[0], old.tasks_of(bot)) == ("QUEUED", [])
    assert (new.status(new.bots[3])[0], new.tasks_of(new.bots[3])) == ("QUEUED", [])
    # Whatever changes an item that is queued starts a task, and what changes nothing does not.
    new.queue(new.bots[3])
    assert new.tasks_of(new.bots[3]) == []
    new.set(new.bots[3], SyncStatusReason={"S": "again"})
    until(lambda: new.status(new.bots[3])[0] == "SUCCEEDED")
    until(lambda: new.tasks_of(new.bots[3])[-1]["status"] == "STOPPED")


@pytest.mark.parametrize(("mode", "exit_code", "status", "stop_code", "reason"), [
    ("fail", 0, "FAILED", "EssentialContainerExited", "Essential container in task exited"),
    ("crash", 1, "RUNNING", "EssentialContainerExited", "Essential container in task exited"),
    ("die", 137, "RUNNING", "EssentialContainerExited", "Essential container in task exited"),
    ("pull", None, "SUCCEEDED", "TaskFailedToStart", "CannotPullContainerError")])
def test_troubles(old: Application, mode: str, exit_code: int | None, status: str, stop_code: str, reason: str) -> None:
    bot = old.bots[1]
    old.set(bot, SyncStatus={"S": "SUCCEEDED"})
    before = old.rows(bot)
    old.sandbox.control("ecs/trouble", mode=mode, bot=bot["id"], reason="no such model")
    task = old.ended(old.start(bot)["tasks"][0]["taskArn"])
    assert (task["containers"][0].get("exitCode"), task["stopCode"]) == (exit_code, stop_code)
    assert task["stoppedReason"].startswith(reason)
    assert old.status(bot)[0] == status and old.rows(bot) == before
    if mode == "fail":
        assert old.status(bot)[1] == "no such model"
    if mode == "die":
        assert task["containers"][0]["reason"].startswith("OutOfMemoryError")


def test_stalled_tasks_can_be_stopped_and_released(old: Application) -> None:
    stopped, released = old.bots[1], old.bots[2]
    for bot in (stopped, released):
        old.sandbox.control("ecs/trouble", mode="stall", bot=bot["id"])
    arns = [old.start(bot)["tasks"][0]["taskArn"] for bot in (stopped, released)]
    until(lambda: [old.task(arn)["lastStatus"] for arn in arns] == ["RUNNING"] * 2)
    until(lambda: old.status(stopped)[0] == old.status(released)[0] == "RUNNING")
    assert set(old.ecs.list_tasks(cluster=CLUSTER)["taskArns"]) == set(arns)
    old.ecs.stop_task(cluster=CLUSTER, task=arns[0], reason="enough")
    ended = old.ended(arns[0])
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "enough")
    assert old.status(stopped)[0] == "RUNNING"
    old.sandbox.control("ecs/release")
    old.ended(arns[1])
    assert old.status(released)[0] == "SUCCEEDED"


def test_knowledge_decides(old: Application) -> None:
    nothing = next(bot for bot in old.summary["bots"] if not bot["knowledge"])
    old.ended(old.start(nothing)["tasks"][0]["taskArn"])
    assert old.status(nothing) == ("SUCCEEDED", "No contents to embed.")
    bot = old.bots[1]
    before = old.item(bot), old.rows(bot)
    knowledge = before[0]["Knowledge"]["M"]
    old.set(bot, Knowledge={"M": {name: {"L": []} for name in knowledge}})
    old.ended(old.start(bot)["tasks"][0]["taskArn"])
    assert old.status(bot) == ("SUCCEEDED", "No contents to embed.") and old.rows(bot) == before[1]
    old.set(bot, Knowledge={"M": knowledge | {"sitemap_urls": {"L": [{"S": "https://example.com/sitemap.xml"}]}}})
    old.ended(old.start(bot)["tasks"][0]["taskArn"])
    assert old.status(bot) == ("FAILED", "") and old.rows(bot) == before[1]
    old.set(bot, Knowledge={"M": knowledge})


def test_client_tokens(new: Application) -> None:
    bot = new.bots[1]
    first = new.start(bot, "EVENT", clientToken="t1")["tasks"]
    again = new.start(bot, "EVENT", clientToken="t1")["tasks"]
    assert [task["taskArn"] for task in first] == [task["taskArn"] for task in again]
    with pytest.raises(ClientError) as refusal:
        new.start(bot, "EVENT", clientToken="t1", startedBy="other")
    assert code(refusal) == "ConflictException" and refusal.value.response["resourceIds"] == [first[0]["taskArn"]]
    new.ended(first[0]["taskArn"])


@pytest.mark.parametrize(("change", "expected"), [
    ({"cluster": "other"}, "ClusterNotFoundException"), ({"taskDefinition": "other"}, "ClientException"),
    ({"networkConfiguration": {}}, "InvalidParameterException"), ({"count": 11}, "InvalidParameterException"),
    ({"startedBy": "x" * 129}, "InvalidParameterException"), ({"clientToken": "x" * 65}, "InvalidParameterException"),
    ({"launchType": "EC2"}, "InvalidParameterException"),
    ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}, "InvalidParameterException"),
    ({"overrides": {"containerOverrides": [{"name": "Other"}]}}, "InvalidParameterException"),
    ({"overrides": {"containerOverrides": [{"name": "Container", "command": ["x" * 8192]}]}},
     "InvalidParameterException")])
def test_refusals(old: Application, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(ClientError) as refusal:
        old.start(old.bots[0], **change)
    assert code(refusal) == expected


def test_without_a_way_out_nothing_is_pulled(old: Application) -> None:
    public = {"awsvpcConfiguration": NETWORK | {"subnets": ["subnet-0aa11bb22cc33dd40"]}}
    task = old.ended(old.start(old.bots[0], networkConfiguration=public)["tasks"][0]["taskArn"])
    assert task["stopCode"] == "TaskFailedToStart" and "ResourceInitializationError" in task["stoppedReason"]


def test_listing_and_describing(old: Application) -> None:
    old.ended(old.start(old.bots[0], startedBy="me")["tasks"][0]["taskArn"])
    stopped = {"cluster": CLUSTER, "desiredStatus": "STOPPED"}
    (mine,) = old.ecs.list_tasks(**stopped, startedBy="me")["taskArns"]
    pages = [page["taskArns"] for page in old.ecs.get_paginator("list_tasks").paginate(
        **stopped, family=FAMILY, PaginationConfig={"PageSize": 2})]
    assert len(pages) > 1 and mine in sum(pages, [])
    with pytest.raises(ClientError) as refusal:
        old.ecs.list_tasks(**stopped, startedBy="me", family=FAMILY)
    assert code(refusal) == "InvalidParameterException"
    unknown = mine[:-32] + "0" * 32
    described = old.ecs.describe_tasks(cluster=CLUSTER, tasks=[mine, unknown])
    assert [task["taskArn"] for task in described["tasks"]] == [mine]
    assert described["failures"] == [{"arn": unknown, "reason": "MISSING"}]
    with pytest.raises(ClientError):
        old.ecs.describe_tasks(cluster=CLUSTER, tasks=[mine] * 101)
    definition = old.ecs.describe_task_definition(taskDefinition=FAMILY)["taskDefinition"]
    environment = {item["name"] for item in definition["containerDefinitions"][0]["environment"]}
    assert (definition["cpu"], definition["memory"]) == ("2048", "4096") and "DB_PASSWORD" in environment
    old.sandbox.control("ecs/forget")
    assert old.ecs.list_tasks(**stopped)["taskArns"] == []


def test_version_1_names_it_in_outputs(new: Application) -> None:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in new.sandbox.client(
        "cloudformation").describe_stacks(StackName=new.summary["stack"])["Stacks"][0]["Outputs"]}
    assert outputs["EmbeddingTaskDefinitionName5E6F7081"] == f"{FAMILY}:1"
    assert outputs["EmbeddingClusterName4D1A2B3C"] == CLUSTER
