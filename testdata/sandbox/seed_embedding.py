"""What embeds the bots' knowledge: ECS cluster, task definition, network, and the pipe that starts tasks.

Up to v0.4 the database's password stands in the task definition; version 1 reads it from the secret. Up to v1.2.4
tasks are told their bot by an argument, from v1.2.5 by the variable EVENT.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from embedding import ARGUMENT, EVENT
from service import World

CLUSTER = "BedrockChatStack-EmbeddingCluster66FA9E25"
FAMILY = "BedrockChatStackEmbeddingTaskDefinition"
SECURITY_GROUP = "sg-0e5b9d1c7a2f4e610"
PRIVATE_SUBNETS = ["subnet-0aa11bb22cc33dd42", "subnet-0aa11bb22cc33dd43"]
PUBLIC_SUBNETS = ["subnet-0aa11bb22cc33dd40", "subnet-0aa11bb22cc33dd41"]


@dataclass
class Embedding:
    """Of one deployment. `secret` is the secret's ARN; `access` what it says: host, port, username, password."""

    table: str
    secret: str
    access: dict[str, Any] = field(repr=False)
    version: str = "v0.4.10"

    @property
    def form(self) -> str:
        return EVENT if _numbers(self.version) >= (1, 2, 5) else ARGUMENT


def seed(world: World, embedding: Embedding, database_group: str) -> str:
    """Makes all of it, or a new revision of the task definition; returns the task definition's ARN."""
    ecs = world.service("ecs")
    ecs.seed_cluster(CLUSTER)
    ecs.seed_network(PRIVATE_SUBNETS, PUBLIC_SUBNETS, [SECURITY_GROUP, database_group])
    arn = str(ecs.seed_task_definition(FAMILY, _environment(world, embedding), embedding.form))
    network = {"subnets": PRIVATE_SUBNETS, "securityGroups": [SECURITY_GROUP], "assignPublicIp": "DISABLED"}
    request = {"cluster": CLUSTER, "taskDefinition": arn, "launchType": "FARGATE",
               "networkConfiguration": {"awsvpcConfiguration": network}}
    if embedding.form == EVENT:
        request["startedBy"] = "AWS Step Functions"
    ecs.seed_pipe(embedding.table, request, embedding.form)
    return arn


def outputs(version: str, arn: str, table: str) -> dict[str, str]:
    """Outputs of the stack that name it: version 1 has some."""
    if _numbers(version) < (1,):
        return {}
    return {"DatabaseConversationTableNameB0E7F3C2": table, "EmbeddingClusterName4D1A2B3C": CLUSTER,
            "EmbeddingTaskDefinitionName5E6F7081": arn.rpartition("/")[2],
            "EmbeddingTaskSecurityGroupId6A7B8C9D": SECURITY_GROUP}


def resources(arn: str) -> dict[str, tuple[str, str]]:
    """Of the stack: type and physical id by logical id."""
    return {"EmbeddingCluster66FA9E25": ("AWS::ECS::Cluster", CLUSTER),
            "EmbeddingTaskDefinition3F4B8A6E": ("AWS::ECS::TaskDefinition", arn),
            "EmbeddingTaskSecurityGroup9C0D1E2F": ("AWS::EC2::SecurityGroup", SECURITY_GROUP)}


def drifted(rows: dict[str, int], percent: float) -> dict[str, int]:
    """How many chunks the bots' knowledge gives: as many as there are rows, or so much more or less, at least one."""
    if percent == 0:
        return dict(rows)
    least = 1 if percent > 0 else -1
    return {bot: max(1, number + (int(number * percent / 100) or least)) for bot, number in rows.items()}


def _environment(world: World, embedding: Embedding) -> dict[str, str]:
    settings = world.settings
    common = {"BEDROCK_REGION": "us-east-1", "ACCOUNT": settings.account, "REGION": settings.region,
              "TABLE_NAME": embedding.table, "DOCUMENT_BUCKET": "bedrockchatstack-documents",
              "TABLE_ACCESS_ROLE_ARN": f"arn:aws:iam::{settings.account}:role/BedrockChatStack-TableAccessRole"}
    if _numbers(embedding.version) >= (1,):
        return common | {"DB_SECRETS_ARN": embedding.secret}
    access = embedding.access
    return common | {"DB_HOST": access["host"], "DB_PORT": str(access["port"]), "DB_USER": access["username"],
                     "DB_PASSWORD": access["password"], "DB_NAME": "postgres"}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))
