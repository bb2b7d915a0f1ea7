"""What the RDS service keeps, and how the API shows it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from postgres import Server
from service import AwsError, now

ENGINE = "aurora-postgresql"
AVAILABLE = "available"
DELETING = "deleting"
# What the sandbox can run is PostgreSQL 15.
ENGINE_VERSIONS = ("15.2", "15.3", "15.4", "15.5", "15.6", "15.7", "15.8", "15.10", "15.12", "15.13", "15.14")
DEFAULT_VERSION = "15.10"
DEFAULT_SECURITY_GROUP = "sg-0d1e5a7f00000000f"


@dataclass(frozen=True)
class Encryption:
    """How storage is encrypted: none, sse-rds (a key of Amazon's own), sse-kms."""

    kind: str
    key_arn: str | None = None

    def describe(self) -> dict[str, Any]:
        """StorageEncrypted stays false under sse-rds.

        Nobody asked for that encryption: templates that say StorageEncrypted=false
        would otherwise see a drift, and replace their cluster for it.
        """
        shown: dict[str, Any] = {"StorageEncrypted": self.kind == "sse-kms", "StorageEncryptionType": self.kind}
        if self.key_arn is not None:
            shown["KmsKeyId"] = self.key_arn
        return shown


UNENCRYPTED = Encryption("none")
AWS_OWNED = Encryption("sse-rds")


@dataclass
class Options:
    """What a request may set on a cluster, with the values that hold unless it does."""

    subnet_group: str = "default"
    parameter_group: str = "default.aurora-postgresql15"
    security_groups: list[str] = field(default_factory=lambda: [DEFAULT_SECURITY_GROUP])
    scaling: dict[str, Any] | None = None
    deletion_protection: bool = False
    copy_tags: bool = False
    iam_authentication: bool = False
    http_endpoint: bool = False
    log_exports: list[str] = field(default_factory=list)
    backup_retention: int = 1
    backup_window: str = "03:10-03:40"
    maintenance_window: str = "sun:05:10-sun:05:40"
    availability_zones: list[str] = field(default_factory=list)


@dataclass
class Cluster:
    identifier: str
    resource_id: str
    arn: str
    domain: str
    engine_version: str
    master_username: str
    encryption: Encryption
    options: Options
    server: Server
    database: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "creating"
    created: datetime = field(default_factory=now)
    # What the server has yet to be told when it next runs.
    new_password: str | None = None
    new_database: str | None = None
    # A new name that waits for the maintenance window, and one on its way.
    pending_name: str | None = None
    next_name: str | None = None
    flaw: str | None = None
    # Whether rds.logical_replication was 1 when the server last started.
    replicates: bool = False
    # Settings of the server that a control command gave it.
    configured: dict[str, str] = field(default_factory=dict)
    # A person keeps the database unreachable.
    cut_off: bool = False
    serving: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"{self.identifier}.cluster-{self.domain}"

    @property
    def reader_endpoint(self) -> str:
        return f"{self.identifier}.cluster-ro-{self.domain}"

    def require_available(self) -> None:
        if self.status != AVAILABLE or self.next_name is not None:
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {self.identifier} is not in available state")

    def describe(self, instances: list[Instance]) -> dict[str, Any]:
        options = self.options
        shown: dict[str, Any] = {
            "DBClusterIdentifier": self.identifier, "DBClusterArn": self.arn,
            "DbClusterResourceId": self.resource_id, "Status": self.status,
            "Engine": ENGINE, "EngineVersion": self.engine_version, "EngineMode": "provisioned",
            "MasterUsername": self.master_username, "DatabaseName": self.database,
            "Endpoint": self.endpoint, "ReaderEndpoint": self.reader_endpoint, "Port": self.server.port,
            "AllocatedStorage": 1, "MultiAZ": False, "ClusterCreateTime": self.created,
            "EarliestRestorableTime": self.created, "LatestRestorableTime": now(),
            "HostedZoneId": "ZMESEXB7ZGGQ3", "NetworkType": "IPV4", "StorageType": "",
            "AvailabilityZones": options.availability_zones, "DBSubnetGroup": options.subnet_group,
            "DBClusterParameterGroup": options.parameter_group,
            "VpcSecurityGroups": [{"VpcSecurityGroupId": g, "Status": "active"} for g in options.security_groups],
            "BackupRetentionPeriod": options.backup_retention,
            "PreferredBackupWindow": options.backup_window,
            "PreferredMaintenanceWindow": options.maintenance_window,
            "DeletionProtection": options.deletion_protection, "CopyTagsToSnapshot": options.copy_tags,
            "IAMDatabaseAuthenticationEnabled": options.iam_authentication,
            "HttpEndpointEnabled": options.http_endpoint, "EnabledCloudwatchLogsExports": options.log_exports,
            "AutoMinorVersionUpgrade": True, "CrossAccountClone": False, "AssociatedRoles": [],
            "DBClusterMembers": [instance.describe_member() for instance in instances],
            "TagList": describe_tags(self.tags), **self.encryption.describe(),
        }
        if options.scaling is not None:
            shown["ServerlessV2ScalingConfiguration"] = options.scaling
        name = self.next_name or self.pending_name
        if name is not None and self.status == AVAILABLE:
            shown["PendingModifiedValues"] = {"DBClusterIdentifier": name}
        return {key: value for key, value in shown.items() if value is not None}


@dataclass
class Instance:
    identifier: str
    arn: str
    resource_id: str
    domain: str
    instance_class: str
    cluster: Cluster
    writer: bool
    promotion_tier: int = 1
    zone: str = ""
    parameter_group: str = "default.aurora-postgresql15"
    publicly_accessible: bool = False
    minor_upgrades: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "creating"
    created: datetime = field(default_factory=now)

    @property
    def endpoint(self) -> str:
        return f"{self.identifier}.{self.domain}"

    def describe_member(self) -> dict[str, Any]:
        return {"DBInstanceIdentifier": self.identifier, "IsClusterWriter": self.writer,
                "DBClusterParameterGroupStatus": "in-sync", "PromotionTier": self.promotion_tier}

    def describe(self, subnet_group: SubnetGroup) -> dict[str, Any]:
        cluster, options = self.cluster, self.cluster.options
        shown: dict[str, Any] = {
            "DBInstanceIdentifier": self.identifier, "DBInstanceArn": self.arn,
            "DbiResourceId": self.resource_id, "DBInstanceStatus": self.status,
            "DBInstanceClass": self.instance_class, "DBClusterIdentifier": cluster.identifier,
            "Engine": ENGINE, "EngineVersion": cluster.engine_version,
            "MasterUsername": cluster.master_username, "DBName": cluster.database,
            "DbInstancePort": 0, "AllocatedStorage": 1, "MultiAZ": False, "StorageType": "aurora",
            "InstanceCreateTime": self.created, "PromotionTier": self.promotion_tier,
            "AvailabilityZone": self.zone, "PubliclyAccessible": self.publicly_accessible,
            "AutoMinorVersionUpgrade": self.minor_upgrades, "LicenseModel": "postgresql-license",
            "CACertificateIdentifier": "rds-ca-rsa2048-g1", "NetworkType": "IPV4",
            "DBParameterGroups": [{"DBParameterGroupName": self.parameter_group, "ParameterApplyStatus": "in-sync"}],
            "DBSubnetGroup": subnet_group.describe(),
            "VpcSecurityGroups": [{"VpcSecurityGroupId": g, "Status": "active"} for g in options.security_groups],
            "BackupRetentionPeriod": options.backup_retention, "PreferredBackupWindow": options.backup_window,
            "PreferredMaintenanceWindow": options.maintenance_window,
            "DeletionProtection": False, "CopyTagsToSnapshot": False,
            "IAMDatabaseAuthenticationEnabled": options.iam_authentication,
            "TagList": describe_tags(self.tags), **cluster.encryption.describe(),
        }
        # AWS shows an endpoint once there is something behind it.
        if self.status != "creating":
            shown["Endpoint"] = {"Address": self.endpoint, "Port": cluster.server.port, "HostedZoneId": "ZMESEXB7ZGGQ3"}
        return {key: value for key, value in shown.items() if value is not None}


@dataclass
class Snapshot:
    identifier: str
    arn: str
    directory: Path
    cluster: dict[str, Any]
    encryption: Encryption
    engine_version: str
    master_username: str
    database: str | None
    kind: str = "manual"
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "creating"
    progress: int = 0
    created: datetime = field(default_factory=now)

    def describe(self) -> dict[str, Any]:
        copied = ("AvailabilityZones", "DBClusterIdentifier", "DbClusterResourceId", "ClusterCreateTime",
                  "Port", "IAMDatabaseAuthenticationEnabled", "BackupRetentionPeriod", "PreferredBackupWindow")
        return {
            **{name: self.cluster[name] for name in copied},
            "DBClusterSnapshotIdentifier": self.identifier, "DBClusterSnapshotArn": self.arn,
            "SnapshotType": self.kind, "Status": self.status, "PercentProgress": self.progress,
            "SnapshotCreateTime": self.created, "Engine": ENGINE, "EngineMode": "provisioned",
            "EngineVersion": self.engine_version, "MasterUsername": self.master_username,
            "LicenseModel": "postgresql-license", "AllocatedStorage": 1, "StorageType": "aurora",
            "VpcId": SubnetGroup.vpc, "TagList": describe_tags(self.tags), **self.encryption.describe(),
        }


@dataclass
class SubnetGroup:
    name: str
    description: str
    arn: str
    subnets: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    vpc = "vpc-0a1b2c3d4e5f60718"

    def describe(self) -> dict[str, Any]:
        return {
            "DBSubnetGroupName": self.name, "DBSubnetGroupDescription": self.description,
            "VpcId": self.vpc, "SubnetGroupStatus": "Complete", "DBSubnetGroupArn": self.arn,
            "SupportedNetworkTypes": ["IPV4"],
            "Subnets": [{"SubnetIdentifier": subnet, "SubnetStatus": "Active", "SubnetOutpost": {},
                         "SubnetAvailabilityZone": {"Name": zone}} for subnet, zone in self.subnets.items()],
        }


def describe_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
