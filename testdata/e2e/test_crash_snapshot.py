"""As test_crash.py, while rows are brought back from a snapshot; a file of its own so that it can run beside."""

from __future__ import annotations

import time
from collections.abc import Callable

from conftest import KILLED
from harness import Program, Sandbox
from test_snapshot import replaced, specify


def test_killed_while_a_snapshot_is_restored(sandbox: Sandbox, trueup: Program,
                                             moments: Callable[[float, int], list[float]]) -> None:
    rows = replaced(sandbox, trueup, bots=5, rows=600, users=6)
    new = sandbox.summary["cluster"]
    specify(trueup)
    begun = time.monotonic()
    trueup.apply()
    for number, moment in enumerate(moments(time.monotonic() - begun, 4), start=1):
        sandbox.query(new, "TRUNCATE items")
        while not trueup.kill_after(moment, *KILLED):
            sandbox.query(new, "TRUNCATE items")  # it was done before: machines have quick and slow minutes
            moment /= 2

        trueup.apply()

        told = f"round {number}, killed after {moment:.2f} s"
        assert sandbox.rows(new) == rows, told
        assert set(sandbox.clusters()) == {new}, told
        assert sandbox.client("rds").describe_db_instances()["DBInstances"][0]["DBClusterIdentifier"] == new, told
        trueup.plan()
