"""Apply with `replace: restore`: an encrypted cluster under the old name, with every row of the old one."""

from __future__ import annotations

import json
import time

from harness import BASELINE, RESTORE_CLUSTER, Program, Sandbox, creators, group_of, username

ASIDE = "bedrock-chat-trueup-old"


def migrate_spec(sandbox: Sandbox, trueup: Program) -> list[str]:
    emails = creators(sandbox)
    trueup.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE}, users=group_of(emails),
                   allow=["replace-cluster"])
    return emails


def assert_replaced(sandbox: Sandbox) -> None:
    """The encrypted cluster has name, rows and instance, the old one stands aside whole, and nothing else is left."""
    name = sandbox.summary["cluster"]
    clusters = sandbox.clusters()
    assert set(clusters) == {name, ASIDE}
    assert clusters[name]["StorageEncrypted"] and clusters[name]["Status"] == "available"
    assert clusters[name]["DbClusterResourceId"] != sandbox.summary["resource_id"]
    assert clusters[ASIDE]["DbClusterResourceId"] == sandbox.summary["resource_id"]
    assert not clusters[ASIDE]["StorageEncrypted"]
    assert len(clusters[name]["DBClusterMembers"]) == 1 and len(clusters[ASIDE]["DBClusterMembers"]) == 1
    assert sandbox.snapshots() == []
    assert sandbox.rows(name) == sandbox.rows(ASIDE)
    assert sandbox.counts(name) == sandbox.summary["rows"]


def assert_in_sync(sandbox: Sandbox, trueup: Program, baseline: dict[str, object]) -> None:
    """Plan says so, a second apply changes nothing, and the digests are those of the baseline."""
    trueup.plan()
    trueup.run("capture", "spec.yaml", "--out", "again.yaml")
    assert trueup.baseline("again.yaml") == baseline
    sandbox.forget()
    again = trueup.apply()
    assert again.actions() == []
    assert sandbox.calls()["mutating"] == 0 and sandbox.writes() == 0


def test_restore(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=6, rows=400, users=20)
    emails = migrate_spec(sandbox, trueup)
    baseline = trueup.capture()
    before = sandbox.rows(sandbox.summary["cluster"])

    done = trueup.apply()

    assert done.report["summary"]["converged"] is True
    assert {action["state"] for action in done.actions()} == {"done"}
    assert_replaced(sandbox)
    assert sandbox.rows(sandbox.summary["cluster"]) == before
    assert sandbox.members() == {username(sandbox, email) for email in emails}
    assert_in_sync(sandbox, trueup, baseline)


def test_what_the_old_cluster_was_the_new_one_is(sandbox: Sandbox, trueup: Program) -> None:
    """A restore keeps little of its own accord: network, scaling, protection and tags have to be passed on."""
    sandbox.seed(bots=1, rows=10, users=6)
    name = sandbox.summary["cluster"]
    rds = sandbox.client("rds")
    rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=True, ApplyImmediately=True,
                          ServerlessV2ScalingConfiguration={"MinCapacity": 1.5, "MaxCapacity": 6})
    rds.add_tags_to_resource(ResourceName=sandbox.clusters()[name]["DBClusterArn"],
                             Tags=[{"Key": "cost", "Value": "chat & co"}])
    migrate_spec(sandbox, trueup)
    trueup.capture()
    old = sandbox.clusters()[name]

    trueup.apply()

    new = sandbox.clusters()[name]
    for field in ("Engine", "EngineVersion", "DBSubnetGroup", "VpcSecurityGroups", "DeletionProtection",
                  "ServerlessV2ScalingConfiguration", "MasterUsername", "DBClusterParameterGroup"):
        assert new.get(field) == old.get(field), field
    tags = {tag["Key"]: tag["Value"] for tag in new["TagList"]}
    assert tags["cost"] == "chat & co" and tags["trueup:deployment"] == "chat"
    assert new["Endpoint"] == old["Endpoint"]


def test_the_key_of_the_spec(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=1, rows=10, users=6)
    kms = sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/chat", TargetKeyId=key["KeyId"])
    trueup.specify(cluster=RESTORE_CLUSTER | {"kmsKey": "alias/chat"}, allow=["replace-cluster"])
    trueup.apply()
    assert sandbox.clusters()[sandbox.summary["cluster"]]["KmsKeyId"] == key["Arn"]
    trueup.plan()


def test_rows_written_after_the_snapshot_come_along(sandbox: Sandbox, trueup: Program) -> None:
    """A step at a time, until the restore has begun; then rows are written to the old one."""
    sandbox.seed(bots=3, rows=60, users=6)
    name = sandbox.summary["cluster"]
    trueup.specify(cluster=RESTORE_CLUSTER, allow=["replace-cluster"])
    while len(sandbox.clusters()) == 1:
        trueup.json("apply", "spec.yaml", "--yes", "--wait", "0", expect=2)
    bot = max(sandbox.summary["rows"])
    sandbox.query(name, "INSERT INTO items SELECT substr(md5(n::text), 1, 26), %s, 'late ' || n, NULL, embedding "
                        "FROM items, generate_series(1, 7) n WHERE id = (SELECT min(id) FROM items)", bot)
    before = sandbox.rows(name)

    trueup.apply()

    assert sandbox.rows(name) == before
    assert sandbox.counts(name)[bot] == sandbox.summary["rows"][bot] + 7


def test_without_the_word_nothing_is_replaced(sandbox: Sandbox, trueup: Program) -> None:
    sandbox.seed(bots=1, rows=10, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER)
    sandbox.forget()
    done = trueup.apply(expect=2)
    assert {action["state"] for action in done.actions()} == {"blocked"}
    assert "replace-cluster" in done.out
    assert sandbox.calls()["mutating"] == 0


def test_names_in_use_are_never_taken_over(sandbox: Sandbox, trueup: Program) -> None:
    """Somebody has a cluster under the name for the old one: nothing at all is begun."""
    sandbox.seed(bots=1, rows=10, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER, allow=["replace-cluster"])
    rds = sandbox.client("rds")
    rds.create_db_cluster(DBClusterIdentifier=ASIDE, Engine="aurora-postgresql", MasterUsername="somebody",
                          MasterUserPassword="not-of-trueup-at-all")
    theirs = sandbox.clusters()[ASIDE]["DbClusterResourceId"]
    sandbox.forget()

    done = trueup.apply(expect=2)

    assert ASIDE in done.out and {action["state"] for action in done.actions()} == {"blocked"}
    assert sandbox.calls()["mutating"] == 0
    assert sandbox.clusters()[ASIDE]["DbClusterResourceId"] == theirs
    assert sandbox.snapshots() == []


def test_a_cluster_that_goes_on_during_the_chain_is_waited_for(sandbox: Sandbox, trueup: Program) -> None:
    """--wait 0 starts what takes long and returns; each later run takes the next step, until it is done."""
    sandbox.seed(bots=2, rows=40, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE}, allow=["replace-cluster"])
    baseline = trueup.capture()
    runs = [trueup.json("apply", "spec.yaml", "--yes", "--wait", "0", expect=2)]
    while runs[-1].code != 0 and len(runs) < 200:
        runs.append(trueup.json("apply", "spec.yaml", "--yes", "--wait", "0", expect=None))
        assert runs[-1].code in (0, 2) and runs[-1].actions("failed") == [], runs[-1].told()
    assert runs[-1].code == 0, runs[-1].told()
    assert_replaced(sandbox)
    assert_in_sync(sandbox, trueup, baseline)


def steps_to(trueup: Program, verb: str) -> None:
    """Runs that do not wait, until the action of this verb was begun."""
    for _ in range(200):
        done = trueup.json("apply", "spec.yaml", "--yes", "--wait", "0", expect=2)
        begun = next((action for action in done.actions() if action["verb"] == verb), None)
        if begun is not None and begun["state"] != "skipped" and not (begun["waitsFor"] or "").startswith("it follows"):
            return
        time.sleep(0.2)
    raise AssertionError(f"{verb} was never begun")


def test_a_password_that_was_rotated_since_the_snapshot(sandbox: Sandbox, trueup: Program) -> None:
    """The restored cluster knows the old password only; the application and the secret, the new one."""
    sandbox.seed(bots=2, rows=40, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE}, allow=["replace-cluster"])
    baseline = trueup.capture()
    steps_to(trueup, "instances")
    name, secrets = sandbox.summary["cluster"], sandbox.client("secretsmanager")
    sandbox.client("rds").modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword="rotated-meanwhile",
                                            ApplyImmediately=True)
    content = json.loads(secrets.get_secret_value(SecretId=sandbox.summary["secret"])["SecretString"])
    secrets.put_secret_value(SecretId=sandbox.summary["secret"],
                             SecretString=json.dumps(content | {"password": "rotated-meanwhile"}))

    trueup.apply()

    assert_replaced(sandbox)
    assert_in_sync(sandbox, trueup, baseline)


def test_answers_that_are_lost_between_the_renames(sandbox: Sandbox, trueup: Program) -> None:
    """There the name is nobody's: what may pass must not end the run."""
    sandbox.seed(bots=2, rows=40, users=6)
    trueup.specify(cluster=RESTORE_CLUSTER, vectors={"counts": BASELINE}, allow=["replace-cluster"])
    baseline = trueup.capture()
    steps_to(trueup, "instances")
    running = trueup.start("apply", "spec.yaml", "--yes", "--wait", "10m")
    while sandbox.summary["cluster"] in sandbox.clusters():
        time.sleep(0.05)
    sandbox.control("fault", kind="unavailable", operation="rds:DescribeDBClusters", count=5)
    done = trueup.finish(running)
    assert done.code == 0, done.told()
    assert_replaced(sandbox)
    assert_in_sync(sandbox, trueup, baseline)
