"""Homogeneous data migrations: DMS's rules, its states, and rows that really move."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from conftest import Sandbox, code
from test_rds import until

GROUP = "dms-tests"
RULES = {"rules": [{"rule-type": "selection", "rule-action": "include", "rule-id": "1", "rule-name": "1", "filters": [],
                    "object-locator": {"schema-name": "public", "table-name": "items"}}]}


class Deployment:
    """An old cluster with rows, a new one without, and roles for DMS."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.dms = sandbox, sandbox.client("dms")
        self.summary: dict[str, Any] = sandbox.control("seed", bots=4, rows=60, users=6, empty_new_cluster=True)
        self.old, self.new = self.summary["old_cluster"], self.summary["cluster"]
        sandbox.control("dms/subnet_group", name=GROUP)
        self.role = sandbox.control("sts/role", name="dms")["arn"]
        self.secrets = sandbox.client("secretsmanager")
        self.ends = {"source": (self.old, self._secret("old")), "target": (self.new, self.summary["secret"])}
        self.made: list[tuple[str, str]] = []

    def _secret(self, name: str) -> str:
        text = json.dumps({"username": "postgres", "password": self.summary["passwords"][self.old]})
        return str(self.secrets.create_secret(Name=name, SecretString=text)["ARN"])

    def session(self, cluster: str) -> psycopg.Connection[Any]:
        access = self.sandbox.control("rds/connection", cluster=cluster)
        return psycopg.connect(host=access["PGHOST"], hostaddr=access["PGHOSTADDR"], port=access["PGPORT"],
                               user=access["PGUSER"], password=access["PGPASSWORD"], dbname=access["PGDATABASE"],
                               sslmode="require", application_name=access["PGAPPNAME"], autocommit=True)

    def rows(self, cluster: str) -> list[Any]:
        with self.session(cluster) as session:
            return session.execute("SELECT id, botid, content, source, embedding::text FROM items ORDER BY 1").fetchall()

    def provider(self, side: str, name: str, **settings: Any) -> str:
        cluster, _ = self.ends[side]
        (found,) = self.sandbox.client("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
        chosen = {"ServerName": found["Endpoint"], "Port": found["Port"], "DatabaseName": "postgres",
                  "SslMode": "require", **settings}
        made = self.dms.create_data_provider(DataProviderName=name, Engine="aurora-postgresql",
                                             Settings={"PostgreSqlSettings": chosen})["DataProvider"]
        self.made.insert(0, ("data_provider", made["DataProviderArn"]))
        return str(made["DataProviderArn"])

    def profile(self, name: str, **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.dms.create_instance_profile(
            InstanceProfileName=name, SubnetGroupIdentifier=GROUP, **more)["InstanceProfile"]
        self.made.insert(0, ("instance_profile", made["InstanceProfileArn"]))
        return made

    def project(self, name: str, role: str | None = None, **settings: Any) -> str:
        profile = self.profile(f"{name}-profile", PubliclyAccessible=False)
        sides = {}
        for side, (_, secret) in self.ends.items():
            sides[side] = [{"DataProviderIdentifier": self.provider(side, f"{name}-{side}", **settings.get(side, {})),
                            "SecretsManagerSecretId": secret, "SecretsManagerAccessRoleArn": role or self.role}]
        made = self.dms.create_migration_project(
            MigrationProjectName=name, InstanceProfileIdentifier=profile["InstanceProfileName"],
            SourceDataProviderDescriptors=sides["source"], TargetDataProviderDescriptors=sides["target"],
            Tags=[{"Key": "made-by", "Value": "a test"}])["MigrationProject"]
        self.made.insert(0, ("migration_project", made["MigrationProjectArn"]))
        return str(made["MigrationProjectArn"])

    def migration(self, project: str, name: str, kind: str = "full-load", mode: str | None = "do-nothing") -> str:
        more = {"TargetDataSettings": [{"TablePreparationMode": mode}]} if mode else {}
        made = self.dms.create_data_migration(
            DataMigrationName=name, MigrationProjectIdentifier=project, DataMigrationType=kind,
            ServiceAccessRoleArn=self.role, SelectionRules=json.dumps(RULES), **more)["DataMigration"]
        assert made["DataMigrationStatus"] == "CREATING" and isinstance(made["DataMigrationCreateTime"], datetime)
        self.await_status(name, "READY")
        return name

    def look(self, name: str) -> dict[str, Any]:
        filters = [{"Name": "data-migration-identifier", "Values": [name]}]
        (found,) = self.dms.describe_data_migrations(Filters=filters)["DataMigrations"]
        result: dict[str, Any] = found
        return result

    def await_status(self, name: str, *wanted: str) -> dict[str, Any]:
        until(lambda: self.look(name)["DataMigrationStatus"] in wanted)
        return self.look(name)

    def run(self, name: str, *wanted: str) -> dict[str, Any]:
        self.dms.start_data_migration(DataMigrationIdentifier=name, StartType="start-replication")
        return self.await_status(name, *(wanted or ("STOPPED",)))

    def clear(self) -> None:
        for migration in self.dms.describe_data_migrations()["DataMigrations"]:
            name = migration["DataMigrationName"]
            if migration["DataMigrationStatus"] in ("STARTING", "RUNNING"):
                self.dms.stop_data_migration(DataMigrationIdentifier=name)
                self.await_status(name, "STOPPED")
            self.dms.delete_data_migration(DataMigrationIdentifier=name)
        until(lambda: not self.dms.describe_data_migrations()["DataMigrations"])
        for kind in ("migration_project", "data_provider", "instance_profile"):
            for known, arn in self.made:
                if known == kind:
                    parameter = "".join(word.title() for word in kind.split("_")) + "Identifier"
                    getattr(self.dms, f"delete_{kind}")(**{parameter: arn})
        self.made.clear()
        with self.session(self.new) as session:
            session.execute("TRUNCATE items")


@pytest.fixture(scope="module")
def seeded(sandbox: Sandbox) -> Deployment:
    return Deployment(sandbox)


@pytest.fixture
def deployment(seeded: Deployment) -> Iterator[Deployment]:
    yield seeded
    seeded.sandbox.control("dms/release")
    seeded.clear()


def refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return code(caught)


def test_names_defaults_and_lists(deployment: Deployment) -> None:
    dms = deployment.dms
    assert deployment.profile("open")["PubliclyAccessible"] is True
    assert deployment.profile("closed", PubliclyAccessible=False)["PubliclyAccessible"] is False
    assert refused(dms.create_instance_profile, InstanceProfileName="open") == "ResourceAlreadyExistsFault"
    assert refused(dms.create_instance_profile, InstanceProfileName="two--hyphens") == "ValidationException"
    assert refused(dms.create_instance_profile, SubnetGroupIdentifier="nobodys") == "ResourceNotFoundFault"
    filters = [{"Name": "instance-profile-identifier", "Values": ["closed"]}]
    (found,) = dms.describe_instance_profiles(Filters=filters)["InstanceProfiles"]
    assert found["SubnetGroupIdentifier"] == GROUP and isinstance(found["InstanceProfileCreationTime"], datetime)
    filters = [{"Name": "instance-profile-identifier", "Values": ["none"]}]
    assert refused(dms.describe_instance_profiles, Filters=filters) == "ResourceNotFoundFault"
    for number in range(22):
        deployment.provider("source", f"provider-{number}")
    assert [len(part["DataProviders"]) for part in _pages(dms.describe_data_providers)] == [20, 2]


def _pages(call: Any) -> list[dict[str, Any]]:
    pages = [call(MaxRecords=20)]
    while "Marker" in pages[-1]:
        pages.append(call(MaxRecords=20, Marker=pages[-1]["Marker"]))
    return pages


def test_what_is_in_use_stays(deployment: Deployment) -> None:
    dms = deployment.dms
    project = deployment.project("used")
    assert refused(dms.delete_instance_profile, InstanceProfileIdentifier="used-profile") == "InvalidResourceStateFault"
    assert refused(dms.delete_data_provider, DataProviderIdentifier="used-source") == "InvalidResourceStateFault"
    deployment.migration(project, "moving")
    assert refused(dms.delete_migration_project, MigrationProjectIdentifier="used") == "InvalidResourceStateFault"
    assert refused(dms.stop_data_migration, DataMigrationIdentifier="moving") == "InvalidResourceStateFault"
    tags = dms.list_tags_for_resource(ResourceArnList=[project])["TagList"]
    assert tags == [{"Key": "made-by", "Value": "a test", "ResourceArn": project}]
    deployment.sandbox.control("dms/trouble", mode="stall")
    dms.start_data_migration(DataMigrationIdentifier="moving", StartType="start-replication")
    until(lambda: deployment.look("moving").get("DataMigrationStatistics", {}).get("FullLoadPercentage") == 50)
    assert refused(dms.delete_data_migration, DataMigrationIdentifier="moving") == "InvalidResourceStateFault"
    assert refused(dms.start_data_migration, DataMigrationIdentifier="moving",
                   StartType="start-replication") == "InvalidResourceStateFault"
    dms.stop_data_migration(DataMigrationIdentifier="moving")
    stopped = deployment.await_status("moving", "STOPPED")
    assert "USER" in stopped["StopReason"] and stopped["DataMigrationStatistics"]["FullLoadPercentage"] == 50
    assert deployment.rows(deployment.new) == []


def test_a_full_load_moves_rows_and_adds_to_what_is_there(deployment: Deployment) -> None:
    project = deployment.project("load")
    name = deployment.migration(project, "load")
    done = deployment.run(name)
    assert done["DataMigrationStatistics"]["FullLoadPercentage"] == 100 and "FINISHED" in done["StopReason"]
    rows = deployment.rows(deployment.new)
    assert rows == deployment.rows(deployment.old) and len(rows) == 60
    failed = deployment.run(name, "FAILED")
    assert "duplicate key" in failed["LastFailureMessage"] and deployment.rows(deployment.new) == rows
    deployment.run(deployment.migration(project, "again", mode="truncate"))
    assert deployment.rows(deployment.new) == rows
    deployment.run(deployment.migration(project, "anew", mode=None))
    assert deployment.rows(deployment.new) == rows


def test_secrets_are_read_at_the_start(deployment: Deployment) -> None:
    name = deployment.migration(deployment.project("secrets"), "secrets")
    _, secret = deployment.ends["target"]
    deployment.dms.start_data_migration(DataMigrationIdentifier=name, StartType="start-replication")
    before = json.loads(deployment.secrets.get_secret_value(SecretId=secret)["SecretString"])["password"]
    deployment.secrets.rotate_secret(SecretId=secret)
    failed = deployment.await_status(name, "FAILED")
    assert "password authentication failed" in failed["LastFailureMessage"]
    assert before not in failed["LastFailureMessage"]
    until(lambda: len(deployment.secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]) >= 2)
    assert deployment.run(name)["DataMigrationStatus"] == "STOPPED"


@pytest.mark.parametrize(("mode", "message"), [
    ("fail", "disk is full"), ("unreachable", "timeout expired"), ("role", "Unable to assume the role")])
def test_failures_say_why(deployment: Deployment, mode: str, message: str) -> None:
    name = deployment.migration(deployment.project("fails"), "fails")
    deployment.sandbox.control("dms/trouble", mode=mode, reason="the disk is full")
    assert message in deployment.run(name, "FAILED")["LastFailureMessage"]
    assert deployment.rows(deployment.new) == []


def test_rows_may_be_lost_and_nobody_says_so(deployment: Deployment) -> None:
    name = deployment.migration(deployment.project("loses"), "loses")
    deployment.sandbox.control("dms/trouble", mode="lose")
    done = deployment.run(name)
    assert done["DataMigrationStatistics"]["FullLoadPercentage"] == 100 and "LastFailureMessage" not in done
    assert len(deployment.rows(deployment.new)) == 54


def test_roles_must_be_there(deployment: Deployment) -> None:
    project = deployment.project("roleless", role="arn:aws:iam::123456789012:role/nobodys")
    failed = deployment.run(deployment.migration(project, "roleless"), "FAILED")
    assert "role/nobodys" in failed["LastFailureMessage"]


def test_replication_goes_on_until_it_is_stopped(deployment: Deployment) -> None:
    name = deployment.migration(deployment.project("follows"), "follows", kind="full-load-and-cdc")
    failed = deployment.run(name, "FAILED")
    assert "wal_level is replica" in failed["LastFailureMessage"]
    deployment.sandbox.control("rds/configure", cluster=deployment.old, settings={"wal_level": "logical"})
    deployment.dms.start_data_migration(DataMigrationIdentifier=name, StartType="reload-target")
    until(lambda: deployment.look(name).get("DataMigrationStatistics", {}).get("FullLoadPercentage") == 100)
    with deployment.session(deployment.old) as session:
        session.execute("UPDATE items SET content = 'written later' WHERE id = (SELECT min(id) FROM items)")
    until(lambda: deployment.rows(deployment.new) == deployment.rows(deployment.old))
    deployment.dms.stop_data_migration(DataMigrationIdentifier=name)
    deployment.await_status(name, "STOPPED")
    with deployment.session(deployment.old) as session:
        assert session.execute("SELECT 1 FROM pg_replication_slots UNION SELECT 1 FROM pg_publication").fetchall() == []
