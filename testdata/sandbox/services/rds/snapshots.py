"""Operations on cluster snapshots, each a physical copy of a cluster's storage."""

from __future__ import annotations

import shutil
from typing import Any

from postgres import PostgresError
from service import AwsError, Call, random_id

from . import checks
from .base import RdsBase, nothing
from .model import AVAILABLE, DELETING, Cluster, Snapshot


class SnapshotOperations(RdsBase):

    def CreateDBClusterSnapshot(self, call: Call) -> dict[str, Any]:
        checks.only(call, "DBClusterSnapshotIdentifier", "DBClusterIdentifier", "Tags")
        identifier = checks.identifier("DBClusterSnapshotIdentifier", call.params["DBClusterSnapshotIdentifier"], 255)
        cluster = self.cluster(call.params["DBClusterIdentifier"])
        tags = checks.tags(call.get("Tags"))
        self.require_new_snapshot(identifier)
        cluster.require_available()
        snapshot = self.take_snapshot(cluster, identifier, tags)
        cluster.status = "backing-up"

        def copy() -> None:
            try:
                cluster.server.backup(snapshot.directory)
            except PostgresError:
                # The snapshot fails; its cluster is none the worse for it.
                cluster.status = AVAILABLE
                raise

        def done() -> None:
            self.keep_snapshot(snapshot)
            cluster.status = AVAILABLE
        self.job(snapshot, copy, done)
        return {"DBClusterSnapshot": snapshot.describe()}

    def DeleteDBClusterSnapshot(self, call: Call) -> dict[str, Any]:
        snapshot = self.snapshot(call.params["DBClusterSnapshotIdentifier"])
        if snapshot.status not in (AVAILABLE, "failed") or snapshot.kind != "manual":
            raise AwsError("InvalidDBClusterSnapshotStateFault",
                           f"Cannot delete the {snapshot.kind} snapshot {snapshot.identifier} in status {snapshot.status}.")
        snapshot.status = DELETING

        def done() -> None:
            del self.snapshots[snapshot.identifier]
        self.job(snapshot, lambda: shutil.rmtree(snapshot.directory, ignore_errors=True), done)
        return {"DBClusterSnapshot": snapshot.describe()}

    def DescribeDBClusterSnapshots(self, call: Call) -> dict[str, Any]:
        wanted, cluster = call.get("DBClusterSnapshotIdentifier"), call.get("DBClusterIdentifier")
        if wanted and cluster:
            raise checks.combination("DBClusterIdentifier and DBClusterSnapshotIdentifier cannot be used together.")
        kind = call.get("SnapshotType")
        if kind not in (None, "automated", "manual", "shared", "public", "awsbackup"):
            raise checks.invalid(f"Invalid snapshot type: {kind}")
        found = [self.snapshot(wanted)] if wanted else list(self.snapshots.values())
        if cluster:
            name = checks.name_of(cluster, "cluster")
            found = [s for s in found if s.cluster["DBClusterIdentifier"] == name]
        if call.get("DbClusterResourceId"):
            found = [s for s in found if s.cluster["DbClusterResourceId"] == call.params["DbClusterResourceId"]]
        if kind is not None:
            found = [s for s in found if s.kind == kind]
        found = checks.filtered(call, found, {
            "db-cluster-id": lambda s: {s.cluster["DBClusterIdentifier"], s.cluster["DBClusterArn"]},
            "db-cluster-snapshot-id": lambda s: {s.identifier, s.arn},
            "snapshot-type": lambda s: {s.kind},
            "engine": lambda s: {s.describe()["Engine"]},
        })
        shown, marker = checks.paged(call, found, lambda s: s.identifier)
        return {"DBClusterSnapshots": [snapshot.describe() for snapshot in shown], **marker}

    def require_new_snapshot(self, identifier: str) -> None:
        if identifier in self.snapshots:
            raise AwsError("DBClusterSnapshotAlreadyExistsFault", "Cannot create the cluster snapshot because one "
                           f"with the identifier {identifier} already exists.")
        manual = sum(snapshot.kind == "manual" for snapshot in self.snapshots.values())
        self.require_room("snapshots", manual, "SnapshotQuotaExceededFault")

    def take_snapshot(self, cluster: Cluster, identifier: str, tags: dict[str, str], kind: str = "manual") -> Snapshot:
        """The record of a snapshot whose copy has yet to be made."""
        inherited = cluster.tags if cluster.options.copy_tags else {}
        snapshot = Snapshot(
            identifier=identifier, arn=self.arn(f"cluster-snapshot:{identifier}"),
            directory=self.copies / random_id(16), cluster=cluster.describe([]), encryption=cluster.encryption,
            engine_version=cluster.engine_version, master_username=cluster.master_username,
            database=cluster.database, kind=kind, tags={**inherited, **tags})
        self.snapshots[identifier] = snapshot
        return snapshot

    def keep_snapshot(self, snapshot: Snapshot) -> None:
        snapshot.status, snapshot.progress = AVAILABLE, 100

    def control_automated_snapshot(self, args: dict[str, Any]) -> dict[str, Any]:
        """Takes the backup that RDS itself takes at night: {"cluster": ID}."""
        cluster = self.cluster(args["cluster"])
        snapshot = self.take_snapshot(cluster, f"rds:{cluster.identifier}-{random_id(8).lower()}", {}, "automated")
        cluster.server.backup(snapshot.directory)
        self.job(snapshot, nothing, lambda: self.keep_snapshot(snapshot), share=0.0)
        return {"snapshot": snapshot.identifier}
