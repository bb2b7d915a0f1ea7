"""As test_crash.py, while rows are copied beside the old cluster; a file of its own so that both can run at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from conftest import KILLED
from harness import Program, Sandbox
from test_copy import capture_old, copy_spec, seed_beside


def test_killed_while_rows_are_copied(sandbox: Sandbox, trueup: Program,
                                      moments: Callable[[float, int], list[float]]) -> None:
    new, old = seed_beside(sandbox, bots=8, rows=2500, users=12)
    baseline = capture_old(sandbox, trueup)
    copy_spec(sandbox, trueup)
    rows = sandbox.rows(old)
    begun = time.monotonic()
    trueup.apply()
    for number, moment in enumerate(moments(time.monotonic() - begun, 6), start=1):
        sandbox.query(new, "TRUNCATE items")
        while not trueup.kill_after(moment, *KILLED):
            sandbox.query(new, "TRUNCATE items")  # it was done before: machines have quick and slow minutes
            moment /= 2

        trueup.apply()

        assert sandbox.rows(new) == rows, f"round {number}, killed after {moment:.2f} s"
        trueup.plan()
    trueup.run("capture", "spec.yaml", "--out", "again.yaml")
    assert trueup.baseline("again.yaml") == baseline
    ((invalid,),) = sandbox.query(new, "SELECT count(*) FROM pg_index WHERE NOT indisvalid")
    ((tables,),) = sandbox.query(new, "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN "
                                      "('pg_catalog', 'information_schema')")
    assert invalid == 0 and tables == 1, "something temporary is left"
