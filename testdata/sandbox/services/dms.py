"""DMS's homogeneous data migrations: instance profiles, data providers, projects, and migrations that move rows.

What is made is there at once, but for data migrations, which take time to be made, to start, to run and to be deleted.
Nothing is validated, neither by DMS nor here. What can go wrong with a migration is ordered by control_trouble.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from migration import End, MigrationError, Mover, lose_rows, read_rules
from service import AwsError, Call, Service, World, now, page, random_id

CREATING, READY, STARTING, RUNNING = "CREATING", "READY", "STARTING", "RUNNING"
STOPPING, STOPPED, FAILED, DELETING = "STOPPING", "STOPPED", "FAILED", "DELETING"
_REST = (READY, STOPPED, FAILED)
_NAME = re.compile("[A-Za-z](?:-?[A-Za-z0-9])*")
_GROUP = re.compile("sg-[0-9a-f]{8,17}")
TROUBLES = {
    "fail": "it fails in the middle of the load with `reason`",
    "stall": "the load goes no further, until `release` or StopDataMigration",
    "lose": "rows do not arrive, and DMS says that all is well",
    "unreachable": "the source cannot be connected to",
    "role": "the role that reads the secrets is refused",
}


@dataclass
class Thing:
    """Whatever DMS keeps: `shown` is what Describe says of it."""

    name: str
    arn: str
    shown: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=now)


@dataclass
class Migration(Thing):
    project: str = ""                   # ARN
    kind: str = "full-load"
    preparation: str = "drop-tables-on-target"
    rules: str | None = None
    status: str = CREATING
    percent: int = 0
    loaded: int = 0
    loading: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    failure: str | None = None
    stop_reason: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    trouble: dict[str, Any] | None = None

    def describe(self, settings: bool, statistics: bool) -> dict[str, Any]:
        shown = self.shown | {
            "DataMigrationStatus": self.status, "DataMigrationStartTime": self.started,
            "DataMigrationEndTime": self.ended, "LastFailureMessage": self.failure, "StopReason": self.stop_reason}
        if not settings:
            del shown["DataMigrationSettings"]
        if statistics and self.started is not None:
            until = self.ended or now()
            shown["DataMigrationStatistics"] = {
                "FullLoadPercentage": self.percent, "TablesLoaded": self.loaded, "TablesLoading": self.loading,
                "TablesQueued": 0, "TablesErrored": int(self.status == FAILED), "StartTime": self.started,
                "ElapsedTimeMillis": int((until - self.started).total_seconds() * 1000), "StopTime": self.ended}
        return {name: value for name, value in shown.items() if value is not None}


class Dms(Service):
    name = "dms"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._profiles: dict[str, Thing] = {}
        self._providers: dict[str, Thing] = {}
        self._projects: dict[str, Thing] = {}
        self._migrations: dict[str, Migration] = {}
        self._subnet_groups: set[str] = set()
        self._troubles: list[dict[str, Any]] = []
        self._released = threading.Event()
        self._stopping = threading.Event()
        self._jobs: set[threading.Thread] = set()
        self._made: list[str] = []

    def stop(self) -> None:
        self._stopping.set()
        for job in list(self._jobs):
            job.join(timeout=60)

    def seed_subnet_group(self, name: str) -> None:
        """A replication subnet group."""
        self._subnet_groups.add(name)

    # Instance profiles

    def CreateInstanceProfile(self, call: Call) -> dict[str, Any]:
        group, groups = call.get("SubnetGroupIdentifier", "default"), call.get("VpcSecurityGroups", [])
        profile = self._new(call, "InstanceProfile", "instance-profile", self._profiles)
        if group != "default" and group not in self._subnet_groups:
            raise _not_found("Replication subnet group", group)
        if not all(_GROUP.fullmatch(name) for name in groups):
            raise AwsError("ValidationException", "The security group id is not valid.")
        profile.shown |= {"PubliclyAccessible": call.get("PubliclyAccessible", True), "SubnetGroupIdentifier": group,
                          "VpcSecurityGroups": groups, "NetworkType": call.get("NetworkType", "IPV4"),
                          "Description": call.get("Description")}
        return {"InstanceProfile": self._keep(self._profiles, profile)}

    def DescribeInstanceProfiles(self, call: Call) -> dict[str, Any]:
        return self._describe(call, "InstanceProfiles", self._profiles, {"instance-profile-identifier": _names})

    def DeleteInstanceProfile(self, call: Call) -> dict[str, Any]:
        profile = _find(self._profiles, call.params["InstanceProfileIdentifier"], "Instance profile")
        self._require_unused(profile, "Instance profile")
        return {"InstanceProfile": self._profiles.pop(profile.arn).shown}

    # Data providers

    def CreateDataProvider(self, call: Call) -> dict[str, Any]:
        provider = self._new(call, "DataProvider", "data-provider", self._providers)
        settings = call.params["Settings"].get("PostgreSqlSettings")
        if settings is None or call.params["Engine"] not in ("postgres", "aurora-postgresql"):
            raise AwsError("NotImplemented", "the sandbox has PostgreSQL only", 501)
        if settings.get("SslMode", "none") not in ("none", "require"):
            raise AwsError("NotImplemented", "the sandbox has no certificates of DMS", 501)
        if not {"ServerName", "Port", "DatabaseName"} <= set(settings):
            raise AwsError("ValidationException", "ServerName, Port and DatabaseName must be specified.")
        provider.shown |= {"Engine": call.params["Engine"], "Description": call.get("Description"),
                           "Settings": {"PostgreSqlSettings": {"SslMode": "none", **settings}}}
        return {"DataProvider": self._keep(self._providers, provider)}

    def DescribeDataProviders(self, call: Call) -> dict[str, Any]:
        return self._describe(call, "DataProviders", self._providers, {"data-provider-identifier": _names})

    def DeleteDataProvider(self, call: Call) -> dict[str, Any]:
        provider = _find(self._providers, call.params["DataProviderIdentifier"], "Data provider")
        self._require_unused(provider, "Data provider")
        return {"DataProvider": self._providers.pop(provider.arn).shown}

    # Projects

    def CreateMigrationProject(self, call: Call) -> dict[str, Any]:
        project = self._new(call, "MigrationProject", "migration-project", self._projects)
        profile = _find(self._profiles, call.params["InstanceProfileIdentifier"], "Instance profile")
        project.shown |= {"InstanceProfileArn": profile.arn, "InstanceProfileName": profile.name,
                          "Description": call.get("Description")}
        for side in ("SourceDataProviderDescriptors", "TargetDataProviderDescriptors"):
            if len(call.params[side]) != 1:
                raise AwsError("ValidationException", f"{side} must have exactly one element.")
            descriptor = dict(call.params[side][0])
            provider = _find(self._providers, descriptor.pop("DataProviderIdentifier"), "Data provider")
            project.shown[side] = [descriptor | {"DataProviderName": provider.name, "DataProviderArn": provider.arn}]
        return {"MigrationProject": self._keep(self._projects, project)}

    def DescribeMigrationProjects(self, call: Call) -> dict[str, Any]:
        def profile(thing: Thing) -> set[str]:
            return {thing.shown["InstanceProfileArn"], thing.shown["InstanceProfileName"]}

        return self._describe(call, "MigrationProjects", self._projects, {
            "migration-project-identifier": _names, "instance-profile-identifier": profile,
            "data-provider-identifier": _providers_of})

    def DeleteMigrationProject(self, call: Call) -> dict[str, Any]:
        project = _find(self._projects, call.params["MigrationProjectIdentifier"], "Migration project")
        if any(migration.project == project.arn for migration in self._migrations.values()):
            raise AwsError("InvalidResourceStateFault", f"Migration project {project.name} has data migrations.")
        return {"MigrationProject": self._projects.pop(project.arn).shown}

    # Data migrations

    def CreateDataMigration(self, call: Call) -> dict[str, Any]:
        params = call.params
        project = _find(self._projects, params["MigrationProjectIdentifier"], "Migration project")
        thing = self._new(call, "DataMigration", "data-migration", self._migrations)
        try:
            read_rules(params.get("SelectionRules"))
        except ValueError as error:
            raise AwsError("InvalidOperationFault", str(error)) from error
        modes = [setting["TablePreparationMode"] for setting in params.get("TargetDataSettings", [])
                 if "TablePreparationMode" in setting]
        settings = {"CloudwatchLogsEnabled": params.get("EnableCloudwatchLogs", False),
                    "SelectionRules": params.get("SelectionRules"), "NumberOfJobs": params.get("NumberOfJobs")}
        migration = Migration(thing.name, thing.arn, thing.shown, thing.tags, project=project.arn,
                              kind=params["DataMigrationType"], rules=params.get("SelectionRules"),
                              preparation=modes[0] if modes else "drop-tables-on-target")
        del migration.shown["DataMigrationCreationTime"]
        migration.shown |= {
            "DataMigrationCreateTime": migration.created, "ServiceAccessRoleArn": params["ServiceAccessRoleArn"],
            "MigrationProjectArn": project.arn, "DataMigrationType": migration.kind,
            "DataMigrationSettings": {name: value for name, value in settings.items() if value is not None},
            "SourceDataSettings": params.get("SourceDataSettings", []),
            "TargetDataSettings": params.get("TargetDataSettings", [])}
        self._keep(self._migrations, migration)
        self._job(lambda: self._become(migration, CREATING, READY))
        return self._shown(migration)

    def DescribeDataMigrations(self, call: Call) -> dict[str, Any]:
        def project(thing: Thing) -> set[str]:
            arn = self._migrations[thing.arn].project
            return {arn, self._projects[arn].name}

        return self._describe(call, "DataMigrations", self._migrations, {
            "data-migration-identifier": _names, "data-migration-name": _names, "data-migration-arn": _names,
            "migration-project-identifier": project})

    def StartDataMigration(self, call: Call) -> dict[str, Any]:
        migration, start = self._migration(call), call.params["StartType"]
        if migration.status not in _REST or (start != "start-replication" and migration.status == READY):
            raise _wrong_state(migration)
        if start == "resume-processing" and migration.kind == "full-load":
            raise AwsError("InvalidOperationFault", "A full load cannot be resumed.")
        migration.status, migration.started, migration.ended = STARTING, now(), None
        migration.percent = migration.loaded = migration.loading = 0
        migration.failure = migration.stop_reason = None
        migration.stop.clear()
        migration.trouble = self._troubles.pop(0) if self._troubles else None
        self._job(lambda: self._run(migration))
        return self._shown(migration)

    def StopDataMigration(self, call: Call) -> dict[str, Any]:
        migration = self._migration(call)
        if migration.status not in (STARTING, RUNNING):
            raise _wrong_state(migration)
        migration.status = STOPPING
        migration.stop.set()
        return self._shown(migration)

    def DeleteDataMigration(self, call: Call) -> dict[str, Any]:
        migration = self._migration(call)
        if migration.status not in _REST:
            raise _wrong_state(migration)
        migration.status = DELETING

        def delete() -> None:
            self._stay(0.5)
            with self.lock:
                self._migrations.pop(migration.arn)
        self._job(delete)
        return self._shown(migration)

    # Tags

    def ListTagsForResource(self, call: Call) -> dict[str, Any]:
        arns = call.get("ResourceArnList") or [call.get("ResourceArn", "")]
        found = []
        for arn in arns:
            holders = [things[arn] for things in self._all() if arn in things]
            if not holders:
                raise _not_found("Resource", arn)
            found += [{"Key": key, "Value": value, "ResourceArn": arn} for key, value in holders[0].tags.items()]
        return {"TagList": found}

    # Control

    def control_subnet_group(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes a replication subnet group: {"name": N}."""
        self.seed_subnet_group(args["name"])
        return {"groups": sorted(self._subnet_groups)}

    def control_trouble(self, args: dict[str, Any]) -> dict[str, Any]:
        """What the next start of a migration meets: {"mode": one of TROUBLES, "reason"}."""
        if args["mode"] not in TROUBLES:
            raise ValueError(f"mode must be one of {', '.join(TROUBLES)}")
        self._troubles.append({"reason": "The storage of the migration's environment is full", **args})
        return {"troubles": len(self._troubles)}

    def control_release(self, args: dict[str, Any]) -> dict[str, Any]:
        """Takes back all troubles, and lets stalled loads go on."""
        self._troubles.clear()
        self._released.set()
        self._released = threading.Event()
        return {}

    def control_things(self, args: dict[str, Any]) -> dict[str, Any]:
        """All that is there, by name, and how often anything was ever made."""
        named = {kind: sorted(thing.name for thing in things.values())
                 for kind, things in zip(("profiles", "providers", "projects", "migrations"), self._all())}
        return named | {"made": len(self._made), "status": {m.name: m.status for m in self._migrations.values()}}

    # Keeping and finding

    def _all(self) -> tuple[dict[str, Any], ...]:
        return self._profiles, self._providers, self._projects, self._migrations

    def _new(self, call: Call, kind: str, resource: str, things: dict[str, Any]) -> Thing:
        identifier = random_id(26)
        name = call.get(f"{kind}Name", f"{resource}-{identifier.lower()}")
        if not _NAME.fullmatch(name) or len(name) > 255:
            raise AwsError("ValidationException", f"The name {name} is not valid: it must begin with a letter, hold only "
                           "ASCII letters, digits and hyphens, not two hyphens in a row, and end with none.")
        if any(thing.name == name for thing in things.values()):
            raise AwsError("ResourceAlreadyExistsFault", f"{kind} with name {name} already exists.")
        thing = Thing(name, self.arn(f"{resource}:{identifier}"), {},
                      {tag["Key"]: tag.get("Value", "") for tag in call.get("Tags", [])})
        thing.shown = {f"{kind}Name": name, f"{kind}Arn": thing.arn, f"{kind}CreationTime": thing.created}
        return thing

    def _keep(self, things: dict[str, Any], thing: Thing) -> dict[str, Any]:
        thing.shown = {name: value for name, value in thing.shown.items() if value is not None}
        things[thing.arn] = thing
        self._made.append(thing.arn)
        return thing.shown

    def _describe(self, call: Call, member: str, things: dict[str, Any],
                  filters: dict[str, Callable[[Thing], set[str]]]) -> dict[str, Any]:
        chosen = list(things.values())
        for wanted in call.get("Filters", []):
            if wanted["Name"] not in filters:
                raise AwsError("ValidationException", f"The filter {wanted['Name']} is not supported.")
            chosen = [thing for thing in chosen if filters[wanted["Name"]](thing) & set(wanted["Values"])]
        if call.get("Filters") and not chosen:
            raise _not_found(member, ", ".join(call.params["Filters"][0]["Values"]))
        limit = call.get("MaxRecords", 100)
        if not 20 <= limit <= 100:
            raise AwsError("ValidationException", f"Invalid value {limit} for MaxRecords. Must be between 20 and 100")
        found, marker = page(chosen, lambda thing: thing.arn, limit, call.get("Marker"))
        shown = [thing.describe(not call.get("WithoutSettings"), not call.get("WithoutStatistics"))
                 if isinstance(thing, Migration) else thing.shown for thing in found]
        return {member: shown, "Marker": marker}

    def _migration(self, call: Call) -> Migration:
        found = _find(self._migrations, call.params["DataMigrationIdentifier"], "Data migration")
        assert isinstance(found, Migration)
        return found

    @staticmethod
    def _shown(migration: Migration) -> dict[str, Any]:
        return {"DataMigration": migration.describe(True, True)}

    def _require_unused(self, thing: Thing, what: str) -> None:
        used = [project for project in self._projects.values()
                if thing.arn in _providers_of(project) | {project.shown["InstanceProfileArn"]}]
        if used:
            raise AwsError("InvalidResourceStateFault", f"{what} {thing.name} is in use by the migration project "
                                                        f"{used[0].name}.")

    # Running

    def _job(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                self._jobs.discard(threading.current_thread())
        thread = threading.Thread(target=run, daemon=True)
        self._jobs.add(thread)
        thread.start()

    def _stay(self, share: float, stop: threading.Event | None = None) -> bool:
        """Stays for a share of a transition. False: stopped meanwhile."""
        end = time.monotonic() + share * self.world.settings.seconds
        while not self._stopping.is_set() and not (stop is not None and stop.is_set()):
            left = end - time.monotonic()
            if left <= 0:
                return True
            self._stopping.wait(min(left, 0.02))
        return False

    def _become(self, migration: Migration, before: str, after: str) -> None:
        self._stay(0.5)
        with self.lock:
            if migration.status == before:
                migration.status = after

    def _run(self, migration: Migration) -> None:
        try:
            mover = self._mover(migration)
            if self._stay(1.0, migration.stop):
                with self.lock:
                    migration.status = RUNNING if migration.status == STARTING else migration.status
                self._move(migration, mover)
            self._end(migration, STOPPED)
        except (MigrationError, psycopg.Error) as error:
            self._end(migration, FAILED, " ".join(str(error).split()))

    def _end(self, migration: Migration, status: str, failure: str | None = None) -> None:
        with self.lock:
            migration.status, migration.failure, migration.ended = status, failure, now()
            migration.loading = 0
            if status == STOPPED:
                migration.stop_reason = ("Stop Reason STOPPED_BY_USER" if migration.stop.is_set()
                                         else "Stop Reason FULL_LOAD_ONLY_FINISHED")

    def _mover(self, migration: Migration) -> Mover:
        """Reads the secrets: what they hold now is what the whole run works with."""
        with self.lock:
            project = self._projects[migration.project]
            ends = [self._end_of(side, project.shown[f"{side}DataProviderDescriptors"][0], migration)
                    for side in ("Source", "Target")]
        return Mover(ends[0], ends[1], read_rules(migration.rules), migration.preparation)

    def _end_of(self, side: str, descriptor: dict[str, Any], migration: Migration) -> End:
        settings = self._providers[descriptor["DataProviderArn"]].shown["Settings"]["PostgreSqlSettings"]
        roles = (descriptor.get("SecretsManagerAccessRoleArn", ""), migration.shown["ServiceAccessRoleArn"])
        for role in roles:
            refused = migration.trouble is not None and migration.trouble["mode"] == "role" and role == roles[0]
            if refused or not self.world.service("sts").has_role(role):
                raise MigrationError(f"Unable to assume the role {role}: check that its trust policy names "
                                     "dms-data-migrations.amazonaws.com and DMS of this region")
        try:
            content = json.loads(self.world.service("secretsmanager").current(descriptor["SecretsManagerSecretId"]))
            user, password = content["username"], content["password"]
        except (AwsError, KeyError, ValueError) as error:
            raise MigrationError(f"The secret of the {side.lower()} database cannot be read: {error}") from error
        return End(side, settings["ServerName"], self._port(side, settings, migration), settings["DatabaseName"],
                   "require" if settings["SslMode"] == "require" else "disable", user, password)

    def _port(self, side: str, settings: dict[str, Any], migration: Migration) -> int:
        """Names resolve to clusters of this sandbox only."""
        rds = self.world.service("rds")
        names = {name for cluster in list(rds.clusters.values()) for name in (cluster.endpoint, cluster.reader_endpoint)}
        cut = side == "Source" and migration.trouble is not None and migration.trouble["mode"] == "unreachable"
        if settings["ServerName"] not in names or cut:
            raise MigrationError(f"{side} database {settings['ServerName']} cannot be connected to: timeout expired")
        return int(settings["Port"])

    def _move(self, migration: Migration, mover: Mover) -> None:
        trouble = migration.trouble or {"mode": None}
        released = self._released

        def progress(percent: int) -> bool:
            migration.percent = percent
            migration.loading, migration.loaded = (0, len(tables)) if percent == 100 else (len(tables), 0)
            if percent == 50 and trouble["mode"] == "fail":
                raise MigrationError(trouble["reason"])
            while percent == 50 and trouble["mode"] == "stall" and not released.is_set():
                if not self._stay(0.1, migration.stop):
                    return False
            return percent == 100 or self._stay(0.5, migration.stop)

        tables = mover.check()
        if migration.kind == "full-load":
            mover.load(tables, progress)
            if trouble["mode"] == "lose":
                lose_rows(mover.target, tables)
        else:
            self._replicate(migration, mover, tables)

    def _replicate(self, migration: Migration, mover: Mover, tables: list[Any]) -> None:
        """Until it is stopped."""
        clusters = list(self.world.service("rds").clusters.values())
        (server,) = (c.server for c in clusters if mover.target.host in (c.endpoint, c.reader_endpoint))
        with server.connect(mover.target.database) as admin:
            try:
                mover.replicate(tables, admin, migration.kind == "full-load-and-cdc")
                while self._stay(0.1, migration.stop):
                    if migration.percent < 100 and mover.copied(admin):
                        migration.percent, migration.loaded = 100, len(tables)
            finally:
                mover.end_replication(admin)


def _find(things: dict[str, Any], identifier: str, what: str) -> Any:
    """By name or ARN."""
    for thing in things.values():
        if identifier in (thing.name, thing.arn):
            return thing
    raise _not_found(what, identifier)


def _names(thing: Thing) -> set[str]:
    return {thing.name, thing.arn}


def _providers_of(project: Thing) -> set[str]:
    descriptors = project.shown["SourceDataProviderDescriptors"] + project.shown["TargetDataProviderDescriptors"]
    return {descriptor[name] for descriptor in descriptors for name in ("DataProviderArn", "DataProviderName")}


def _not_found(what: str, identifier: str) -> AwsError:
    return AwsError("ResourceNotFoundFault", f"{what} {identifier} not found.")


def _wrong_state(migration: Migration) -> AwsError:
    return AwsError("InvalidResourceStateFault", f"Data migration {migration.name} is {migration.status}.")
