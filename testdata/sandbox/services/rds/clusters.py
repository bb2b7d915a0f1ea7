"""Operations on clusters: create, restore, modify, rename, stop, delete, describe."""

from __future__ import annotations

from typing import Any

from service import AwsError, Call, random_id

from . import checks
from .base import RdsBase, Work, nothing
from .model import (AVAILABLE, AWS_OWNED, DEFAULT_SECURITY_GROUP, DELETING, ENGINE, ENGINE_VERSIONS,
                    Cluster, Encryption, Instance, Options, Snapshot)
from .snapshots import SnapshotOperations

_OPTIONS = ("AvailabilityZones", "DBSubnetGroupName", "DBClusterParameterGroupName", "VpcSecurityGroupIds",
            "ServerlessV2ScalingConfiguration", "DeletionProtection", "CopyTagsToSnapshot",
            "EnableIAMDatabaseAuthentication", "EnableCloudwatchLogsExports", "BackupRetentionPeriod",
            "PreferredBackupWindow", "Tags", "Port", "Engine", "EngineVersion", "EngineMode", "KmsKeyId",
            "DBClusterIdentifier", "DatabaseName", "StorageType")
# Renaming takes a moment to begin: until then the cluster seems untouched.
_BEFORE_RENAMING = 0.25
# What is so at once, without the cluster's leaving its status.
_WITHOUT_PASSING = {"DBClusterIdentifier", "ApplyImmediately", "NewDBClusterIdentifier", "DeletionProtection",
                    "CopyTagsToSnapshot"}


class ClusterOperations(SnapshotOperations, RdsBase):

    def CreateDBCluster(self, call: Call) -> dict[str, Any]:
        checks.only(call, *_OPTIONS, "MasterUsername", "MasterUserPassword", "StorageEncrypted",
                    "PreferredMaintenanceWindow", "EnableHttpEndpoint")
        identifier = self._new_identifier(call)
        options = self._options(call)
        user, password = checks.master_user(call.get("MasterUsername")), checks.password(call.get("MasterUserPassword"))
        version, tags = checks.engine_version(call.get("EngineVersion")), checks.tags(call.get("Tags"))
        cluster = self._add_cluster(identifier, version, user, self._create_encryption(call), options)
        cluster.tags, cluster.new_password = tags, password
        cluster.database = cluster.new_database = call.get("DatabaseName")
        self.job(cluster, lambda: self.create_storage(cluster), lambda: self._become(cluster, AVAILABLE))
        return {"DBCluster": self.show(cluster)}

    def RestoreDBClusterFromSnapshot(self, call: Call) -> dict[str, Any]:
        checks.only(call, *_OPTIONS, "SnapshotIdentifier")
        identifier = self._new_identifier(call)
        options = self._options(call)
        snapshot = self.snapshot(call.params["SnapshotIdentifier"])
        if snapshot.status != AVAILABLE:
            raise AwsError("InvalidDBClusterSnapshotStateFault",
                           f"The DB cluster snapshot {snapshot.identifier} is not available.")
        version, tags = self._restored_version(call, snapshot), checks.tags(call.get("Tags"))
        encryption = snapshot.encryption
        if "KmsKeyId" in call.params:
            encryption = Encryption("sse-kms", self._key(call.params["KmsKeyId"]))
        cluster = self._add_cluster(identifier, version, snapshot.master_username, encryption, options)
        cluster.tags, cluster.database = tags, snapshot.database
        ending = self.failing_restores.pop(0) if self.failing_restores else AVAILABLE
        self.job(cluster, lambda: cluster.server.restore(snapshot.directory), lambda: self._become(cluster, ending))
        return {"DBCluster": self.show(cluster)}

    def _new_identifier(self, call: Call) -> str:
        identifier = checks.identifier("DBClusterIdentifier", call.params["DBClusterIdentifier"])
        checks.engine(call.params["Engine"])
        checks.port(call.get("Port"))
        self.require_new_cluster(identifier)
        self.require_room("clusters", len(self.clusters), "DBClusterQuotaExceededFault")
        return identifier

    def _restored_version(self, call: Call, snapshot: Snapshot) -> str:
        version = checks.engine_version(call.get("EngineVersion", snapshot.engine_version))
        if ENGINE_VERSIONS.index(version) < ENGINE_VERSIONS.index(snapshot.engine_version):
            raise checks.combination(f"Cannot restore a snapshot of version {snapshot.engine_version} "
                                     f"to version {version}, which is older.")
        return version

    def _create_encryption(self, call: Call) -> Encryption:
        """Since February 2026 no new cluster is without encryption, asked for or not."""
        if call.get("StorageEncrypted"):
            return Encryption("sse-kms", self._key(call.get("KmsKeyId", "alias/aws/rds")))
        if "KmsKeyId" in call.params:
            raise checks.combination("KmsKeyId requires StorageEncrypted.")
        return AWS_OWNED

    def _key(self, key_id: str) -> str:
        try:
            arn: str = self.world.service("kms").resolve(key_id)
            return arn
        except AwsError as problem:
            raise AwsError("KMSKeyNotAccessibleFault", f"The specified KMS key [{key_id}] does not exist, is not "
                           "enabled or you do not have permissions to access it.") from problem

    def _options(self, call: Call) -> Options:
        options = Options(subnet_group=self.subnet_group(call.get("DBSubnetGroupName", "default")).name)
        options.availability_zones = list(call.get("AvailabilityZones", [])) or self.zones(options)
        options.security_groups = [DEFAULT_SECURITY_GROUP]
        self._change(options, call)
        return options

    def _change(self, options: Options, call: Call) -> None:
        """Takes over what a request sets, of that which both a new and an existing cluster can be told."""
        params = call.params
        if "DBClusterParameterGroupName" in params:
            options.parameter_group = self._parameter_group(params["DBClusterParameterGroupName"])
        if "VpcSecurityGroupIds" in params:
            options.security_groups = checks.security_groups(params["VpcSecurityGroupIds"])
        if "ServerlessV2ScalingConfiguration" in params:
            options.scaling = checks.scaling(params["ServerlessV2ScalingConfiguration"])
        if not 1 <= params.get("BackupRetentionPeriod", 1) <= 35:
            raise checks.invalid("Invalid backup retention period: it must be in 1-35")
        for member, attribute in (
                ("DeletionProtection", "deletion_protection"), ("CopyTagsToSnapshot", "copy_tags"),
                ("EnableIAMDatabaseAuthentication", "iam_authentication"), ("EnableHttpEndpoint", "http_endpoint"),
                ("EnableCloudwatchLogsExports", "log_exports"), ("BackupRetentionPeriod", "backup_retention"),
                ("PreferredBackupWindow", "backup_window"), ("PreferredMaintenanceWindow", "maintenance_window")):
            if member in params:
                setattr(options, attribute, params[member])

    def _parameter_group(self, name: str) -> str:
        if name not in self.parameter_groups:
            raise AwsError("DBClusterParameterGroupNotFoundFault", f"DBClusterParameterGroup not found: {name}")
        return name

    def _add_cluster(self, identifier: str, version: str, user: str, encryption: Encryption, options: Options) -> Cluster:
        resource_id = f"cluster-{random_id(26)}"
        cluster = Cluster(identifier=identifier, resource_id=resource_id, arn=self.arn(f"cluster:{identifier}"),
                          domain=self.domain, engine_version=version, master_username=user, encryption=encryption,
                          options=options, server=self.new_server(resource_id))
        self.clusters[identifier] = cluster
        return cluster

    def _become(self, cluster: Cluster, status: str) -> None:
        cluster.status = status

    def ModifyDBCluster(self, call: Call) -> dict[str, Any]:
        checks.only(call, "DBClusterIdentifier", "NewDBClusterIdentifier", "ApplyImmediately", "MasterUserPassword",
                    "DeletionProtection", "CopyTagsToSnapshot", "EnableIAMDatabaseAuthentication",
                    "EnableHttpEndpoint", "BackupRetentionPeriod", "PreferredBackupWindow",
                    "PreferredMaintenanceWindow", "DBClusterParameterGroupName", "VpcSecurityGroupIds",
                    "ServerlessV2ScalingConfiguration")
        cluster = self.cluster(call.params["DBClusterIdentifier"])
        new_name = self._new_name(call, cluster)
        password = checks.password(call.params["MasterUserPassword"]) if "MasterUserPassword" in call.params else None
        cluster.require_available()
        self._change(cluster.options, call)
        rename = nothing
        if new_name is not None and new_name != cluster.identifier:
            rename = self._renaming(cluster, new_name, call.get("ApplyImmediately", False))
        if password is not None:
            cluster.new_password = password
            self._pass(cluster, "resetting-master-credentials", lambda: self._tell_server(cluster), rename)
        elif set(call.params) - _WITHOUT_PASSING:
            self._pass(cluster, "modifying", lambda: self._tell_server(cluster), rename)
        else:
            rename()
        return {"DBCluster": self.show(cluster)}

    def _new_name(self, call: Call, cluster: Cluster) -> str | None:
        """The name to take: the request's, or one that has waited, if now is the time."""
        if "NewDBClusterIdentifier" not in call.params:
            return cluster.pending_name if call.get("ApplyImmediately") else None
        name = checks.identifier("NewDBClusterIdentifier", call.params["NewDBClusterIdentifier"])
        if name != cluster.identifier:
            self.require_new_cluster(name)
        return name

    def _pass(self, cluster: Cluster, status: str, work: Work, then: Work) -> None:
        """Through a passing status, back to available."""
        cluster.status = status

        def done() -> None:
            cluster.status = AVAILABLE
            then()
        self.job(cluster, work, done)

    def _tell_server(self, cluster: Cluster) -> None:
        if cluster.server.running:
            self.serve(cluster)

    def _renaming(self, cluster: Cluster, name: str, at_once: bool) -> Work:
        """Claims the new name; what it returns starts the renaming itself."""
        if not at_once:
            cluster.pending_name = name
            return nothing
        cluster.next_name, cluster.pending_name = name, None

        def begin() -> None:
            cluster.status = "renaming"
            self.job(cluster, nothing, lambda: self._rename(cluster))
        return lambda: self.job(cluster, nothing, begin, _BEFORE_RENAMING)

    def _rename(self, cluster: Cluster) -> None:
        """The endpoints follow the name; storage, members, port and resource id stay."""
        assert cluster.next_name is not None
        del self.clusters[cluster.identifier]
        cluster.identifier, cluster.next_name = cluster.next_name, None
        cluster.arn = self.arn(f"cluster:{cluster.identifier}")
        self.clusters[cluster.identifier] = cluster
        self.present(cluster)
        cluster.status = AVAILABLE

    def DeleteDBCluster(self, call: Call) -> dict[str, Any]:
        cluster = self.cluster(call.params["DBClusterIdentifier"])
        final = self._final_snapshot(call)
        if cluster.options.deletion_protection:
            raise checks.combination("Cannot delete protected Cluster, please disable deletion protection and try again.")
        if cluster.status == DELETING:
            raise AwsError("InvalidDBClusterStateFault", f"Cluster {cluster.identifier} is already being deleted.")
        if any(member.status != DELETING for member in self.members(cluster)):
            raise AwsError("InvalidDBClusterStateFault",
                           "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
        if final is not None or cluster.status not in ("failed", "incompatible-restore", "stopped"):
            cluster.require_available()
        cluster.status = DELETING
        snapshot = self.take_snapshot(cluster, final, {}) if final is not None else None
        self.job(cluster, lambda: self._end(cluster, snapshot), lambda: self._forget(cluster))
        return {"DBCluster": self.show(cluster)}

    def _final_snapshot(self, call: Call) -> str | None:
        name, skip = call.get("FinalDBSnapshotIdentifier"), call.get("SkipFinalSnapshot", False)
        if skip and name is not None:
            raise checks.combination("You cannot specify both FinalDBSnapshotIdentifier and SkipFinalSnapshot")
        if not skip and name is None:
            raise checks.combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        if name is None:
            return None
        identifier = checks.identifier("FinalDBSnapshotIdentifier", name, 255)
        self.require_new_snapshot(identifier)
        return identifier

    def _end(self, cluster: Cluster, snapshot: Snapshot | None) -> None:
        """Once the last instance has gone: the final copy, if wanted, then no storage any more."""
        self.await_no_members(cluster)
        cluster.server.stop()
        if snapshot is not None:
            cluster.server.backup(snapshot.directory)
            self.keep_snapshot(snapshot)
        cluster.server.remove()

    def _forget(self, cluster: Cluster) -> None:
        del self.clusters[cluster.identifier]

    def StopDBCluster(self, call: Call) -> dict[str, Any]:
        cluster = self.cluster(call.params["DBClusterIdentifier"])
        cluster.require_available()
        return self._switch(cluster, "stopping", "stopped", cluster.server.stop)

    def StartDBCluster(self, call: Call) -> dict[str, Any]:
        cluster = self.cluster(call.params["DBClusterIdentifier"])
        if cluster.status != "stopped":
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {cluster.identifier} is not in stopped state")
        return self._switch(cluster, "starting", AVAILABLE, lambda: self._serve_members(cluster))

    def _serve_members(self, cluster: Cluster) -> None:
        if self.members(cluster):
            self.serve(cluster)

    def _switch(self, cluster: Cluster, passing: str, status: str, work: Work) -> dict[str, Any]:
        resources: list[Cluster | Instance] = [cluster, *self.members(cluster)]
        for resource in resources:
            resource.status = passing

        def done() -> None:
            for resource in resources:
                resource.status = status
        self.job(cluster, work, done)
        return {"DBCluster": self.show(cluster)}

    def DescribeDBClusters(self, call: Call) -> dict[str, Any]:
        wanted = call.get("DBClusterIdentifier")
        found = [self.cluster(wanted)] if wanted else list(self.clusters.values())
        found = checks.filtered(call, found, {
            "db-cluster-id": lambda c: {c.identifier, c.arn},
            "db-cluster-resource-id": lambda c: {c.resource_id},
            "clone-group-id": lambda c: set(),
            "domain": lambda c: set(),
            "engine": lambda c: {ENGINE},
        })
        shown, marker = checks.paged(call, found, lambda c: c.identifier)
        return {"DBClusters": [self.show(cluster) for cluster in shown], **marker}

    def show(self, cluster: Cluster) -> dict[str, Any]:
        return cluster.describe(self.members(cluster))
