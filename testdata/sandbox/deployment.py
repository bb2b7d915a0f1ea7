"""Deployments of the application's version 1, as CloudFormation carries them out.

The program `deploy`, which stands for `npx cdk deploy`, asks for one here and then only looks on: it may be killed, and
the stack's update goes on. An update that encrypts the cluster replaces it. What comes to be of the stack, cluster,
secret and table in which order is what Bedrock Chat's template and CloudFormation make of it; what others must never see
them do is refused as there. Everything is done through the services' own operations.
"""

from __future__ import annotations

import json
import string
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import seed_embedding
import seed_rows
from service import AwsError, Call, World, random_id

STEPS = ("cluster", "setup", "rotation", "group", "exports", "cleanup")
GROUP = "CreatingBotAllowed"
_ROTATION = "SecretsManagerPostgreSQLRotationSingleUser"
_LOWER = string.ascii_lowercase + string.digits
_PATIENCE = 120.0
# At "cleanup" the update is through: what fails there is left over.
_UNDOABLE = STEPS[:-1]


class StepFailed(Exception):
    """A resource that could not be updated: the deployment is rolled back."""


@dataclass
class Orders:
    """What a test has ordered for the next deployment.

    For the stack: `fail`, a step; `reason`, why; `rollback_fails`. For the command: `lines` to print before all else, of
    `width` characters; `ending`, how it ends before its time: "hang", "kill" or an exit code, `when`: before the stack
    is touched, or after its update has begun.
    """

    fail: str | None = None
    reason: str = "Resource handler returned message: \"Internal Failure\""
    rollback_fails: bool = False
    lines: int = 0
    width: int = 60
    ending: str | int | None = None
    when: str = "before"

    def __post_init__(self) -> None:
        if self.fail not in (None, *_UNDOABLE):
            raise ValueError(f"fail must be one of {', '.join(_UNDOABLE)}")
        if self.when not in ("before", "after"):
            raise ValueError("when must be before or after")

    def for_command(self) -> dict[str, Any]:
        return {"lines": self.lines, "width": self.width, "ending": self.ending, "when": self.when}


@dataclass
class Deployments:
    """All that were asked for; one runs at a time, since the stack allows no more."""

    world: World
    orders: Orders = field(default_factory=Orders)
    held: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)      # the stack's status when each was asked for
    failed: Deployment | None = None                    # whose rollback failed

    def do_orders(self, args: dict[str, Any]) -> dict[str, Any]:
        """Orders for the next deployment: names of Orders' fields."""
        self.orders = Orders(**args)
        return {}

    def do_hold(self, args: dict[str, Any]) -> dict[str, Any]:
        """Deployments stop before {"step": S} until it is released."""
        if args["step"] not in STEPS:
            raise ValueError(f"step must be one of {', '.join(STEPS)}")
        self.held.add(args["step"])
        return {"held": sorted(self.held)}

    def do_release(self, args: dict[str, Any]) -> dict[str, Any]:
        """Lets go of {"step": S}, or of all."""
        self.held -= {args["step"]} if "step" in args else set(self.held)
        return {"held": sorted(self.held)}

    def do_recover(self, args: dict[str, Any]) -> dict[str, Any]:
        """What continue-update-rollback does for {"stack": NAME}, whose rollback failed."""
        stack = self.world.service("cloudformation").find(args["stack"])
        if stack.status != "UPDATE_ROLLBACK_FAILED" or self.failed is None:
            raise ValueError(f"{stack.name} is {stack.status}")
        self.failed.finish_rollback()
        return {"status": stack.status}

    def do_status(self, args: dict[str, Any]) -> dict[str, Any]:
        """How far {"stack": NAME} is: its status, and its events from number {"after": N} on. And what was asked for."""
        cloudformation = self.world.service("cloudformation")
        with cloudformation.lock:
            stack = cloudformation.find(args["stack"])
            return {"status": stack.status, "reason": stack.reason, "begun": self.begun,
                    "events": stack.events[int(args.get("after", 0)):], "seen": len(stack.events)}

    def do_begin(self, args: dict[str, Any]) -> dict[str, Any]:
        """Begins one: {"stack": NAME, "version": V, "key": K, "seconds": S, "replace": B, "update": B}.

        `key`: of the cluster's encryption; `replace`: the cluster, for whatever reason; `update`: the custom resource
        that sets the database up. Without either, only a cluster that is not encrypted under `key` is replaced. The
        answer's `orders` are for the command.
        """
        orders, self.orders = self.orders, Orders()
        answer = {"orders": orders.for_command(), "started": False, "seen": 0}
        if orders.ending is not None and orders.when == "before":
            return answer
        cloudformation = self.world.service("cloudformation")
        with cloudformation.lock:
            stack = cloudformation.find(args["stack"])
            self.begun.append(stack.status)
            cloudformation.require_updatable(stack)
            deployment = Deployment(self, stack, orders, args)
            if not deployment.sets_up:
                return answer
            answer["seen"] = len(stack.events)
            cloudformation.begin_update(stack)
        threading.Thread(target=deployment.run, daemon=True).start()
        return answer | {"started": True}


class Deployment:
    """One update of a stack. What it makes anew is there before what it replaces goes."""

    def __init__(self, deployments: Deployments, stack: Any, orders: Orders, args: dict[str, Any]) -> None:
        self._all = deployments
        self._world = deployments.world
        self._formation = self._world.service("cloudformation")
        self._stack = stack
        self._orders = orders
        self._key = args.get("key")
        self._version = args.get("version") or "v1.2.4"
        self._seconds = args.get("seconds")
        self._cluster = self._resource("AWS::RDS::DBCluster")
        self._replaces = bool(args.get("replace")) or not self._is_encrypted()
        self.sets_up = self._replaces or bool(args.get("update"))
        # How to have the old ones be the stack's again; what was made in vain then; what is left over else.
        self._undo: list[Callable[[], None]] = []
        self._made: list[Callable[[], None]] = []
        self._leftover: list[Callable[[], None]] = []

    def run(self) -> None:
        try:
            for step in _UNDOABLE:
                self._take(step)
        except Exception as problem:
            if not isinstance(problem, StepFailed):
                traceback.print_exc()
            self._roll_back(str(problem))
            return
        self._status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._pass("cleanup")
        self._finish(self._leftover)
        self._status("UPDATE_COMPLETE")

    def _take(self, step: str) -> None:
        self._pass(step)
        if self._orders.fail == step:
            self._note(self._cluster, "UPDATE_FAILED", self._orders.reason)
            raise StepFailed(f"The following resource(s) failed to update: [{self._cluster.logical_id}]. ")
        getattr(self, f"_take_{step}")()

    def _roll_back(self, reason: str) -> None:
        self._status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        self._pass("rollback")
        if self._orders.rollback_fails:
            self._note(self._cluster, "UPDATE_FAILED", "Resource handler returned message: \"The cluster is busy\"")
            self._status("UPDATE_ROLLBACK_FAILED",
                         f"The following resource(s) failed to update: [{self._cluster.logical_id}]. ")
            self._all.failed = self
            return
        self.finish_rollback()

    def finish_rollback(self) -> None:
        # First all is as it was again, and then what was made in vain goes.
        for undo in reversed(self._undo):
            undo()
        self._status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._finish(self._made)
        self._status("UPDATE_ROLLBACK_COMPLETE")

    # What is updated, in this order

    def _take_cluster(self) -> None:
        """Where the cluster is replaced: a secret, a cluster with its password, an instance."""
        if not self._replaces:
            return
        secret, instance = self._resource("AWS::SecretsManager::Secret"), self._resource("AWS::RDS::DBInstance")
        old = (self._cluster.physical_id, instance.physical_id, secret.physical_id)
        password, name = random_id(30), self._physical_name(self._cluster)
        arn = self._do("secretsmanager", "CreateSecret", Name=f"{secret.logical_id}-{random_id(12)}",
                       SecretString=json.dumps({"username": "postgres", "password": password}))["ARN"]
        self._made.append(lambda: self._delete_secret(arn))
        self._replace(secret, arn)
        self._made.append(lambda: self._delete_cluster(name, None))
        self._create_cluster(name, old[0], password)
        self._replace(self._cluster, name)
        writer = self._physical_name(instance)
        self._do("rds", "CreateDBInstance", DBInstanceIdentifier=writer, DBClusterIdentifier=name,
                 DBInstanceClass="db.serverless", Engine="aurora-postgresql")
        self._await(lambda: self._instance_status(writer) != "creating")
        if self._instance_status(writer) != "available":
            raise StepFailed(f"DB instance {writer} is in state {self._instance_status(writer)}")
        self._replace(instance, writer)
        self._attach(arn, password)
        self._leftover = [lambda: self._delete_cluster(old[0], self._final_name()),
                          lambda: self._delete_secret(old[2])]

    def _create_cluster(self, name: str, old: str, password: str) -> None:
        """Like the old one, but encrypted."""
        was, = self._do("rds", "DescribeDBClusters", DBClusterIdentifier=old)["DBClusters"]
        self._do("rds", "CreateDBCluster", DBClusterIdentifier=name, Engine=was["Engine"],
                 EngineVersion=was["EngineVersion"], DatabaseName="postgres", MasterUsername="postgres",
                 MasterUserPassword=password, StorageEncrypted=True, CopyTagsToSnapshot=True, EnableHttpEndpoint=True,
                 DBSubnetGroupName=was["DBSubnetGroup"],
                 VpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in was["VpcSecurityGroups"]],
                 ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 5.0},
                 **({"KmsKeyId": self._key} if self._key else {}))
        # Nobody but CloudFormation sets tags that begin so.
        self._world.service("rds").clusters[name].tags = {"aws:cloudformation:stack-name": self._stack.name}
        self._await(lambda: self._described(name)["Status"] == "available")

    def _attach(self, arn: str, password: str) -> None:
        """The secret says where its password opens what."""
        cluster = self._described(self._cluster.physical_id)
        self._do("secretsmanager", "PutSecretValue", SecretId=arn, SecretString=json.dumps({
            "dbClusterIdentifier": cluster["DBClusterIdentifier"], "dbname": "postgres", "engine": "postgres",
            "host": cluster["Endpoint"], "port": cluster["Port"], "username": "postgres", "password": password}))

    def _take_setup(self) -> None:
        """The custom resource: from version 1 on its handler drops the table when it is updated, too."""
        if not self.sets_up:
            return
        cluster = self._world.service("rds").clusters[self._cluster.physical_id]
        if not cluster.server.running:
            raise StepFailed("Received response status [FAILED] from custom resource. Message returned: connect "
                             "ETIMEDOUT")
        with cluster.server.connect() as session:
            seed_rows.create_schema(session, cluster.master_username)
        self._note_new("CustomResourceSetupPgVector7B1C9E42", "AWS::CloudFormation::CustomResource")

    def _take_rotation(self) -> None:
        """Version 1 has the password rotated: at once, and by nobody who waits for it."""
        secret = self._resource("AWS::SecretsManager::Secret").physical_id
        if self._do("secretsmanager", "DescribeSecret", SecretId=secret).get("RotationEnabled"):
            return
        self._do("secretsmanager", "RotateSecret", SecretId=secret, RotationRules={"AutomaticallyAfterDays": 30},
                 RotationLambdaARN=self._world.arn("lambda", f"function:{_ROTATION}"))
        self._note_new("VectorStoreClusterRotationSingleUser0D5A3F61", "AWS::SecretsManager::RotationSchedule")

    def _take_group(self) -> None:
        pool = self._resource("AWS::Cognito::UserPool").physical_id
        try:
            self._do("cognito-idp", "CreateGroup", UserPoolId=pool, GroupName=GROUP)
        except AwsError as error:
            if error.code != "GroupExistsException":
                raise
            return
        self._undo.append(lambda: self._do("cognito-idp", "DeleteGroup", UserPoolId=pool, GroupName=GROUP))
        self._note_new("AuthCreatingBotAllowedGroup5D1B2E8C", "AWS::Cognito::UserPoolGroup")

    def _take_exports(self) -> None:
        """Last of all, since only now the values are known; none that another stack imports may change."""
        database = self._database_outputs()
        for key, value in database.items():
            name = self._stack.exports[key]
            users = self._formation.importers(name) if value != self._stack.outputs[key] else []
            if users:
                raise StepFailed(f"Export {name} cannot be updated as it is in use by {', '.join(users)}")
        outputs = self._stack.outputs | database | self._update_embedding(database["DbConfigSecretArn"])
        with self._formation.lock:
            self._stack.outputs = outputs

    def _database_outputs(self) -> dict[str, str]:
        cluster = self._described(self._cluster.physical_id)
        return {"DbConfigHostname": cluster["Endpoint"], "DbConfigPort": str(cluster["Port"]),
                "DbConfigSecretArn": self._resource("AWS::SecretsManager::Secret").physical_id}

    def _update_embedding(self, secret: str) -> dict[str, str]:
        """A new revision of the embedding tasks, for the new version and cluster."""
        table, version = self._resource("AWS::DynamoDB::Table").physical_id, self._version
        access = json.loads(self._world.service("secretsmanager").current(secret))
        embedding = seed_embedding.Embedding(table, secret, access, version)
        arn = seed_embedding.seed(self._world, embedding, self._stack.outputs["DbSecurityGroupId"])
        self._replace(self._resource("AWS::ECS::TaskDefinition"), arn)
        return seed_embedding.outputs(version, arn, table)

    # What goes

    def _finish(self, removals: list[Callable[[], None]]) -> None:
        """What cannot be deleted is left, and the update is complete all the same."""
        for remove in removals:
            try:
                remove()
            except AwsError as problem:
                self._note(self._cluster, "DELETE_FAILED", f"Resource handler returned message: \"{problem.message}\"")

    def _delete_cluster(self, name: str, final: str | None) -> None:
        for member in self._described(name)["DBClusterMembers"]:
            self._insist("DeleteDBInstance", DBInstanceIdentifier=member["DBInstanceIdentifier"])
        last = {"SkipFinalSnapshot": True} if final is None else {"FinalDBSnapshotIdentifier": final}
        self._insist("DeleteDBCluster", DBClusterIdentifier=name, **last)
        self._await(lambda: name not in self._world.service("rds").clusters)

    def _delete_secret(self, arn: str) -> None:
        self._do("secretsmanager", "DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True)

    def _insist(self, operation: str, **params: Any) -> None:
        """Again and again while the cluster or instance is in a state that does not allow it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._do("rds", operation, **params)
                return
            except AwsError as problem:
                if "State" not in problem.code or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    # Resources, statuses and events

    def _resource(self, kind: str) -> Any:
        found, = (item for item in self._stack.resources if item.kind == kind)
        return found

    def _replace(self, resource: Any, physical_id: str) -> None:
        """From now on the stack's resource is the new one."""
        old = resource.physical_id

        def undo() -> None:
            resource.physical_id = old
            self._note(resource, "UPDATE_COMPLETE")
        self._undo.append(undo)
        self._note(resource, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; "
                                                   "hence creating one.")
        resource.physical_id = physical_id
        self._note(resource, "UPDATE_COMPLETE")

    def _note(self, resource: Any, status: str, reason: str | None = None) -> None:
        with self._formation.lock:
            self._formation.note(self._stack, resource, status, reason)

    def _note_new(self, logical_id: str, kind: str) -> None:
        with self._formation.lock:
            self._formation.note_new(self._stack, logical_id, f"{self._stack.name}-{logical_id}", kind)

    def _status(self, status: str, reason: str | None = None) -> None:
        with self._formation.lock:
            self._formation.set_status(self._stack, status, reason)

    def _physical_name(self, resource: Any) -> str:
        return f"{self._stack.name}-{resource.logical_id}-{random_id(12, _LOWER)}".lower()[-63:]

    def _final_name(self) -> str:
        return f"{self._stack.name}-snapshot-{self._cluster.logical_id}-{random_id(12, _LOWER)}".lower()

    # Time, and the services

    def _pass(self, step: str) -> None:
        """The time that a step takes, and longer while a test holds it."""
        seconds = self._world.settings.seconds if self._seconds is None else float(self._seconds)
        time.sleep(seconds / 4)
        while step in self._all.held:
            time.sleep(0.02)

    def _await(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise StepFailed("Exceeded attempts to wait")
            time.sleep(0.02)

    def _is_encrypted(self) -> bool:
        """As the deployment wants it."""
        cluster = self._described(self._cluster.physical_id)
        wanted = self._world.service("kms").resolve(self._key) if self._key else cluster.get("KmsKeyId")
        return bool(cluster["StorageEncrypted"]) and wanted == cluster.get("KmsKeyId")

    def _described(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._do("rds", "DescribeDBClusters", DBClusterIdentifier=name)["DBClusters"][0]
        return found

    def _instance_status(self, name: str) -> str:
        found = self._do("rds", "DescribeDBInstances", DBInstanceIdentifier=name)["DBInstances"][0]
        return str(found["DBInstanceStatus"])

    def _do(self, service: str, operation: str, **params: Any) -> Any:
        """An operation, as CloudFormation asks for it."""
        settings, found = self._world.settings, self._world.service(service)
        role = f"arn:aws:iam::{settings.account}:role/cdk-hnb659fds-cfn-exec-role"
        with found.lock:
            return getattr(found, operation)(Call(service, operation, params, settings.account, settings.region, role))
