"""Killed at any moment, trueup is finished by the next run: as if nothing had happened.

The moments are random. A failure prints the seed; TRUEUP_SEED=N repeats it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest
from harness import BASELINE, RESTORE_CLUSTER, Program, Sandbox
from test_copy import capture_old, copy_spec, seed_beside

ROUNDS = 10
ASIDE = "bedrock-chat-trueup-old"
APPLY = ("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json")


@pytest.fixture
def moments() -> Iterator[Callable[[float], list[float]]]:
    seed = int(os.environ.get("TRUEUP_SEED", random.SystemRandom().randrange(10**6)))
    print(f"TRUEUP_SEED={seed}")
    rng = random.Random(seed)
    yield lambda longest: [rng.uniform(0.02, 1) * longest for _ in range(ROUNDS)]


def remove_cluster(sandbox: Sandbox, name: str) -> None:
    """As a person would, once nobody needs it."""
    rds = sandbox.client("rds")
    for member in sandbox.clusters()[name]["DBClusterMembers"]:
        rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"], SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    wait_until(lambda: name not in sandbox.clusters())


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def replace_with_key(sandbox: Sandbox, trueup: Program, number: int) -> str:
    """A spec under which the cluster must be replaced: by one with another key than it has now."""
    kms = sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/chat-{number}", TargetKeyId=key["KeyId"])
    trueup.specify(cluster=RESTORE_CLUSTER | {"kmsKey": f"alias/chat-{number}"}, vectors={"counts": BASELINE},
                   allow=["replace-cluster"])
    arn: str = key["Arn"]
    return arn


def test_killed_while_the_cluster_is_replaced(sandbox: Sandbox, trueup: Program,
                                              moments: Callable[[float], list[float]]) -> None:
    sandbox.seed(bots=5, rows=300, users=6)
    name = sandbox.summary["cluster"]
    rows = sandbox.rows(name)
    replace_with_key(sandbox, trueup, 0)
    baseline = trueup.capture()
    begun = time.monotonic()
    trueup.apply()
    killed = 0
    for number, moment in enumerate(moments(time.monotonic() - begun), start=1):
        remove_cluster(sandbox, ASIDE)
        key = replace_with_key(sandbox, trueup, number)
        killed += trueup.kill_after(moment, *APPLY)

        trueup.apply()

        told = f"round {number}, killed after {moment:.2f} s"
        clusters = sandbox.clusters()
        assert set(clusters) == {name, ASIDE} and clusters[name]["KmsKeyId"] == key, told
        assert sandbox.rows(name) == rows and sandbox.rows(ASIDE) == rows, told
        wait_until(lambda: sandbox.snapshots() == [])
        trueup.plan()
    assert trueup.capture() == baseline
    assert killed >= ROUNDS // 2, "most runs ended before they were killed: nothing is proved"


def test_killed_while_rows_are_copied(sandbox: Sandbox, trueup: Program,
                                      moments: Callable[[float], list[float]]) -> None:
    new, old = seed_beside(sandbox, bots=8, rows=2500, users=12)
    baseline = capture_old(sandbox, trueup)
    copy_spec(sandbox, trueup)
    rows = sandbox.rows(old)
    begun = time.monotonic()
    trueup.apply()
    killed = 0
    for number, moment in enumerate(moments(time.monotonic() - begun), start=1):
        sandbox.query(new, "TRUNCATE items")
        killed += trueup.kill_after(moment, *APPLY)

        trueup.apply()

        assert sandbox.rows(new) == rows, f"round {number}, killed after {moment:.2f} s"
        trueup.plan()
    trueup.run("capture", "spec.yaml", "--out", "again.yaml")
    assert trueup.baseline("again.yaml") == baseline
    ((invalid,),) = sandbox.query(new, "SELECT count(*) FROM pg_index WHERE NOT indisvalid")
    ((tables,),) = sandbox.query(new, "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN "
                                      "('pg_catalog', 'information_schema')")
    assert invalid == 0 and tables == 1, "something temporary is left"
    assert killed >= ROUNDS // 2, "most runs ended before they were killed: nothing is proved"
