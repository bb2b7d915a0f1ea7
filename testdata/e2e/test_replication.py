"""Rows by logical replication, from an old cluster that is still being written.

The tests share one pair of clusters; the last one deletes one of them.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import KILLED
from harness import Program, Sandbox
from test_copy import seed_beside
from test_crash import wait_until

PARAMETER = "rds.logical_replication"
LEFT = ("SELECT 'publication' FROM pg_publication UNION ALL SELECT 'slot' FROM pg_replication_slots UNION ALL "
        "SELECT 'subscription' FROM pg_subscription UNION ALL SELECT 'role' FROM pg_roles WHERE rolname LIKE 'trueup%'")
BOT = "01J00000000000000000000NEW"
ADD = ("INSERT INTO items SELECT %s || lpad((%s)::text, 25, '0'), %s, 'written meanwhile', NULL, "
       "(SELECT embedding FROM items WHERE embedding IS NOT NULL LIMIT 1)")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory(prefix="trueup-e2e-") as directory:
        Path(directory).chmod(0o755)
        running = Sandbox(Path(directory) / "sandbox", "--tls", "--seconds", "0.2", "--quota", "0")
        seed_beside(running, bots=5, rows=300, users=6, logical_replication=True)
        yield running
        running.stop()


@pytest.fixture
def ends(sandbox: Sandbox) -> tuple[str, str]:
    """The new cluster, which is empty, and the old one."""
    sandbox.query(sandbox.summary["cluster"], "DELETE FROM items")
    return sandbox.summary["cluster"], sandbox.summary["old_cluster"]


def specify(trueup: Program, old: str, allow: list[str] | None = None) -> None:
    trueup.specify(cluster={"encrypted": True}, allow=allow,
                   vectors={"restore": {"method": "replication", "from": {"cluster": old}}})


def left(sandbox: Sandbox, cluster: str) -> list[str]:
    return sorted(name for name, in sandbox.query(cluster, LEFT))


def is_enabled(sandbox: Sandbox, cluster: str) -> bool:
    return sandbox.query(cluster, "SELECT subenabled FROM pg_subscription") == [(True,)]


def assert_equal(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    new, old = ends
    assert sandbox.rows(new) == sandbox.rows(old)
    assert left(sandbox, new) == left(sandbox, old) == []
    trueup.plan()


numbers = itertools.count()


class Writer:
    """What the application goes on doing to the old cluster: bots learn, are taught anew, and forget."""

    def __init__(self, sandbox: Sandbox, cluster: str) -> None:
        self.written = 0
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._session = sandbox.session(cluster)
        self._bots = [*sorted(sandbox.summary["rows"]), BOT]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.write()
                self._stop.wait(0.005)
        except BaseException as error:  # pylint: disable=broad-exception-caught
            self.error = error

    def write(self) -> None:
        number, session = next(numbers), self._session
        session.execute(ADD, ("W", number, self._bots[number % len(self._bots)]))
        session.execute("UPDATE items SET content = %s WHERE id = (SELECT min(id) FROM items WHERE botid = %s)",
                        (f"changed {number}", self._bots[(number + 1) % len(self._bots)]))
        session.execute("DELETE FROM items WHERE id = (SELECT min(id) FROM items WHERE botid = %s AND id LIKE 'W%%')",
                        (self._bots[(number + 2) % len(self._bots)],))
        self.written += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._session.close()
        assert self.error is None, self.error


@contextmanager
def writing(sandbox: Sandbox, cluster: str) -> Iterator[Writer]:
    writer = Writer(sandbox, cluster)
    try:
        yield writer
    finally:
        writer.stop()


def password_of(sandbox: Sandbox, cluster: str) -> str:
    ((connection,),) = sandbox.query(cluster, "SELECT subconninfo FROM pg_subscription")
    found = re.search(r"password='(\w+)'", connection)
    assert found and "sslmode='require' channel_binding='require'" in connection
    return found[1]


def logs(sandbox: Sandbox) -> str:
    return "".join(Path(entry["log"]).read_text(errors="replace") for entry in sandbox.control("rds/list")["clusters"])


def start(trueup: Program) -> subprocess.Popen[str]:
    return trueup.start("apply", "spec.yaml", "--yes", "--wait", "10m", "-o", "json", "-v", "-v")


def test_with_writes_going_on(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    """It follows for as long as somebody writes, and is done, with nothing left, once nobody does."""
    new, old = ends
    specify(trueup, old)
    with writing(sandbox, old) as writer:
        running = start(trueup)
        wait_until(lambda: is_enabled(sandbox, new))
        passwords = [password_of(sandbox, new), *sandbox.summary["passwords"].values()]
        assert left(sandbox, old) == ["publication", "role", "slot"]
        seen = writer.written
        wait_until(lambda: writer.written > seen + 100)
        assert running.poll() is None
    done = trueup.finish(running)

    assert done.code == 0, done.told()
    assert_equal(sandbox, trueup, ends)
    assert sandbox.query(new, "SELECT am.amname FROM pg_class c JOIN pg_am am ON am.oid = c.relam "
                              "WHERE c.relname = 'idx_items_embedding'") == [("ivfflat",)]
    told = "".join([done.out, done.err] + [path.read_text(errors="replace") for path in trueup.directory.rglob("*")
                                           if path.is_file()])
    assert "replicate" in told and not any(secret in told for secret in passwords)
    logged = "".join(line for line in logs(sandbox).splitlines() if "app=sandbox" not in line)
    assert "SUBSCRIPTION" in logged and not any(secret in logged for secret in passwords)


def test_not_let_go_before_the_rows_are_equal(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    """As many rows, and yet another text in one: the slot stays. Nothing but a copy puts that right, and so it does."""
    new, old = ends
    specify(trueup, old)
    bot = max(sandbox.summary["rows"])
    where = f"WHERE id = (SELECT max(id) FROM items WHERE botid = '{bot}' AND id NOT LIKE 'W%%')"
    with writing(sandbox, old):
        running = start(trueup)
        wait_until(lambda: is_enabled(sandbox, new))
        sandbox.query(new, f"UPDATE items SET content = 'other ' || content {where}")
        time.sleep(2)
        assert running.poll() is None
        running.terminate()
        assert re.search("goes on following|the target follows", str(trueup.finish(running).actions("waiting")))
        assert left(sandbox, old) == ["publication", "role", "slot"] and is_enabled(sandbox, new)
    done = trueup.finish(start(trueup))
    assert done.code == 0 and f"rows of a bot were changed on the target ({bot})" in done.err, done.told()
    assert_equal(sandbox, trueup, ends)


def add_on_both(sandbox: Sandbox, ends: tuple[str, str], running: subprocess.Popen[str]) -> None:
    """Until the run ends of it: it deletes once what only the target has, which may be the first of these."""
    end = time.monotonic() + 60
    for number in itertools.count():
        for cluster in ends:
            sandbox.query(cluster, ADD, "X", number, BOT)
        time.sleep(1)
        if running.poll() is not None or time.monotonic() > end:
            return


def test_a_row_of_the_same_id_on_both(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    """Neither is overwritten, a person is told, and meanwhile nothing of the source's is missed."""
    new, old = ends
    specify(trueup, old, allow=["delete-vectors"])
    trueup.apply()
    with writing(sandbox, old):
        running = start(trueup)
        wait_until(lambda: is_enabled(sandbox, new))
        add_on_both(sandbox, ends, running)
        done = trueup.finish(running)
    (blocked,) = done.actions("blocked")
    assert done.code == 2 and blocked["verb"] == "replicate" and "same id" in blocked["waitsFor"]
    assert "WAL" in str(done.resource("vectors")["notes"])
    sandbox.query(new, "DELETE FROM items WHERE id LIKE 'X%%'")
    done = trueup.finish(start(trueup))
    assert done.code == 0, done.told() + done.err
    assert_equal(sandbox, trueup, ends)


def set_parameter(sandbox: Sandbox, cluster: str, value: str) -> None:
    rds = sandbox.client("rds")
    described = sandbox.clusters()[cluster]
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=described["DBClusterParameterGroup"],
        Parameters=[{"ParameterName": PARAMETER, "ParameterValue": value, "ApplyMethod": "pending-reboot"}])
    (writer,) = (member["DBInstanceIdentifier"] for member in described["DBClusterMembers"])
    rds.reboot_db_instance(DBInstanceIdentifier=writer)
    wait_until(lambda: rds.describe_db_instances(
        DBInstanceIdentifier=writer)["DBInstances"][0]["DBInstanceStatus"] == "available")


def test_what_a_person_has_to_see_to(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    """Without rds.logical_replication nothing is done; nor are rows given up that are nowhere else."""
    new, old = ends
    specify(trueup, old)
    set_parameter(sandbox, old, "0")
    sandbox.forget()
    (blocked,) = trueup.apply(expect=2).actions("blocked")[:1]
    assert blocked["verb"] == "replicate" and PARAMETER in blocked["waitsFor"] and "reboot" in blocked["waitsFor"]
    assert sandbox.writes() == 0 or old not in sandbox.control("rds/writes")["clusters"]

    set_parameter(sandbox, old, "1")
    bot = min(sandbox.summary["rows"])
    sandbox.query(new, ADD, "Y", 1, bot)
    (blocked,) = (action for action in trueup.apply(expect=2).actions("blocked") if action["verb"] == "replicate")
    assert bot in blocked["waitsFor"] and "delete-vectors" in blocked["waitsFor"]
    assert sandbox.counts(new)[bot] == 1
    assert left(sandbox, new) == left(sandbox, old) == []

    specify(trueup, old, allow=["delete-vectors"])
    trueup.apply()
    assert_equal(sandbox, trueup, ends)


def kill_while_it_copies(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    """At the earliest moment at which there is a slot: bots are there already, or about to be."""
    running = trueup.start(*KILLED)
    wait_until(lambda: "slot" in left(sandbox, ends[1]))
    running.kill()
    running.communicate()


def test_killed(sandbox: Sandbox, trueup: Program, ends: tuple[str, str],
                moments: Callable[[float, int], list[float]]) -> None:
    """Also where rows were deleted on the old cluster that the killed run had copied."""
    new, old = ends
    specify(trueup, old)
    begun = time.monotonic()
    trueup.apply()
    longest, killed = time.monotonic() - begun, 0
    for number, moment in enumerate(moments(1.25 * longest, 3)):
        sandbox.query(new, "DELETE FROM items")
        with writing(sandbox, old):
            if number == 0:
                kill_while_it_copies(sandbox, trueup, ends)
            else:
                killed += trueup.kill_after(moment, *KILLED)
        sandbox.query(old, "DELETE FROM items WHERE id IN (SELECT min(id) FROM items GROUP BY botid)")

        trueup.apply()

        told = f"round {number}, killed after {moment:.2f} s"
        assert sandbox.rows(new) == sandbox.rows(old), told
        assert left(sandbox, new) == left(sandbox, old) == [], told
    trueup.plan()
    print(f"{killed} were still running, and the first")
    assert killed > 0, "all runs ended before they were killed: nothing is proved"


def test_the_source_is_gone(sandbox: Sandbox, trueup: Program, ends: tuple[str, str]) -> None:
    """Out of reach: reported, and waited for. Deleted: what waits for it on the target is removed."""
    new, old = ends
    specify(trueup, old)
    with writing(sandbox, old):
        running = trueup.start(*KILLED)
        wait_until(lambda: is_enabled(sandbox, new))
        running.terminate()
        stopped = trueup.finish(running)
    assert "goes on following" in str(stopped.actions("waiting")), stopped.told()
    assert [difference["observed"] for difference in trueup.plan(expect=2).resource("vectors")["differences"]
            if difference["path"] == "replication"] == [f"{name} (subscription, slot, publication, role)" for name,
                                                        in sandbox.query(new, "SELECT subname FROM pg_subscription")]
    sandbox.control("rds/stop_server", cluster=old)
    unseen = trueup.apply(expect=1).resource("vectors")
    assert unseen["state"] == "unknown" and old in unseen["reason"] and "DROP SUBSCRIPTION" in str(unseen["notes"])
    assert left(sandbox, new) == ["subscription"]

    rds = sandbox.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=f"{old}-writer", SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier=old, SkipFinalSnapshot=True)
    wait_until(lambda: old not in sandbox.clusters())
    done: list[dict[str, Any]] = trueup.apply(expect=1).actions("done")
    assert [action["verb"] for action in done] == ["end-replication"]
    assert left(sandbox, new) == []
