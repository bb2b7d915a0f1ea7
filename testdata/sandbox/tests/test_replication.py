"""Logical replication between clusters: what it takes on RDS, and that the servers reach one another."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from conftest import Sandbox
from test_rds import Aurora, refused, until

PARAMETER = {"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}


@pytest.fixture(scope="module")
def aurora(sandbox: Sandbox) -> Aurora:
    return Aurora(sandbox)


def show(session: psycopg.Connection[Any], text: str) -> Any:
    row = session.execute(text).fetchone()
    assert row is not None
    return row[0]


def make(aurora: Aurora, name: str, group: str) -> None:
    aurora.client.create_db_cluster_parameter_group(DBClusterParameterGroupName=group, Description="for a test",
                                                    DBParameterGroupFamily="aurora-postgresql15")
    aurora.create(name, DBClusterParameterGroupName=group)
    aurora.add_instance(f"{name}-1", name)


def allow(aurora: Aurora, name: str, group: str) -> None:
    aurora.client.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[PARAMETER])
    with aurora.connect(name) as session:
        assert show(session, "SHOW wal_level") == "replica", "the parameter waits for a reboot"
        assert show(session, "SHOW rds.logical_replication") == "off"
    aurora.client.reboot_db_instance(DBInstanceIdentifier=f"{name}-1")
    until(lambda: aurora.instance(f"{name}-1")["DBInstanceStatus"] == "available")


def test_a_table_follows_another(aurora: Aurora) -> None:
    make(aurora, "from", "from-group")
    make(aurora, "to", "to-group")
    with aurora.connect("to") as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)")
    allow(aurora, "from", "from-group")
    allow(aurora, "to", "to-group")
    place = aurora.cluster("from")
    with aurora.connect("from") as source, aurora.connect("to") as target:
        assert show(source, "SHOW wal_level") == "logical" and show(source, "SHOW rds.logical_replication") == "on"
        for session in (source, target):
            session.execute("CREATE TABLE numbers (n int PRIMARY KEY)")
        source.execute("CREATE ROLE follower LOGIN REPLICATION PASSWORD 'follower-1'; GRANT rds_replication TO follower;"
                       "GRANT SELECT ON numbers TO follower; CREATE PUBLICATION p FOR TABLE numbers")
        source.execute("INSERT INTO numbers VALUES (1)")
        target.execute(f"CREATE SUBSCRIPTION s CONNECTION 'host={place['Endpoint']} port={place['Port']} dbname=postgres "
                       "user=follower password=follower-1 sslmode=require channel_binding=require' PUBLICATION p")
        source.execute("INSERT INTO numbers VALUES (2)")
        until(lambda: show(target, "SELECT count(*) FROM numbers") == 2)
        target.execute("DROP SUBSCRIPTION s")


def test_changes_of_parameters_that_are_refused(aurora: Aurora) -> None:
    aurora.client.create_db_cluster_parameter_group(DBClusterParameterGroupName="refusals", Description="for a test",
                                                    DBParameterGroupFamily="aurora-postgresql15")
    for group, change, expected in (("default.aurora-postgresql15", {}, "InvalidParameterValue"),
                                    ("no-such-group", {}, "DBParameterGroupNotFound"),
                                    ("refusals", {"ApplyMethod": "immediate"}, "InvalidParameterCombination"),
                                    ("refusals", {"ParameterValue": "yes"}, "InvalidParameterValue")):
        assert refused(aurora.client.modify_db_cluster_parameter_group, DBClusterParameterGroupName=group,
                       Parameters=[PARAMETER | change]) == expected
