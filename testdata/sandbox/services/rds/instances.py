"""Operations on the instances of clusters; the first one brings a cluster's server up."""

from __future__ import annotations

from typing import Any

from service import AwsError, Call, random_id

from . import checks
from .base import RdsBase
from .model import AVAILABLE, DELETING, Cluster, Instance


class InstanceOperations(RdsBase):

    def CreateDBInstance(self, call: Call) -> dict[str, Any]:
        checks.only(call, "DBInstanceIdentifier", "DBInstanceClass", "Engine", "EngineVersion", "DBClusterIdentifier",
                    "AvailabilityZone", "PromotionTier", "PubliclyAccessible", "DBSubnetGroupName",
                    "DBParameterGroupName", "AutoMinorVersionUpgrade", "Tags", "MasterUsername",
                    "MasterUserPassword")
        identifier = checks.identifier("DBInstanceIdentifier", call.params["DBInstanceIdentifier"])
        checks.engine(call.params["Engine"])
        checks.instance_class(call.params["DBInstanceClass"])
        if "DBClusterIdentifier" not in call.params:
            raise checks.combination("Aurora instances are made in a cluster: DBClusterIdentifier is missing.")
        for belongs_to_cluster in ("MasterUsername", "MasterUserPassword"):
            if belongs_to_cluster in call.params:
                raise checks.combination("The requested DB Instance will be a member of a DB Cluster. "
                                         f"Set {belongs_to_cluster} for the DB Cluster.")
        cluster = self.cluster(call.params["DBClusterIdentifier"])
        self._require_fit(call, cluster)
        if identifier in self.instances:
            raise AwsError("DBInstanceAlreadyExistsFault", "DB instance already exists")
        self.require_room("instances", len(self.instances), "InstanceQuotaExceededFault")
        instance = self._add_instance(call, identifier, cluster)
        return {"DBInstance": self.show_instance(instance)}

    def _require_fit(self, call: Call, cluster: Cluster) -> None:
        cluster.require_available()
        version = call.get("EngineVersion", cluster.engine_version)
        if version != cluster.engine_version:
            raise checks.combination(
                f"The engine version that you requested for your DB instance ({version}) does not match "
                f"the engine version of your DB cluster ({cluster.engine_version}).")
        group = call.get("DBSubnetGroupName")
        if group is not None and self.subnet_group(group).name != cluster.options.subnet_group:
            raise checks.combination(f"The DB subnet group {group} is not that of the DB cluster "
                                     f"({cluster.options.subnet_group}).")
        zones = self.zones(cluster.options)
        if call.get("AvailabilityZone", zones[0]) not in zones:
            raise checks.combination(f"{call.params['AvailabilityZone']} is not among {', '.join(zones)}.")
        if call.params["DBInstanceClass"] == "db.serverless" and cluster.options.scaling is None:
            raise AwsError("InvalidDBClusterStateFault", "Set the Serverless v2 scaling configuration on the parent "
                           "DB cluster before creating a Serverless v2 DB instance.")

    def _add_instance(self, call: Call, identifier: str, cluster: Cluster) -> Instance:
        instance = Instance(
            identifier=identifier, arn=self.arn(f"db:{identifier}"), resource_id=f"db-{random_id(26)}",
            domain=self.domain, instance_class=call.params["DBInstanceClass"], cluster=cluster,
            writer=not any(member.writer for member in self.members(cluster)),
            promotion_tier=call.get("PromotionTier", 1), zone=call.get("AvailabilityZone", self.zones(cluster.options)[0]),
            parameter_group=call.get("DBParameterGroupName", "default.aurora-postgresql15"),
            publicly_accessible=call.get("PubliclyAccessible", False),
            minor_upgrades=call.get("AutoMinorVersionUpgrade", True), tags=checks.tags(call.get("Tags")))
        self.instances[identifier] = instance

        def done() -> None:
            instance.status = AVAILABLE
        self.job(instance, lambda: self.serve(cluster), done)
        return instance

    def DeleteDBInstance(self, call: Call) -> dict[str, Any]:
        instance = self.instance(call.params["DBInstanceIdentifier"])
        if "FinalDBSnapshotIdentifier" in call.params:
            raise checks.combination("FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance")
        if instance.status == DELETING:
            raise AwsError("InvalidDBInstanceStateFault", f"Instance {instance.identifier} is already being deleted.")
        if instance.status not in (AVAILABLE, "failed", "stopped"):
            raise AwsError("InvalidDBInstanceStateFault", f"Instance {instance.identifier} is currently "
                           f"{instance.status} - try again later")
        instance.status = DELETING
        cluster = instance.cluster

        def done() -> None:
            del self.instances[instance.identifier]
            self._promote(cluster)
        self.job(instance, lambda: self.rest(cluster), done)
        return {"DBInstance": self.show_instance(instance)}

    def RebootDBInstance(self, call: Call) -> dict[str, Any]:
        """What static parameters wait for."""
        instance = self.instance(call.params["DBInstanceIdentifier"])
        if instance.status != AVAILABLE:
            raise AwsError("InvalidDBInstanceStateFault", f"Instance {instance.identifier} is not in available state.")
        instance.status = "rebooting"
        cluster = instance.cluster

        def restart() -> None:
            cluster.server.stop()
            self.serve(cluster)

        def done() -> None:
            instance.status = AVAILABLE
        self.job(instance, restart, done)
        return {"DBInstance": self.show_instance(instance)}

    def _promote(self, cluster: Cluster) -> None:
        """A cluster whose writer has gone makes a reader its writer."""
        members = [member for member in self.members(cluster) if member.status == AVAILABLE]
        if members and not any(member.writer for member in members):
            min(members, key=lambda member: member.promotion_tier).writer = True

    def DescribeDBInstances(self, call: Call) -> dict[str, Any]:
        wanted = call.get("DBInstanceIdentifier")
        found = [self.instance(wanted)] if wanted else list(self.instances.values())
        found = checks.filtered(call, found, {
            "db-cluster-id": lambda i: {i.cluster.identifier, i.cluster.arn},
            "db-instance-id": lambda i: {i.identifier, i.arn},
            "dbi-resource-id": lambda i: {i.resource_id},
            "domain": lambda i: set(),
            "engine": lambda i: {self.show_instance(i)["Engine"]},
        })
        shown, marker = checks.paged(call, found, lambda i: i.identifier)
        return {"DBInstances": [self.show_instance(instance) for instance in shown], **marker}

    def show_instance(self, instance: Instance) -> dict[str, Any]:
        return instance.describe(self.subnet_group(instance.cluster.options.subnet_group))
