"""RDS: states that take time, names that are taken, encryption, and real data behind it all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from conftest import Sandbox, code

PASSWORD = "first-password-1"
ENGINE = {"Engine": "aurora-postgresql"}
SCALING = {"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4}}
PATIENCE = 60.0


class Aurora:
    """A client of RDS that can wait, and connect to what it made."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.client = sandbox.client("rds")

    def cluster(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return found

    def instance(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    def snapshot(self, name: str) -> dict[str, Any]:
        described = self.client.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
        found: dict[str, Any] = described["DBClusterSnapshots"][0]
        return found

    def create(self, name: str, **more: Any) -> None:
        self.client.create_db_cluster(DBClusterIdentifier=name, MasterUsername="postgres", MasterUserPassword=PASSWORD,
                                      **ENGINE, **{**SCALING, **more})
        self.await_cluster(name)

    def add_instance(self, name: str, cluster: str) -> None:
        self.client.create_db_instance(DBInstanceIdentifier=name, DBClusterIdentifier=cluster,
                                       DBInstanceClass="db.serverless", **ENGINE)
        until(lambda: self.instance(name)["DBInstanceStatus"] == "available")

    def restore(self, name: str, snapshot: str, **more: Any) -> dict[str, Any]:
        restored: dict[str, Any] = self.client.restore_db_cluster_from_snapshot(
            DBClusterIdentifier=name, SnapshotIdentifier=snapshot, **ENGINE, **SCALING, **more)["DBCluster"]
        return restored

    def await_cluster(self, name: str, status: str = "available") -> None:
        until(lambda: self.cluster(name)["Status"] == status)

    def await_snapshot(self, name: str) -> None:
        until(lambda: self.snapshot(name)["Status"] == "available")

    def exists(self, name: str) -> bool:
        try:
            self.cluster(name)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "DBClusterNotFoundFault"
            return False
        return True

    def connect(self, name: str, password: str = PASSWORD, **more: Any) -> psycopg.Connection:
        described = self.cluster(name)
        options = {"sslmode": "verify-full", "sslrootcert": self.sandbox.state["ca"], "user": "postgres", **more}
        return psycopg.connect(host=described["Endpoint"], hostaddr="127.0.0.1", port=described["Port"],
                               password=password, dbname="postgres", autocommit=True, **options)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def aurora(sandbox: Sandbox) -> Aurora:
    return Aurora(sandbox)


@pytest.fixture(scope="module")
def filled(aurora: Aurora) -> str:
    """A cluster with an instance, a table of 1,000 rows, and the snapshot `filled-snapshot`."""
    aurora.create("filled", StorageEncrypted=False, Tags=[{"Key": "team", "Value": "a"}], CopyTagsToSnapshot=True)
    aurora.add_instance("filled-1", "filled")
    with aurora.connect("filled") as session:
        session.execute("CREATE TABLE numbers AS SELECT generate_series(1, 1000) AS n")
    aurora.client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="Filled-Snapshot",
                                             DBClusterIdentifier="FILLED")
    aurora.await_snapshot("filled-snapshot")
    aurora.await_cluster("filled")
    return "filled"


@pytest.fixture
def slow(sandbox: Sandbox) -> Iterator[None]:
    """Transitions that last long enough to be seen."""
    sandbox.control("rds/seconds", seconds=0.6)
    yield
    sandbox.control("rds/seconds", seconds=0.1)


def refused(call: Callable[..., Any], **params: Any) -> str:
    with pytest.raises(ClientError) as excinfo:
        call(**params)
    return code(excinfo)


# Data

def test_a_restored_cluster_holds_what_its_snapshot_held(aurora: Aurora, filled: str) -> None:
    with aurora.connect(filled) as session:
        session.execute("CREATE TABLE later (n int)")
    aurora.restore("copy", "filled-snapshot")
    aurora.await_cluster("copy")
    assert aurora.cluster("copy")["DBClusterMembers"] == []
    with pytest.raises(psycopg.OperationalError):
        aurora.connect("copy")
    aurora.add_instance("copy-1", "copy")
    with aurora.connect("copy") as session:
        assert session.execute("SELECT count(*), sum(n) FROM numbers").fetchone() == (1000, 500500)
        assert session.execute("SELECT to_regclass('later')").fetchone() == (None,)


def test_the_master_user_can_do_what_the_application_needs(aurora: Aurora, filled: str) -> None:
    with aurora.connect(filled) as session:
        session.execute("CREATE EXTENSION IF NOT EXISTS vector; CREATE EXTENSION IF NOT EXISTS pgcrypto")
        assert session.execute("SELECT '[1,2]'::vector <-> '[1,4]'").fetchone() == (2.0,)
        assert session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'postgres'").fetchone() == (False,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("COPY (SELECT 1) TO PROGRAM 'true'")


def test_connections_are_encrypted_or_refused(aurora: Aurora, filled: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="no pg_hba.conf entry"):
        aurora.connect(filled, sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        aurora.connect(filled, "wrong-password")


def test_a_token_of_iam_opens_a_database(sandbox: Sandbox, aurora: Aurora) -> None:
    aurora.create("tokens")
    aurora.add_instance("tokens-1", "tokens")
    described = aurora.cluster("tokens")

    def token(user: str, client: Any = aurora.client, host: str = described["Endpoint"]) -> str:
        return str(client.generate_db_auth_token(host, described["Port"], user))

    def opens(password: str, user: str = "reader") -> bool:
        try:
            aurora.connect("tokens", password, user=user).close()
        except psycopg.OperationalError:
            return False
        return True
    with aurora.connect("tokens") as session:
        session.execute("CREATE ROLE reader LOGIN; GRANT rds_iam TO reader; CREATE ROLE other LOGIN PASSWORD 'x'")
    assert not opens(token("reader"))
    aurora.client.modify_db_cluster(DBClusterIdentifier="tokens", EnableIAMDatabaseAuthentication=True)
    aurora.await_cluster("tokens")
    until(lambda: opens(token("reader")))
    stranger = sandbox.client("rds", sandbox.session_for(sandbox.state["access_key"], "wrong"))
    assert not opens(token("reader", stranger)) and not opens(token("other")) and not opens(token("other"), "other")
    assert not opens(token("reader", host="elsewhere.example.com")) and not opens("x")
    assert opens("x", "other") and opens(PASSWORD, "postgres")
    old = token("reader")
    sandbox.control("clock", offset=901)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(host=described["Endpoint"], hostaddr="127.0.0.1", port=described["Port"], user="reader",
                        password=old, dbname="postgres", sslmode="require")


@pytest.mark.parametrize(("flaw", "complaint"), [
    ("expired", "certificate verify failed"), ("wrong-name", "does not match host name"),
    ("self-signed", "certificate verify failed")])
def test_flawed_certificates(sandbox: Sandbox, aurora: Aurora, filled: str, flaw: str, complaint: str) -> None:
    sandbox.control("rds/certificate", cluster=filled, flaw=flaw)
    try:
        # The server reads its new certificate a moment after it was told.
        until(lambda: not connects(aurora, filled))
        with pytest.raises(psycopg.OperationalError, match=complaint):
            aurora.connect(filled)
        aurora.connect(filled, sslmode="require", sslrootcert="").close()
    finally:
        sandbox.control("rds/certificate", cluster=filled)
    until(lambda: connects(aurora, filled))


def connects(aurora: Aurora, name: str) -> bool:
    try:
        aurora.connect(name).close()
    except psycopg.OperationalError:
        return False
    return True


def test_writes_of_clients_are_counted_and_only_these(sandbox: Sandbox, aurora: Aurora, filled: str) -> None:
    sandbox.control("rds/reset-writes")
    with aurora.connect(filled) as session:
        session.execute("SELECT count(*) FROM numbers")
        session.execute("BEGIN; SET LOCAL work_mem = '8MB'; COMMIT")
        assert sandbox.control("rds/writes") == {"total": 0, "clusters": {}}
        session.execute("UPDATE numbers SET n = n + %s WHERE false", (1,))
        with session.cursor().copy("COPY numbers FROM STDIN") as copy:
            copy.write("")
        session.execute("CREATE TEMP TABLE t (a int)")
    assert sandbox.control("rds/writes")["total"] == 3


# Names

def test_a_rename_keeps_everything_but_the_name(aurora: Aurora, slow: None) -> None:
    aurora.create("before")
    aurora.add_instance("before-1", "before")
    old = aurora.cluster("before")
    answer = aurora.client.modify_db_cluster(DBClusterIdentifier="before", NewDBClusterIdentifier="After",
                                             ApplyImmediately=True)["DBCluster"]
    assert (answer["Status"], answer["PendingModifiedValues"]) == ("available", {"DBClusterIdentifier": "after"})
    assert refused(aurora.client.create_db_cluster, DBClusterIdentifier="after", MasterUsername="postgres",
                   MasterUserPassword=PASSWORD, **ENGINE) == "DBClusterAlreadyExistsFault"
    assert refused(aurora.client.modify_db_cluster, DBClusterIdentifier="before",
                   DeletionProtection=True) == "InvalidDBClusterStateFault"
    aurora.await_cluster("before", "renaming")
    until(lambda: not aurora.exists("before"))
    new = aurora.cluster("after")
    same = ("DbClusterResourceId", "Port", "ClusterCreateTime", "MasterUsername")
    assert [new[key] for key in same] == [old[key] for key in same]
    assert [member["DBInstanceIdentifier"] for member in new["DBClusterMembers"]] == ["before-1"]
    assert new["Endpoint"] == old["Endpoint"].replace("before.", "after.", 1)
    assert aurora.instance("before-1")["DBClusterIdentifier"] == "after"
    until(lambda: connects(aurora, "after"))


def test_a_rename_without_apply_immediately_waits(aurora: Aurora) -> None:
    aurora.create("patient")
    aurora.client.modify_db_cluster(DBClusterIdentifier="patient", NewDBClusterIdentifier="renamed-later")
    time.sleep(0.5)
    assert aurora.cluster("patient")["PendingModifiedValues"] == {"DBClusterIdentifier": "renamed-later"}
    aurora.client.modify_db_cluster(DBClusterIdentifier="patient", ApplyImmediately=True)
    until(lambda: aurora.exists("renamed-later"))


def test_names_in_use_are_refused(aurora: Aurora, filled: str) -> None:
    aurora.create("other")
    client = aurora.client
    assert refused(client.create_db_cluster, DBClusterIdentifier="Filled", MasterUsername="postgres",
                   MasterUserPassword=PASSWORD, **ENGINE) == "DBClusterAlreadyExistsFault"
    assert refused(aurora.restore, name="filled", snapshot="filled-snapshot") == "DBClusterAlreadyExistsFault"
    assert refused(client.modify_db_cluster, DBClusterIdentifier="other", NewDBClusterIdentifier="filled",
                   ApplyImmediately=True) == "DBClusterAlreadyExistsFault"
    assert refused(client.create_db_cluster_snapshot, DBClusterSnapshotIdentifier="filled-snapshot",
                   DBClusterIdentifier="other") == "DBClusterSnapshotAlreadyExistsFault"
    assert refused(client.create_db_instance, DBInstanceIdentifier="filled-1", DBClusterIdentifier="other",
                   DBInstanceClass="db.serverless", **ENGINE) == "DBInstanceAlreadyExists"


@pytest.mark.parametrize("name", ["1st", "a--b", "a-", "under_score", "x" * 64, "ümlaut"])
def test_bad_names(aurora: Aurora, name: str) -> None:
    assert refused(aurora.client.create_db_cluster, DBClusterIdentifier=name, MasterUsername="postgres",
                   MasterUserPassword=PASSWORD, **ENGINE) == "InvalidParameterValue"


@pytest.mark.parametrize(("call", "params", "expected"), [
    ("describe_db_clusters", {"DBClusterIdentifier": "nope"}, "DBClusterNotFoundFault"),
    ("describe_db_instances", {"DBInstanceIdentifier": "nope"}, "DBInstanceNotFound"),
    ("describe_db_cluster_snapshots", {"DBClusterSnapshotIdentifier": "nope"}, "DBClusterSnapshotNotFoundFault"),
    ("describe_db_subnet_groups", {"DBSubnetGroupName": "nope"}, "DBSubnetGroupNotFoundFault"),
    ("delete_db_cluster", {"DBClusterIdentifier": "nope", "SkipFinalSnapshot": True}, "DBClusterNotFoundFault"),
    ("delete_db_cluster", {"DBClusterIdentifier": "filled"}, "InvalidParameterCombination"),
    ("delete_db_cluster", {"DBClusterIdentifier": "filled", "SkipFinalSnapshot": True,
                           "FinalDBSnapshotIdentifier": "x"}, "InvalidParameterCombination"),
    ("delete_db_cluster", {"DBClusterIdentifier": "filled", "SkipFinalSnapshot": True}, "InvalidDBClusterStateFault"),
    ("delete_db_instance", {"DBInstanceIdentifier": "filled-1", "FinalDBSnapshotIdentifier": "x"},
     "InvalidParameterCombination"),
    ("describe_db_clusters", {"MaxRecords": 19}, "InvalidParameterValue"),
    ("describe_db_clusters", {"MaxRecords": 101}, "InvalidParameterValue"),
    ("describe_db_clusters", {"Marker": "*"}, "InvalidParameterValue"),
    ("describe_db_clusters", {"Filters": [{"Name": "colour", "Values": ["x"]}]}, "InvalidParameterValue"),
    ("list_tags_for_resource", {"ResourceName": "filled"}, "InvalidParameterValue"),
    ("modify_db_cluster", {"DBClusterIdentifier": "filled", "MasterUserPassword": "short"}, "InvalidParameterValue"),
    ("modify_db_cluster", {"DBClusterIdentifier": "filled", "MasterUserPassword": "with a/slash"},
     "InvalidParameterValue"),
    ("modify_db_cluster", {"DBClusterIdentifier": "filled", "DBClusterParameterGroupName": "nope"},
     "DBClusterParameterGroupNotFound"),
])
def test_refusals(aurora: Aurora, filled: str, call: str, params: dict[str, Any], expected: str) -> None:
    assert refused(getattr(aurora.client, call), **params) == expected


@pytest.mark.parametrize(("more", "expected"), [
    ({"EngineVersion": "15.99"}, "InvalidParameterCombination"),
    ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
    ({"StorageEncrypted": True, "KmsKeyId": "alias/nope"}, "KMSKeyNotAccessibleFault"),
    ({"KmsKeyId": "alias/aws/rds"}, "InvalidParameterCombination"),
    ({"DBSubnetGroupName": "nope"}, "DBSubnetGroupNotFoundFault"),
    ({"Port": 80}, "InvalidParameterValue"),
    ({"VpcSecurityGroupIds": ["default"]}, "InvalidParameterValue"),
    ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidParameterValue"),
    ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 4, "MaxCapacity": 2}}, "InvalidParameterValue"),
    ({"GlobalClusterIdentifier": "worldwide"}, "NotImplemented"),
])
def test_refused_creations(aurora: Aurora, more: dict[str, Any], expected: str) -> None:
    params = {"MasterUsername": "postgres", "MasterUserPassword": PASSWORD, **ENGINE, **more}
    assert refused(aurora.client.create_db_cluster, DBClusterIdentifier="never", **params) == expected
    assert not aurora.exists("never")


# States

def test_states_take_their_time_and_are_enforced(aurora: Aurora, slow: None) -> None:
    client = aurora.client
    client.create_db_cluster(DBClusterIdentifier="slow", MasterUsername="postgres", MasterUserPassword=PASSWORD,
                             **ENGINE, **SCALING)
    assert aurora.cluster("slow")["Status"] == "creating"
    instance = {"DBInstanceIdentifier": "slow-1", "DBClusterIdentifier": "slow", "DBInstanceClass": "db.serverless"}
    assert refused(client.create_db_instance, **instance, **ENGINE) == "InvalidDBClusterStateFault"
    aurora.await_cluster("slow")
    client.create_db_instance(**instance, **ENGINE)
    assert "Endpoint" not in aurora.instance("slow-1")
    assert refused(client.delete_db_instance, DBInstanceIdentifier="slow-1") == "InvalidDBInstanceState"
    until(lambda: aurora.instance("slow-1")["DBInstanceStatus"] == "available")
    client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="slow-s", DBClusterIdentifier="slow")
    assert aurora.cluster("slow")["Status"] == "backing-up"
    taken = aurora.snapshot("slow-s")
    assert taken["Status"] == "creating" and taken["PercentProgress"] < 100
    assert refused(aurora.restore, name="early", snapshot="slow-s") == "InvalidDBClusterSnapshotStateFault"
    assert refused(client.delete_db_cluster_snapshot,
                   DBClusterSnapshotIdentifier="slow-s") == "InvalidDBClusterSnapshotStateFault"
    aurora.await_cluster("slow")
    assert aurora.snapshot("slow-s")["PercentProgress"] == 100


def test_a_new_password_holds(aurora: Aurora) -> None:
    aurora.create("secretive")
    # Without an instance there is no server to tell: the password has to wait for it.
    aurora.client.modify_db_cluster(DBClusterIdentifier="secretive", MasterUserPassword="second-password-2")
    aurora.await_cluster("secretive")
    aurora.add_instance("secretive-1", "secretive")
    aurora.connect("secretive", "second-password-2").close()
    answer = aurora.client.modify_db_cluster(DBClusterIdentifier="secretive", MasterUserPassword="third-password-3")
    assert answer["DBCluster"]["Status"] == "resetting-master-credentials"
    aurora.await_cluster("secretive")
    aurora.connect("secretive", "third-password-3").close()
    with pytest.raises(psycopg.OperationalError):
        aurora.connect("secretive", "second-password-2")


def test_deletion_takes_a_final_snapshot_and_everything_with_it(aurora: Aurora) -> None:
    aurora.create("mortal", DeletionProtection=True)
    aurora.add_instance("mortal-1", "mortal")
    with aurora.connect("mortal") as session:
        session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    aurora.client.delete_db_instance(DBInstanceIdentifier="mortal-1")
    final = {"DBClusterIdentifier": "mortal", "FinalDBSnapshotIdentifier": "last-words"}
    assert refused(aurora.client.delete_db_cluster, **final) == "InvalidParameterCombination"
    aurora.client.modify_db_cluster(DBClusterIdentifier="mortal", DeletionProtection=False)
    assert aurora.client.delete_db_cluster(**final)["DBCluster"]["Status"] == "deleting"
    until(lambda: not aurora.exists("mortal"))
    aurora.await_snapshot("last-words")
    aurora.restore("reborn", "last-words")
    aurora.await_cluster("reborn")
    aurora.add_instance("reborn-1", "reborn")
    with aurora.connect("reborn") as session:
        assert session.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_stopping_and_starting(aurora: Aurora) -> None:
    aurora.create("nightly")
    aurora.add_instance("nightly-1", "nightly")
    aurora.client.stop_db_cluster(DBClusterIdentifier="nightly")
    aurora.await_cluster("nightly", "stopped")
    assert not connects(aurora, "nightly")
    assert refused(aurora.client.modify_db_cluster, DBClusterIdentifier="nightly",
                   DeletionProtection=True) == "InvalidDBClusterStateFault"
    aurora.client.start_db_cluster(DBClusterIdentifier="nightly")
    aurora.await_cluster("nightly")
    assert connects(aurora, "nightly")


def test_a_failed_restore_can_only_be_deleted(sandbox: Sandbox, aurora: Aurora, filled: str) -> None:
    sandbox.control("rds/fail-restore", status="incompatible-restore")
    aurora.restore("broken", "filled-snapshot")
    aurora.await_cluster("broken", "incompatible-restore")
    assert refused(aurora.client.create_db_instance, DBInstanceIdentifier="broken-1", DBClusterIdentifier="broken",
                   DBInstanceClass="db.serverless", **ENGINE) == "InvalidDBClusterStateFault"
    aurora.client.delete_db_cluster(DBClusterIdentifier="broken", SkipFinalSnapshot=True)
    until(lambda: not aurora.exists("broken"))


def test_a_state_can_be_stuck(sandbox: Sandbox, aurora: Aurora) -> None:
    sandbox.control("rds/stick", status="creating")
    aurora.client.create_db_cluster(DBClusterIdentifier="stuck", MasterUsername="postgres",
                                    MasterUserPassword=PASSWORD, **ENGINE)
    time.sleep(1.5)
    assert aurora.cluster("stuck")["Status"] == "creating"
    sandbox.control("rds/release")
    aurora.await_cluster("stuck")


def test_an_unreachable_database(sandbox: Sandbox, aurora: Aurora, filled: str) -> None:
    sandbox.control("rds/stop-server", cluster=filled)
    assert aurora.cluster(filled)["Status"] == "available" and not connects(aurora, filled)
    sandbox.control("rds/start-server", cluster=filled)
    assert connects(aurora, filled)


# Encryption

def test_encryption_of_new_clusters(sandbox: Sandbox, aurora: Aurora) -> None:
    key = sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    managed = sandbox.client("kms").describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"]
    for name, asked, expected in (
            ("e-none", {}, (False, "sse-rds", None)),
            ("e-own", {"StorageEncrypted": True, "KmsKeyId": key.rpartition("/")[2]}, (True, "sse-kms", key)),
            ("e-managed", {"StorageEncrypted": True}, (True, "sse-kms", managed))):
        aurora.create(name, **asked)
        assert encryption(aurora.cluster(name)) == expected


def encryption(described: dict[str, Any]) -> tuple[bool, str, str | None]:
    return described["StorageEncrypted"], described["StorageEncryptionType"], described.get("KmsKeyId")


# Lists, tags, quotas

def test_pages(sandbox: Sandbox, aurora: Aurora) -> None:
    aurora.create("often")
    for _ in range(21):
        sandbox.control("rds/automated-snapshot", cluster="often")
    pages = list(aurora.client.get_paginator("describe_db_cluster_snapshots").paginate(
        SnapshotType="automated", PaginationConfig={"PageSize": 20}))
    assert [len(shown["DBClusterSnapshots"]) for shown in pages] == [20, 1]
    names = [snapshot["DBClusterSnapshotIdentifier"] for shown in pages for snapshot in shown["DBClusterSnapshots"]]
    assert len(set(names)) == 21 and all(name.startswith("rds:often-") for name in names)
    assert refused(aurora.client.delete_db_cluster_snapshot,
                   DBClusterSnapshotIdentifier=names[0]) == "InvalidDBClusterSnapshotStateFault"


def test_filters(aurora: Aurora, filled: str) -> None:
    arn = aurora.cluster(filled)["DBClusterArn"]
    found = aurora.client.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [arn]}])["DBInstances"]
    assert [instance["DBInstanceIdentifier"] for instance in found] == ["filled-1"]
    assert aurora.client.describe_db_clusters(DBClusterIdentifier=arn)["DBClusters"][0]["DBClusterArn"] == arn


def test_tags(aurora: Aurora, filled: str) -> None:
    arn = aurora.snapshot("filled-snapshot")["DBClusterSnapshotArn"]
    assert aurora.client.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "team", "Value": "a"}]
    aurora.client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "k", "Value": ""}])
    assert aurora.snapshot("filled-snapshot")["TagList"] == [{"Key": "team", "Value": "b"}, {"Key": "k", "Value": ""}]
    aurora.client.remove_tags_from_resource(ResourceName=arn, TagKeys=["team", "absent"])
    assert aurora.client.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "k", "Value": ""}]


def test_quotas(sandbox: Sandbox, aurora: Aurora, filled: str) -> None:
    was = sandbox.control("rds/quota", clusters=1, snapshots=1)
    try:
        with pytest.raises(ClientError) as excinfo:
            aurora.restore("too-many", "filled-snapshot")
        assert code(excinfo) == "DBClusterQuotaExceededFault"
        assert excinfo.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert refused(aurora.client.create_db_cluster_snapshot, DBClusterSnapshotIdentifier="too-many",
                       DBClusterIdentifier=filled) == "SnapshotQuotaExceeded"
    finally:
        sandbox.control("rds/quota", **{**was, "clusters": 40, "snapshots": 100})


def test_a_second_instance_is_a_reader_until_it_is_needed(aurora: Aurora) -> None:
    aurora.create("pair")
    aurora.add_instance("pair-1", "pair")
    aurora.add_instance("pair-2", "pair")
    roles = {m["DBInstanceIdentifier"]: m["IsClusterWriter"] for m in aurora.cluster("pair")["DBClusterMembers"]}
    assert roles == {"pair-1": True, "pair-2": False}
    aurora.client.delete_db_instance(DBInstanceIdentifier="pair-1")
    until(lambda: len(aurora.cluster("pair")["DBClusterMembers"]) == 1)
    assert aurora.cluster("pair")["DBClusterMembers"][0]["IsClusterWriter"]
    assert connects(aurora, "pair")


def test_a_serverless_instance_needs_a_scaling_configuration(aurora: Aurora) -> None:
    aurora.client.create_db_cluster(DBClusterIdentifier="unscaled", MasterUsername="postgres",
                                    MasterUserPassword=PASSWORD, **ENGINE)
    aurora.await_cluster("unscaled")
    params = {"DBInstanceIdentifier": "unscaled-1", "DBClusterIdentifier": "unscaled", **ENGINE}
    assert refused(aurora.client.create_db_instance, DBInstanceClass="db.serverless",
                   **params) == "InvalidDBClusterStateFault"
    assert refused(aurora.client.create_db_instance, DBInstanceClass="large", **params) == "InvalidParameterValue"
    assert refused(aurora.client.create_db_instance, DBInstanceClass="db.r6g.large", EngineVersion="15.3",
                   **params) == "InvalidParameterCombination"
    aurora.client.create_db_instance(DBInstanceClass="db.r6g.large", **params)
