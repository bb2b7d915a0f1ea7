"""Killed at any moment, trueup is finished by the next run: as if nothing had happened.

So is each method of restore, in the file of its own tests (test_killed…). The moments are random. A failure prints the
seed; TRUEUP_SEED=N repeats it. TRUEUP_KILLS=N kills a run N times in each of these tests, and the agent in testdata/agent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from conftest import KILLED
from harness import BASELINE, RESTORE_CLUSTER, Program, Sandbox

ASIDE = "bedrock-chat-trueup-old"


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
                                              moments: Callable[[float, int], list[float]]) -> None:
    sandbox.seed(bots=5, rows=300, users=6)
    name = sandbox.summary["cluster"]
    rows = sandbox.rows(name)
    replace_with_key(sandbox, trueup, 0)
    baseline = trueup.capture()
    begun = time.monotonic()
    trueup.apply()
    killed, chosen = 0, moments(time.monotonic() - begun, 6)
    for number, moment in enumerate(chosen, start=1):
        remove_cluster(sandbox, ASIDE)
        key = replace_with_key(sandbox, trueup, number)
        killed += trueup.kill_after(moment, *KILLED)

        trueup.apply()

        told = f"round {number}, killed after {moment:.2f} s"
        clusters = sandbox.clusters()
        assert set(clusters) == {name, ASIDE} and clusters[name]["KmsKeyId"] == key, told
        assert sandbox.rows(name) == rows and sandbox.rows(ASIDE) == rows, told
        wait_until(lambda: sandbox.snapshots() == [])
        trueup.plan()
    assert trueup.capture() == baseline
    print(f"{killed} of {len(chosen)} were still running")
    assert killed >= len(chosen) // 2, "most runs ended before they were killed: nothing is proved"
