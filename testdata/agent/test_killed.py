"""The agent in the midst of a migration: its run crashes, it is stopped, it is killed. The next run goes on."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable

from agent import Agent, is_running, specify, wait_until
from harness import RESTORE_CLUSTER, Program, Sandbox, creators, group_of

KILLS = int(os.environ.get("TRUEUP_KILLS", "1"))  # of the agent
ASIDE = "bedrock-chat-trueup-old"


def migrate(sandbox: Sandbox, program: Program, number: int) -> None:
    """A spec under which the cluster must be replaced: by one with another key than it has now."""
    kms = sandbox.client("kms")
    kms.create_alias(AliasName=f"alias/chat-{number}", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    specify(program, "chat", cluster=RESTORE_CLUSTER | {"kmsKey": f"alias/chat-{number}"},
            vectors={"counts": {"from": "baseline", "file": "baselines/chat.yaml"}}, allow=["replace-cluster"])


def remove_aside(sandbox: Sandbox) -> None:
    rds = sandbox.client("rds")
    if ASIDE not in sandbox.clusters():
        return
    for member in sandbox.clusters()[ASIDE]["DBClusterMembers"]:
        rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"], SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier=ASIDE, SkipFinalSnapshot=True)
    wait_until(lambda: ASIDE not in sandbox.clusters())


def test_killed_and_stopped_in_the_midst_of_a_migration(sandbox: Sandbox, trueup: Program,
                                                        launch: Callable[..., Agent]) -> None:
    """Another run than one's own, a crash, TERM, and SIGKILL: the next run goes on, and no child is left behind."""
    seed = int(os.environ.get("TRUEUP_SEED", random.SystemRandom().randrange(10**6)))
    print(f"TRUEUP_SEED={seed}")
    rng = random.Random(seed)
    sandbox.seed(bots=4, rows=120, users=6)
    rows = sandbox.rows(sandbox.summary["cluster"])
    migrate(sandbox, trueup, 0)
    specify(trueup, "users", users=group_of(creators(sandbox, 1)))
    trueup.run("capture", "specs/chat.yaml", "--out", "specs/baselines/chat.yaml")

    # A child that crashes has failed, with its reason; the other deployment is none the wiser, and the agent goes on.
    agent = launch(trueup, schedule={"every": "1h"})
    agent.wait_for("users: in-sync")
    os.kill(agent.child(), signal.SIGABRT)
    agent.wait_for("chat: failed: the run was killed by signal 6")
    agent.send(signal.SIGUSR1)
    agent.wait_for("chat: cluster/", 2)  # it acts

    # TERM: the run ends in order, with its report, and so does the agent.
    assert agent.end() == 0
    assert not agent.messages("chat: failed: the run came to no report")
    agent = launch(trueup, schedule={"every": "1h"})
    agent.wait_for("chat: in-sync")
    assert agent.end() == 0
    assert sandbox.rows(sandbox.summary["cluster"]) == rows

    for number in range(1, KILLS + 1):
        remove_aside(sandbox)
        migrate(sandbox, trueup, number)
        agent = launch(trueup, schedule={"every": "1h"})
        agent.wait_for("chat: cluster/", rng.randint(1, 12))
        child = agent.child()
        agent.end(signal.SIGKILL)
        wait_until(lambda: not is_running(child), lambda: "the run outlives its agent")  # noqa: B023: called here
        agent = launch(trueup, schedule={"cron": "0 0 29 2 *"})  # what was under way goes on whatever it says
        agent.wait_for("chat: in-sync")
        assert agent.end() == 0
        assert sandbox.rows(sandbox.summary["cluster"]) == rows
    verified = trueup.run("history", "--verify").out
    assert "chat: sound" in verified and "users: sound" in verified
