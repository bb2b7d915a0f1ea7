"""Seeds a Bedrock Chat deployment of version 0 into a running sandbox.

The same options give the same bots, rows and users; what AWS would name at its
own pleasure (resource ids, ARNs) differs from one sandbox to the next. Besides
the options of the command line, `creating_group` adds the group of version 1,
`orphans` rows that belong to no bot, half of them with no botid at all, `application` says which version's embedding
tasks there are (v0.4.10; v1.2.4 with `empty_new_cluster`; from v1.2.5 they read EVENT), and `chunk_drift` by how many
percent the rows that these make differ in number from those that are there. `queued`, `running` and `failed` bots
have such a SyncStatus (and no task), `emptied` ones keep rows of a knowledge that is gone, and `knowledge_bases` are
bots that Bedrock answers for. `logical_replication` gives the clusters a parameter group, bedrock-chat-logical, with
rds.logical_replication.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

import seed_bots
import seed_embedding
import seed_people
import seed_rows
from seed_bots import Bot
from service import World

SEED_FILE = "seed.json"
STACK = "BedrockChatStack"
CLUSTER = "bedrock-chat"
_PARAMETER_GROUP = "bedrock-chat-logical"
# Where the old cluster stands once CloudFormation has replaced it.
OLD_CLUSTER = "bedrock-chat-v0"
# Of the names of exports, not of the outputs' keys.
_PREFIX = "BedrockClaudeChat"
# That a bot keeps which was emptied.
_OLD_ROWS = 6
_SECURITY_GROUP = "sg-0be5d0c4c4a7d8f31"
_TABLE = "BedrockChatStack-DatabaseConversationTable2F7F6F3D-1LQ0W5VX3KQ2N"


@dataclass(frozen=True)
class Plan:
    bots: int = 8
    rows: int = 2000
    users: int = 20
    seed: int = 1
    short: int = 0
    published: int = 0
    orphans: int = 0
    empty_new_cluster: bool = False
    creating_group: bool = False
    logical_replication: bool = False
    application: str | None = None
    chunk_drift: float = 0.0
    queued: int = 0
    running: int = 0
    failed: int = 0
    emptied: int = 0
    knowledge_bases: int = 0

    @property
    def version(self) -> str:
        return self.application or ("v1.2.4" if self.empty_new_cluster else "v0.4.10")

    def __post_init__(self) -> None:
        for name in ("bots", "rows", "users", "short", "published", "orphans", "queued", "running", "failed",
                     "emptied", "knowledge_bases"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative")
        if self.queued + self.running + self.failed > self.bots:
            raise ValueError("no more bots can be queued, running or failed than there are")
        if self.users < 1 or self.rows < self.bots or max(self.short, self.published) > self.bots:
            raise ValueError("at least one user, a row for each bot, and no more short or published bots than bots")


@dataclass
class Deployment:
    """What one seeding makes; `summary` is what it says of it."""

    world: World
    plan: Plan
    rng: Random
    summary: dict[str, Any] = field(default_factory=dict)


def seed(world: World, args: dict[str, Any]) -> dict[str, Any]:
    """Seeds as `args` say (names of Plan's fields); returns the summary, also kept as seed.json."""
    unknown = set(args) - {option.name for option in fields(Plan)}
    if unknown:
        raise ValueError(f"unknown options: {', '.join(sorted(unknown))}")
    plan = Plan(**args)
    if {CLUSTER, OLD_CLUSTER} & set(world.service("rds").clusters):
        raise ValueError("this sandbox has been seeded: start a fresh one")
    deployment = Deployment(world, plan, Random(plan.seed))
    pool, people = seed_people.seed(world.service("cognito-idp"), plan.users, deployment.rng)
    if plan.creating_group:
        world.service("cognito-idp").seed_group(pool, "CreatingBotAllowed", [])
    bots = seed_bots.make(people, plan.bots, plan.published, deployment.rng)
    seed_bots.mark(bots[:plan.bots], plan.queued, plan.running, plan.failed)
    bots += seed_bots.make_special(people, plan.emptied, plan.knowledge_bases, deployment.rng)
    _seed_application_table(world, bots, people, deployment.rng)
    _seed_database(deployment, bots)
    _seed_stacks(deployment, bots, pool)
    deployment.summary |= {
        "stack": STACK, "pool": pool, "table": _TABLE,
        "bots": [{"id": bot.bot_id, "owner": bot.owner.sub, "knowledge": bot.has_knowledge, "status": bot.status,
                  "emptied": bot.emptied, "knowledge_base": bot.knowledge_base,
                  "published": bot.published, "rows": deployment.summary["rows"].get(bot.bot_id, 0)} for bot in bots],
        "users": [person.describe() for person in people],
    }
    (world.settings.state_dir / SEED_FILE).write_text(json.dumps(deployment.summary, indent=1, ensure_ascii=False) + "\n")
    return deployment.summary


def _seed_application_table(world: World, bots: list[Bot], people: list[seed_people.Person], rng: Random) -> None:
    dynamodb = world.service("dynamodb")
    dynamodb.seed_table(_TABLE, [{
        "IndexName": "SKIndex", "KeySchema": [{"AttributeName": "SK", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}}])
    seed_bots.seed(dynamodb, _TABLE, bots, people, rng)


def _seed_database(deployment: Deployment, bots: list[Bot]) -> None:
    """The cluster or clusters, the secret of the stack's, and the rows."""
    world, plan, rng = deployment.world, deployment.plan, deployment.rng
    rds = world.service("rds")
    rds.seed_subnet_group("bedrock-chat-subnets", "Subnets for the vector store")
    rds.seed_parameter_group(_PARAMETER_GROUP, **{"rds.logical_replication": "1"})
    full = _seed_cluster(deployment, OLD_CLUSTER if plan.empty_new_cluster else CLUSTER, None)
    with full.server.connect() as session:
        with_knowledge = [bot.bot_id for bot in bots if bot.has_knowledge and not bot.knowledge_base]
        rows = dict(zip(with_knowledge, seed_rows.share_out(plan.rows, plan.bots)))
        world.service("ecs").chunks |= seed_embedding.drifted(rows, plan.chunk_drift)
        seed_rows.insert(session, rows, rng)
        if plan.orphans:
            seed_rows.insert_orphans(session, plan.orphans, rng)
        seed_rows.insert(session, {bot.bot_id: _OLD_ROWS for bot in bots if bot.emptied}, rng)
        counts = seed_rows.shorten(session, rng.sample(with_knowledge, plan.short))
        session.execute("ANALYZE items")
    own = full
    if plan.empty_new_cluster:
        own = _seed_cluster(deployment, CLUSTER, world.service("kms").seed_key("alias/bedrock-chat"))
    deployment.summary |= {
        "cluster": own.identifier, "resource_id": own.resource_id, "port": own.server.port,
        "host": own.endpoint, "old_cluster": full.identifier if own is not full else None, "rows": counts,
        "secret": _seed_secret(deployment, full, own)}


def _seed_cluster(deployment: Deployment, identifier: str, key: str | None) -> Any:
    rds = deployment.world.service("rds")
    password = "%030x" % deployment.rng.getrandbits(120)
    group = {"parameter_group": _PARAMETER_GROUP} if deployment.plan.logical_replication else {}
    cluster = rds.seed_cluster(identifier, password, key, subnet_group="bedrock-chat-subnets",
                               security_groups=[_SECURITY_GROUP], **group)
    cluster.tags = {"aws:cloudformation:stack-name": STACK}
    deployment.summary.setdefault("passwords", {})[identifier] = password
    with cluster.server.connect() as session:
        seed_rows.create_schema(session, cluster.master_username)
    return cluster


def _seed_secret(deployment: Deployment, full: Any, own: Any) -> str:
    """The secret that CDK attaches to the cluster.

    It stays when the cluster is replaced, and version 1 rotates it at once: the new cluster's password is the current
    value, and that of the cluster that it was made for the previous one.
    """
    secrets = deployment.world.service("secretsmanager")
    rotation = secrets.seed_rotation("SecretsManagerPostgreSQLRotationSingleUser",
                                     deployment.world.service("rds").rotate_password)
    name = "VectorStoreClusterSecret8F2B1C04-w4sTqRzZbK1y"
    rotated = own is not full
    arn: str = secrets.seed_secret(name, _secret_text(deployment, full), rotation if rotated else None,
                                   True if rotated else None)
    if rotated:
        secrets.seed_version(arn, _secret_text(deployment, own))
    return arn


def _secret_text(deployment: Deployment, cluster: Any) -> str:
    return json.dumps({"dbClusterIdentifier": cluster.identifier, "dbname": "postgres", "engine": "postgres",
                       "host": cluster.endpoint, "port": cluster.server.port, "username": cluster.master_username,
                       "password": deployment.summary["passwords"][cluster.identifier]})


def _seed_stacks(deployment: Deployment, bots: list[Bot], pool: str) -> None:
    cloudformation = deployment.world.service("cloudformation")
    exported = _exported(deployment)
    exports = {key: key if key == "PublishedApiWebAclArn" else f"{_PREFIX}{key}" for key in exported}
    task_definition = _seed_embedding(deployment)
    outputs = exported | seed_embedding.outputs(deployment.plan.version, task_definition, _TABLE) | {
        "AuthUserPoolIdC0605E59": pool, "AuthUserPoolClientId8216BF9A": "5k3q1v2m8t7c6b4n9x0z",
        "DocumentBucketName": "bedrockchatstack-documents", "FrontendURL": "https://d111111abcdef8.cloudfront.net"}
    cloudformation.seed_stack(STACK, outputs, _resources(deployment, pool, task_definition), exports)
    for bot in bots:
        if bot.published:
            # A published API uses everything that the application's stack exports.
            _seed_published_api(deployment.world, bot, list(exports.values()))


def _seed_embedding(deployment: Deployment) -> str:
    world, summary = deployment.world, deployment.summary
    access = json.loads(world.service("secretsmanager").current(summary["secret"]))
    embedding = seed_embedding.Embedding(_TABLE, summary["secret"], access, deployment.plan.version)
    return seed_embedding.seed(world, embedding, _SECURITY_GROUP)


def _seed_published_api(world: World, bot: Bot, imports: list[str]) -> None:
    """The stack of a bot's API: a usage plan with a key of the stack's, and one that the application made later."""
    gateway, api_id = world.service("apigateway"), f"a{bot.bot_id[-9:].lower()}"
    plan_id = gateway.seed_usage_plan(bot.stack, api_id, 0, {"rateLimit": 5.5, "burstLimit": 10},
                                      {"limit": 1000, "offset": 0, "period": "DAY"})
    key_id = gateway.seed_key(plan_id, f"{bot.stack[:5]}-ApiAp-{bot.bot_id[-12:]}")
    gateway.seed_key(plan_id, bot.bot_id[::-1])
    outputs = {"ApiId": api_id, "ApiName": bot.stack, "DeploymentStage": "api", "ApiUsagePlanId": plan_id,
               "AllowedOrigins": "https://chat.example.com,https://intranet.example.com",
               "ApiEndpoint4F160690": f"https://{api_id}.execute-api.{world.settings.region}.amazonaws.com/api/"}
    world.service("cloudformation").seed_stack(
        bot.stack, outputs, _resources_of_api(bot, api_id, plan_id, key_id), None, imports=imports,
        parameters={"BootstrapVersion": "/cdk-bootstrap/hnb659fds/version"})


def _resources_of_api(bot: Bot, api_id: str, plan_id: str, key_id: str) -> list[dict[str, str]]:
    """As cdk/lib/api-publishment-stack.ts makes them, in the order of creation."""
    listed = {
        "HandlerServiceRoleFCDC14AE": ("AWS::IAM::Role", f"{bot.stack}-HandlerServiceRole"),
        "HandlerSecurityGroup9DB6E4F3": ("AWS::EC2::SecurityGroup", f"sg-{api_id}"),
        "Handler886CB40B": ("AWS::Lambda::Function", f"{bot.stack}-Handler886CB40B"),
        "ApiF70053CD": ("AWS::ApiGateway::RestApi", api_id),
        "ApiDeploymentStageapi3EB9684E": ("AWS::ApiGateway::Stage", "api"),
        "ApiApiKeyD0CE0A5E": ("AWS::ApiGateway::ApiKey", key_id),
        "ApiUsagePlan0D0C1A1B": ("AWS::ApiGateway::UsagePlan", plan_id),
        "ApiUsagePlanUsagePlanKeyResource7E5A6B6D": ("AWS::ApiGateway::UsagePlanKey", f"{key_id}:{plan_id}"),
        "WebAclAssociation": ("AWS::WAFv2::WebACLAssociation", f"{api_id}|api"),
    }
    return [{"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": value}
            for name, (kind, value) in listed.items()]


def _exported(deployment: Deployment) -> dict[str, str]:
    summary, region = deployment.summary, deployment.world.settings.region
    account = deployment.world.settings.account
    return {
        "PublishedApiWebAclArn": f"arn:aws:wafv2:{region}:{account}:regional/webacl/WebAclForPublishedApi/1f0c",
        "VpcId": "vpc-0a1b2c3d4e5f60718", "AvailabilityZone0": f"{region}a", "AvailabilityZone1": f"{region}b",
        "PublicSubnetId0": seed_embedding.PUBLIC_SUBNETS[0], "PublicSubnetId1": seed_embedding.PUBLIC_SUBNETS[1],
        "PrivateSubnetId0": seed_embedding.PRIVATE_SUBNETS[0], "PrivateSubnetId1": seed_embedding.PRIVATE_SUBNETS[1],
        "DbConfigSecretArn": summary["secret"], "DbConfigHostname": summary["host"],
        "DbConfigPort": str(summary["port"]), "ConversationTableName": _TABLE,
        "TableAccessRoleArn": f"arn:aws:iam::{account}:role/{STACK}-TableAccessRole",
        "DbSecurityGroupId": _SECURITY_GROUP, "LargeMessageBucketName": "bedrockchatstack-largemessages",
    }


def _resources(deployment: Deployment, pool: str, task_definition: str) -> list[dict[str, str]]:
    summary = deployment.summary
    listed = {
        "VectorStoreCluster0A1B2C3D": ("AWS::RDS::DBCluster", summary["cluster"]),
        "VectorStoreClusterwriter5E6F7A8B": ("AWS::RDS::DBInstance", f"{summary['cluster']}-writer"),
        "VectorStoreClusterSecret8F2B1C04": ("AWS::SecretsManager::Secret", summary["secret"]),
        **seed_embedding.resources(task_definition),
        "AuthUserPool8115E87F": ("AWS::Cognito::UserPool", pool),
        "DatabaseConversationTable2F7F6F3D": ("AWS::DynamoDB::Table", _TABLE),
    }
    return [{"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": value}
            for name, (kind, value) in listed.items()]
