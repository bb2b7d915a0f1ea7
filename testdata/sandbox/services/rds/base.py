"""The state of the RDS service, and how that state changes with time.

An operation answers at once and leaves the rest to a job: a thread that does
the real work (a copy of a data directory, the start of a server) without any
lock, waits until the transition has taken as long as it should, and then under
the service's lock puts the result in place.
"""

from __future__ import annotations

import shutil
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import postgres
from auth import Authenticator
from iam_login import LoginServer, token_is_valid
from service import AwsError, Service, World, random_id
from tls import Authority

from . import checks
from .model import AVAILABLE, Cluster, Instance, Options, Snapshot, SubnetGroup

LOGICAL = "rds.logical_replication"
_REPLICATION = {False: {LOGICAL: "off", "wal_level": "replica"}, True: {LOGICAL: "on", "wal_level": "logical"}}
_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
Resource = Cluster | Instance | Snapshot
Work = Callable[[], None]


def nothing() -> None:
    """The work of a transition that is nothing but waiting."""


class RdsBase(Service):
    name = "rds"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        settings = world.settings
        self.clusters: dict[str, Cluster] = {}
        self.instances: dict[str, Instance] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.subnet_groups: dict[str, SubnetGroup] = {}
        # What each group sets: see parameters.py.
        self.parameter_groups: dict[str, dict[str, str]] = {"default.aurora-postgresql15": {}}
        self.quotas = {"clusters": 40, "instances": 40, "snapshots": 100}
        # Statuses that nothing leaves, and how the next restores end: set by control commands.
        self.stuck: set[str] = set()
        self.failing_restores: list[str] = []
        self.domain = f"{random_id(12, _LOWER)}.{settings.region}.rds.amazonaws.com"
        self.storage = settings.state_dir / "clusters"
        self.copies = settings.state_dir / "snapshots"
        self.logs = settings.state_dir / "logs"
        # How far each server's log was read when the counting of writes was reset.
        self._read_from: dict[str, int] = {}
        self._empty = settings.empty / "data" if settings.empty else self.copies / "empty"
        self._admin_password = (postgres.shared_admin_password(settings.empty) if settings.empty
                                else postgres.new_admin_password())
        self._authority: Authority | None = None
        self._making_storage = threading.Lock()
        self._logins = LoginServer(self._may_log_in)
        self._stopping = threading.Event()
        self._jobs: set[threading.Thread] = set()
        self.seed_subnet_group("default", "default")

    def start(self) -> None:
        """Takes over the state directory: what an earlier sandbox left there goes."""
        settings = self.world.settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._authority = Authority(settings.tls_dir)
        for directory in (self.storage, self.copies, self.logs):
            postgres.end_orphans(directory)
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        postgres.check_reachable(self.storage)

    def stop(self) -> None:
        self._stopping.set()
        for job in list(self._jobs):
            job.join(timeout=60)
        with ThreadPoolExecutor() as pool:
            for cluster in list(self.clusters.values()):
                pool.submit(cluster.server.stop, for_good=True)
        self._logins.stop()

    def job(self, resource: Resource, work: Work, done: Work, share: float = 1.0) -> None:
        """Leaves the resource's present status `share` transitions from now, by done()."""
        thread = threading.Thread(target=self._run, args=(resource, work, done, share), daemon=True)
        self._jobs.add(thread)
        thread.start()

    def _run(self, resource: Resource, work: Work, done: Work, share: float) -> None:
        began = time.monotonic()
        try:
            work()
            self._wait(resource, began, share)
            with self.lock:
                if not self._stopping.is_set():
                    done()
        except Exception:
            # As in AWS, nobody is there to be told: the status says it, the log says why.
            with (self.world.settings.state_dir / "rds.log").open("a") as log:
                log.write(f"{resource.identifier} ({resource.status}):\n{traceback.format_exc()}\n")
            resource.status = "failed"
        finally:
            self._jobs.discard(threading.current_thread())

    def _wait(self, resource: Resource, began: float, share: float) -> None:
        """Until the transition is over; `seconds` and `stuck` may change meanwhile."""
        while not self._stopping.is_set():
            left = began + share * self.world.settings.seconds - time.monotonic()
            if isinstance(resource, Snapshot):
                resource.progress = _percent(left, share * self.world.settings.seconds)
            if left <= 0 and resource.status not in self.stuck:
                return
            self._stopping.wait(min(max(left, 0.01), 0.1))

    # Finding things by name or ARN

    def cluster(self, identifier: str) -> Cluster:
        found = self.clusters.get(checks.name_of(identifier, "cluster"))
        if found is None:
            raise AwsError("DBClusterNotFoundFault", f"DBCluster {identifier} not found.")
        return found

    def instance(self, identifier: str) -> Instance:
        found = self.instances.get(checks.name_of(identifier, "db"))
        if found is None:
            raise AwsError("DBInstanceNotFoundFault", f"DBInstance {identifier} not found.")
        return found

    def snapshot(self, identifier: str) -> Snapshot:
        found = self.snapshots.get(checks.name_of(identifier, "cluster-snapshot"))
        if found is None:
            raise AwsError("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {identifier} not found.")
        return found

    def subnet_group(self, name: str) -> SubnetGroup:
        found = self.subnet_groups.get(name.lower())
        if found is None:
            raise AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
        return found

    def members(self, cluster: Cluster) -> list[Instance]:
        with self.lock:
            return [instance for instance in self.instances.values() if instance.cluster is cluster]

    # Clusters and their servers

    def require_new_cluster(self, identifier: str) -> None:
        """Refuses a name that is in use, or that a renaming has claimed."""
        claimed = {cluster.next_name for cluster in self.clusters.values()}
        if identifier in self.clusters or identifier in claimed:
            raise AwsError("DBClusterAlreadyExistsFault", "DB Cluster already exists")

    def require_room(self, kind: str, used: int, code: str) -> None:
        if used >= self.quotas[kind]:
            raise AwsError(code, f"This request would exceed your quota of {self.quotas[kind]} {kind}.")

    def new_server(self, resource_id: str) -> postgres.Server:
        assert self._authority is not None, "the service was not started"
        return postgres.Server(self.storage / resource_id, self.logs / f"{resource_id}.log",
                               self._authority, self._admin_password)

    def create_storage(self, cluster: Cluster) -> None:
        """Gives a new cluster an empty database: the first one made, copied for each."""
        with self._making_storage:
            if not self._empty.exists():
                postgres.initialize(self._empty, self._admin_password)
        cluster.server.restore(self._empty)

    def zones(self, options: Options) -> list[str]:
        return options.availability_zones or sorted(set(self.subnet_group(options.subnet_group).subnets.values()))

    def present(self, cluster: Cluster) -> None:
        """Has the cluster's server show a certificate for its present endpoints."""
        names = [cluster.endpoint, cluster.reader_endpoint]
        names += [instance.endpoint for instance in self.members(cluster)]
        cluster.server.present(names, cluster.flaw)

    def serve(self, cluster: Cluster) -> None:
        """Starts the cluster's server if it should run, and tells it what it has yet to learn."""
        server = cluster.server
        with cluster.serving:
            if cluster.cut_off:
                return
            server.access = self._logins.rule(cluster.resource_id) if cluster.options.iam_authentication else ""
            self.present(cluster)
            started = not server.running
            if started:
                cluster.replicates = self.parameter_groups[cluster.options.parameter_group].get(LOGICAL) == "1"
                server.settings = _REPLICATION[cluster.replicates] | cluster.configured
            server.start()
            if cluster.new_password is not None:
                server.set_master(cluster.master_username, cluster.new_password)
                cluster.new_password = None
            if started:
                server.set_superuser(cluster.master_username, cluster.replicates)
            if cluster.new_database is not None:
                server.create_database(cluster.new_database, cluster.master_username)
                cluster.new_database = None

    def _may_log_in(self, resource_id: str, user: str, token: str) -> bool:
        """Whether an IAM token lets a user into the cluster of that resource id."""
        with self.lock:
            found = [cluster for cluster in self.clusters.values() if cluster.resource_id == resource_id]
        if not found:
            return False
        cluster, world = found[0], self.world
        names = [cluster.endpoint, cluster.reader_endpoint, *(i.endpoint for i in self.members(cluster))]
        hosts = {f"{name}:{cluster.server.port}" for name in names}
        return token_is_valid(token, user, hosts, Authenticator(world.keyring, world.settings, world.clock))

    def rest(self, cluster: Cluster) -> None:
        """Stops the cluster's server once no instance is available."""
        if not any(instance.status == AVAILABLE for instance in self.members(cluster)):
            cluster.server.stop()

    def await_no_members(self, cluster: Cluster) -> None:
        while self.members(cluster) and not self._stopping.wait(0.05):
            pass

    def seed_subnet_group(self, name: str, description: str) -> SubnetGroup:
        region = self.world.settings.region
        subnets = {f"subnet-0{random_id(16, '0123456789abcdef')}": f"{region}{letter}" for letter in "abc"}
        group = SubnetGroup(name, description, self.arn(f"subgrp:{name}"), subnets)
        self.subnet_groups[name] = group
        return group

    def seed_parameter_group(self, name: str, **parameters: str) -> None:
        self.parameter_groups[name] = dict(parameters)


def _percent(left: float, whole: float) -> int:
    return 99 if left <= 0 or whole <= 0 else int(99 * (1 - left / whole))
