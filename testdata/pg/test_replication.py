"""Logical replication, piece by piece: what is made, seen, followed and taken down."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conftest import Server, tool

NAME = "trueup_test"
PASSWORD = "right"


def over_tls(server: Server, table: str) -> str:
    """As the target's server can reach it, too."""
    return server.side(host="127.0.0.1", user="chat", sslmode="require", table=table)


def run(command: str, source: str, target: str, *options: str) -> dict[str, Any]:
    return tool(command, source, target, *options, password=PASSWORD)


def leftovers(server: Server) -> list[list[str]]:
    return server.sql(f"SELECT 'publication' FROM pg_publication WHERE pubname = '{NAME}' UNION ALL "
                      f"SELECT 'slot' FROM pg_replication_slots WHERE slot_name LIKE '{NAME}%' UNION ALL "
                      f"SELECT 'role' FROM pg_roles WHERE rolname = '{NAME}' UNION ALL "
                      f"SELECT 'subscription' FROM pg_subscription WHERE subname = '{NAME}'")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def pair(source: Server, target: Server) -> Iterator[tuple[str, str]]:
    """A table of each, the source's with rows; nothing is left of the replication afterwards."""
    source.table("followed")
    target.table("followed")
    source.sql("INSERT INTO followed SELECT i, 'bot' || i % 3, 'text', NULL, '[1,2,3]' FROM generate_series(1, 300) AS i")
    sides = over_tls(source, "followed"), over_tls(target, "followed")
    yield sides
    run("unfollow", *sides)
    assert leftovers(source) == leftovers(target) == []


def test_rows_of_before_and_after(source: Server, target: Server, pair: tuple[str, str]) -> None:
    target.sql("INSERT INTO followed VALUES ('only here', 'bot9', 'x', NULL, NULL)")
    assert run("follow", *pair) == {"deleted": [0, 0], "rows_copied": 300}
    source.sql("INSERT INTO followed VALUES ('new', 'bot1', 'é', '', '[-0,1e-42,3]');"
               "UPDATE followed SET content = 'changed' WHERE id = '7'; DELETE FROM followed WHERE id = '8'")

    seen = run("followed", *pair, "patience=20000")

    assert seen["caught_up"]
    assert seen["source"] == {"rds": False, "logical": True, "slots_left": 9, "identity": True, "extra": None,
                              "missing": None, "publication": True, "role": True, "slot": True, "active": True,
                              "lost": False, "old_slot": False}
    assert seen["target"] == {"missing": None, "subscription": True, "enabled": True, "errors": False}
    assert run("compare", *pair)["unequal"] == {"bot9": {"source": 0, "target": 1, "target_only": 1}}


def test_what_only_the_target_has_outlives_a_truncation(source: Server, target: Server, pair: tuple[str, str]) -> None:
    target.sql("INSERT INTO followed VALUES ('only here', 'bot9', 'x', NULL, NULL)")
    run("follow", *pair)
    source.sql("TRUNCATE followed")
    assert run("followed", *pair, "patience=20000")["caught_up"]
    assert target.sql("SELECT count(*) FROM followed") == [["301"]]


def log_of(server: Server) -> str:
    return (server.directory / "log").read_text(errors="replace")


def passwords_in(*servers: Server) -> list[str]:
    """Whatever looks like a password of ours in what the servers log and keep of statements."""
    kept = [str(server.sql("SELECT query FROM pg_stat_statements")) for server in servers]
    return re.findall(r"\b[0-9a-f]{48}\b", "".join([*map(log_of, servers), *kept]))


def test_the_password_is_in_no_log(source: Server, target: Server, pair: tuple[str, str]) -> None:
    """Of statements that succeed, and of one that fails: the server logs all of both."""
    passwords = []
    for command in ("follow", "redirect"):
        assert "error" not in run(command, *pair)
        ((connection,),) = target.sql(f"SELECT subconninfo FROM pg_subscription WHERE subname = '{NAME}'")
        passwords += re.findall("password='([0-9a-f]{48})'", connection)
    assert len(set(passwords)) == 2
    run("unfollow", *pair)
    assert "error" in run("follow", pair[0].replace("host=127.0.0.1", "host=source.invalid hostaddr=127.0.0.1"), pair[1])
    assert "CREATE ROLE" in log_of(source) and "CREATE SUBSCRIPTION" in log_of(target), "statements are logged"
    assert "STATEMENT:  DO" in log_of(target), "and those that fail"
    assert passwords_in(source, target) == []


def test_a_wait_for_a_lock_is_too_short_to_be_logged(target: Server, pair: tuple[str, str]) -> None:
    """The server would log who waits for what, and quote the statement. And no function of somebody's sees its text."""
    target.sql("CREATE TABLE seen (text text); CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql "
               "AS 'INSERT INTO public.seen VALUES ($2) RETURNING NULL'")
    with subprocess.Popen(["psql", "-h", str(target.directory), "-p", str(target.port), "-U", "postgres", "-qXAt"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin and holder.stdout
        holder.stdin.write("BEGIN; LOCK pg_subscription; SELECT 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        error = run("follow", *pair)["error"]
        holder.stdin.close()
    assert (error["code"], error["retryable"]) == ("busy", True)
    assert "error" not in run("follow", *pair) and passwords_in(target) == []
    assert target.sql("SELECT * FROM seen; DROP TABLE seen; DROP FUNCTION public.format(text, text)") == []


def test_the_password_where_the_user_may_not_keep_the_log_quiet(source: Server, target: Server,
                                                                pair: tuple[str, str]) -> None:
    """Refused while something would see it: each setting is turned off by itself, by whoever may do so."""
    target.sql("DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN PASSWORD 'right';"
               "ALTER ROLE plain SET log_statement = 'ddl'; ALTER ROLE plain SET log_min_duration_statement = 0;"
               "ALTER ROLE plain SET pg_stat_statements.track = 'all'; ALTER ROLE plain SET log_min_messages = 'debug5'")
    sides = pair[0], pair[1].replace("user=chat", "user=plain")
    told = []
    for change in ("", "GRANT SET ON PARAMETER pg_stat_statements.track TO plain",
                   "GRANT SET ON PARAMETER log_error_verbosity TO plain",
                   "REVOKE SET ON PARAMETER log_error_verbosity FROM plain; ALTER ROLE plain RESET log_min_messages"):
        target.sql(change)
        told.append(run("follow", *sides)["error"]["message"])
    assert "pg_stat_statements.track is 'all' there, and plain may not change that" in told[0]
    assert "GRANT SET ON PARAMETER log_error_verbosity TO plain" in told[1]
    assert all("must be superuser to create subscriptions" in one for one in told[2:]), "it came to the statement"
    assert "DO $trueup$" in log_of(target) and passwords_in(source, target) == []
    target.sql("DROP OWNED BY plain; DROP ROLE plain")


def test_a_role_of_its_own_that_reads_nothing(source: Server, pair: tuple[str, str]) -> None:
    run("follow", *pair)
    assert source.sql(f"SELECT rolsuper, rolreplication, rolcanlogin, has_table_privilege(oid, 'followed', 'SELECT') "
                      f"FROM pg_roles WHERE rolname = '{NAME}'") == [["f", "t", "t", "f"]]


def test_another_password_and_what_a_probe_says(target: Server, pair: tuple[str, str]) -> None:
    run("follow", *pair)
    error = run("redirect", *pair, "port=1")["error"]
    assert (error["code"], error["retryable"]) == ("unreachable", True) and "port 1 failed" in error["message"]
    assert run("redirect", *pair) == {}
    assert run("followed", *pair, "patience=20000")["caught_up"]


def test_a_target_that_does_not_reach_the_source(source: Server, pair: tuple[str, str]) -> None:
    """trueup comes by a tunnel, which is not the target's."""
    tunnel = source.side(host="source.invalid", hostaddr="127.0.0.1", user="chat", sslmode="require", table="followed")
    error = run("follow", tunnel, pair[1])["error"]
    assert (error["code"], error["retryable"]) == ("unreachable", True)
    assert "could not connect to the publisher" in error["message"] and "source.invalid" in error["message"]


def test_a_change_that_the_target_cannot_apply(source: Server, target: Server, pair: tuple[str, str]) -> None:
    """A row of the same id is there: nothing is overwritten, its failures are counted, and without it all goes on."""
    run("follow", *pair)
    target.sql("INSERT INTO followed VALUES ('both', 'bot1', 'here', NULL, NULL)")
    source.sql("INSERT INTO followed VALUES ('both', 'bot1', 'there', NULL, NULL)")
    wait_until(lambda: run("followed", *pair)["target"]["errors"])
    assert not run("followed", *pair, "patience=500")["caught_up"]
    assert target.sql("DELETE FROM followed WHERE id = 'both' RETURNING content") == [["here"]]
    assert run("followed", *pair, "patience=20000")["caught_up"]
    assert run("compare", *pair)["unequal"] == {}


def test_what_was_deleted_since_a_beginning_that_was_cut_off(source: Server, target: Server,
                                                            pair: tuple[str, str]) -> None:
    """Its rows are on the target, and what the source has deleted since is not mistaken for rows that are only there."""
    run("follow", *pair, "stop=yes")
    target.sql("INSERT INTO followed SELECT i, 'bot' || i % 3, 'text', NULL, '[1,2,3]' FROM generate_series(1, 100) AS i;"
               "INSERT INTO followed VALUES ('only here', 'bot1', 'x', NULL, NULL)")
    source.sql("DELETE FROM followed WHERE id IN ('1', '2', '299'); INSERT INTO followed VALUES ('gone', 'bot1');"
               "DELETE FROM followed WHERE id = 'gone'")
    assert run("follow", *pair, "stop=yes")["deleted"] == [4, 2]
    source.sql("DELETE FROM followed WHERE id = '3'")
    assert run("followed", *pair)["source"]["old_slot"]
    assert run("follow", *pair)["deleted"] == [5, 1], "the oldest slot is the one that counts"
    assert run("followed", *pair, "patience=20000")["caught_up"]
    assert run("compare", *pair)["unequal"] == {"bot1": {"source": 99, "target": 34, "target_only": 1}}
    assert not run("followed", *pair)["source"]["old_slot"]


def test_what_a_crash_leaves_on_one_side(source: Server, target: Server, pair: tuple[str, str]) -> None:
    """A slot without a subscription, and one that a server is still connected to."""
    run("follow", *pair)
    target.sql(f"ALTER SUBSCRIPTION {NAME} DISABLE; ALTER SUBSCRIPTION {NAME} SET (slot_name = NONE); DROP SUBSCRIPTION {NAME}")
    assert sorted(leftovers(source)) == [["publication"], ["role"], ["slot"]]
    assert run("unfollow", *pair) == {}
    run("follow", *pair)
    wait_until(lambda: source.sql(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{NAME}'") == [["t"]])
    assert run("unfollow", *pair, "source-only=yes") == {}, "its connection was ended"
    assert leftovers(source) == [] and leftovers(target) == [["subscription"]]


def test_a_table_without_a_key(source: Server, pair: tuple[str, str]) -> None:
    source.sql("ALTER TABLE followed DROP CONSTRAINT followed_pkey, ADD COLUMN more int")
    seen = run("followed", *pair)["source"]
    assert (seen["identity"], seen["extra"]) == (False, "more")


def test_rights_that_are_missing(source: Server, target: Server, pair: tuple[str, str]) -> None:
    for server in (source, target):
        server.sql("DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN PASSWORD 'right'")
    sides = [side.replace("user=chat", "user=weak") for side in pair]
    seen = run("followed", *sides)
    assert seen["source"]["missing"] == "weak must own the table"
    assert "rds_superuser" in seen["target"]["missing"]
