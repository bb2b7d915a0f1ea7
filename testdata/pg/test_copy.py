"""Whole bots, whatever happens."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from conftest import Server, finish_tool, start_tool, tool

FILL = """
INSERT INTO {table}
SELECT i, 'bot' || lpad(floor(100 * power(i::float / {rows}, 3))::int::text, 3, '0'), repeat(md5(i::text), 20),
       's3://bucket/' || i % 10, array_fill((i * 0.001)::real, ARRAY[1024])::vector
FROM generate_series(1, {rows}) AS i;
VACUUM ANALYZE {table};
"""
ROWS = 12000


@pytest.fixture(scope="module")
def big(source: Server) -> str:
    side = source.table("big", dimension=1024)
    source.sql(FILL.format(table="big", rows=ROWS))
    return side


def states(answer: dict[str, Any]) -> set[str]:
    return {bot["state"] for bot in answer["bots"].values()}


def small(server: Server, table: str, rows: str) -> str:
    side = server.table(table)
    server.sql(f"INSERT INTO {table} VALUES {rows}")
    return side


def wait_until(server: Server, condition: str) -> None:
    deadline = time.monotonic() + 30
    while server.sql(f"SELECT {condition}") != [["t"]]:
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


@contextmanager
def locked(server: Server, table: str) -> Iterator[IO[str]]:
    """Nobody writes to the table until this ends; what is written to the file is SQL of the holder."""
    command = ["psql", "-h", str(server.directory), "-p", str(server.port), "-U", "postgres", "-qX"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as holder:
        assert holder.stdin is not None
        holder.stdin.write(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE;\n")
        holder.stdin.flush()
        wait_until(server, f"EXISTS (SELECT FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'ExclusiveLock' AND granted)")
        yield holder.stdin
        holder.stdin.write("COMMIT;\n")
        holder.stdin.close()


def test_a_copy_and_its_repetition(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    answer = tool("copy", big, side)
    assert states(answer) == {"verified"}
    assert (answer["rows_copied"], answer["rows_done"], answer["text"], answer["extra"]) == (ROWS, ROWS, None, [])
    assert tool("compare", big, side)["unequal"] == {}
    again = tool("copy", big, side)
    assert (states(again), again["rows_copied"]) == ({"equal"}, 0)


def test_only_what_differs_is_copied(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    tool("copy", big, side)
    target.sql("DELETE FROM big WHERE botid = 'bot007'; UPDATE big SET content = 'x' WHERE botid = 'bot008';"
               "DELETE FROM big WHERE id = (SELECT max(id) FROM big WHERE botid = 'bot009')")
    answer = tool("copy", big, side)
    assert {name for name, bot in answer["bots"].items() if bot["state"] == "verified"} == {"bot007", "bot008", "bot009"}
    assert tool("compare", big, side)["unequal"] == {}


def test_only_the_named_bots_are_touched(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    answer = tool("copy", big, side, "bots=bot050,bot001,nobody")
    assert {name: bot["state"] for name, bot in answer["bots"].items()} == {"bot001": "verified", "bot050": "verified"}
    target.sql("INSERT INTO big VALUES ('0', 'nobody', 'c', 's', NULL)")
    answer = tool("copy", big, side, "bots=nobody")
    assert {name: bot["state"] for name, bot in answer["bots"].items()} == {"nobody": "absent"}
    assert tool("delete", side, "bots=nobody,never") == {"rows": 1}
    assert target.sql("SELECT DISTINCT botid::text FROM big ORDER BY 1") == [["bot001"], ["bot050"]]


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_leaves_whole_bots(big: str, target: Server, seed: int) -> None:
    side = target.table("big", dimension=1024)
    copy = start_tool("copy", big, side)
    wait_for_streams(target)
    time.sleep(random.Random(seed).uniform(0.0, 0.8))
    copy.send_signal(signal.SIGKILL)
    copy.communicate()
    wait_for_streams(target, there=False)
    unequal = tool("compare", big, side)["unequal"]
    assert {name: bot["target"] for name, bot in unequal.items()} == {name: 0 for name in unequal}
    answer = tool("copy", big, side)
    assert answer["rows_copied"] == sum(bot["source"] for bot in unequal.values())
    assert tool("compare", big, side)["unequal"] == {}


def wait_for_streams(server: Server, there: bool = True) -> None:
    """Until a copy writes, or until none is left."""
    if there:
        wait_until(server, "EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY % FROM STDIN%' AND application_name = 'pgtool')")
    else:
        wait_until(server, "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pgtool')")


def test_a_server_that_dies_is_an_error_and_leaves_whole_bots(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    copy = start_tool("copy", big, side)
    wait_for_streams(target)
    target.stop("immediate")
    try:
        error = finish_tool(copy)["error"]
    finally:
        target.start()
    assert (error["code"], error["retryable"]) == ("unreachable", True)
    assert "copying bot bot" in error["message"]
    assert all(bot["target"] == 0 for bot in tool("compare", big, side)["unequal"].values())
    assert states(tool("copy", big, side)) <= {"verified", "equal"}


def test_a_stream_that_loses_its_connection_goes_on(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    copy = start_tool("copy", big, side)
    wait_for_streams(target)
    target.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
               "WHERE application_name = 'pgtool' AND query LIKE 'COPY % FROM STDIN%'")
    answer = finish_tool(copy)
    assert states(answer) == {"verified"}
    assert answer["rows_done"] == ROWS


def test_a_request_to_stop_leaves_whole_bots(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    copy = start_tool("copy", big, side)
    wait_for_streams(target)
    begin = time.monotonic()
    copy.send_signal(signal.SIGTERM)
    answer = finish_tool(copy)
    assert time.monotonic() - begin < 10
    assert (answer["error"]["code"], "stopped" in answer["error"]["message"]) == ("state", True)
    unequal = tool("compare", big, side)["unequal"]
    assert unequal != {}
    assert all(bot["target"] == 0 for bot in unequal.values())


COPY_LOCK = "x'7472756500000000'::bigint" # as reconcile/pg/copy_lock.sql has it
DELETE_WAITS = "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DELETE FROM%')"


def test_two_copies_at_once_are_refused(big: str, target: Server) -> None:
    side = target.table("big", dimension=1024)
    with locked(target, "big"):
        first = start_tool("copy", big, side, "bots=bot001")
        wait_until(target, DELETE_WAITS)
        second = tool("copy", big, side, "bots=bot001")
    assert (second["error"]["code"], second["error"]["service_code"], second["error"]["retryable"]) == (
        "busy", "copy-lock", True)
    assert states(finish_tool(first)) == {"verified"}


def test_a_source_that_changes_is_copied_as_of_one_moment(big: str, source: Server, target: Server) -> None:
    side = target.table("big", dimension=1024)
    before = tool("digest", big)["bots"]
    copy = start_tool("copy", big, side)
    wait_for_streams(target)
    source.sql("UPDATE big SET content = 'changed' WHERE id = (SELECT min(id) FROM big WHERE botid = 'bot099');"
               "INSERT INTO big SELECT 'new', 'bot000', 'c', 's', embedding FROM big LIMIT 1")
    assert states(finish_tool(copy)) == {"verified"}
    assert tool("digest", side)["bots"] == before
    assert set(tool("compare", big, side)["unequal"]) == {"bot000", "bot099"}
    assert tool("copy", big, side)["rows_copied"] > 0
    assert tool("compare", big, side)["unequal"] == {}


def test_rows_that_only_the_target_has_are_counted(source: Server, target: Server) -> None:
    left = small(source, "lone", "('1', 'a', 'c', 's', NULL), ('2', 'a', 'c', 's', NULL), ('3', 'b', 'c', 's', NULL), "
                                 "('7', NULL, 'c', 's', NULL)")
    right = small(target, "lone", "('1', 'a', 'c', 's', NULL), ('4', 'a', 'c', 's', NULL), ('3', 'b', 'other', 's', NULL), "
                                  "('5', 'c', 'c', 's', NULL), ('6', 'a', 'c', 's', NULL), ('7', NULL, 'x', 's', NULL)")
    assert tool("compare", left, right) == {"bots": 4, "unequal": {
        "(null)": {"source": 1, "target": 1, "target_only": 0},
        "a": {"source": 2, "target": 3, "target_only": 2},
        "b": {"source": 1, "target": 1, "target_only": 0},
        "c": {"source": 0, "target": 1, "target_only": 1}}}
    answer = tool("copy", left, right)
    assert answer["extra"] == ["c"]
    assert target.sql("SELECT id::text FROM lone ORDER BY 1") == [["1"], ["2"], ["3"], ["5"], ["7"]]


def test_rows_that_came_meanwhile_are_not_replaced(source: Server, target: Server) -> None:
    """Held up before its DELETE, the copy finds a row that its plan did not know."""
    left = small(source, "race", "('1', 'a', 'c', 's', NULL)")
    right = target.table("race")
    with locked(target, "race") as holder:
        copy = start_tool("copy", left, right)
        wait_until(target, DELETE_WAITS)
        holder.write("INSERT INTO race VALUES ('9', 'a', 'new', 's', NULL);\n")
    error = finish_tool(copy)["error"]
    assert error["code"] == "protocol"
    assert "does something else write there?" in error["message"]
    assert "bot a" in error["message"]
    assert target.sql("SELECT id::text FROM race ORDER BY 1") == [["1"], ["9"]]


def test_a_bot_with_rows_of_its_own_is_kept(source: Server, target: Server) -> None:
    left = small(source, "own", "('1', 'a', 'c', 's', NULL), ('2', 'b', 'c', 's', NULL), ('3', 'c', 'c', 's', NULL)")
    right = small(target, "own", "('1', 'a', 'other', 's', NULL), ('9', 'b', 'new', 's', NULL)")
    answer = tool("copy", left, right, "keep=yes")
    assert {name: bot["state"] for name, bot in answer["bots"].items()} == {"a": "verified", "b": "kept", "c": "verified"}
    assert target.sql("SELECT id::text, content FROM own ORDER BY 1") == [["1", "c"], ["3", "c"], ["9", "new"]]


def test_rows_that_came_while_it_waited_for_the_lock_are_kept(source: Server, target: Server) -> None:
    """Whether a bot may be replaced is settled in the transaction that replaces it, not before."""
    left = small(source, "late", "('1', 'a', 'c', 's', NULL)")
    right = target.table("late")
    with locked(target, "late") as holder:
        holder.write(f"SELECT pg_advisory_lock({COPY_LOCK} + 'late'::regclass::oid::bigint);\n")
        holder.flush()
        wait_until(target, "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)")
        copy = start_tool("copy", left, right, "keep=yes")
        wait_until(target, "EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%SELECT pg_try_advisory_lock%')")
        holder.write("INSERT INTO late VALUES ('9', 'a', 'new', 's', NULL);\n")
    answer = finish_tool(copy)
    assert answer["bots"]["a"]["state"] == "kept"
    assert target.sql("SELECT id::text FROM late") == [["9"]]


def test_a_row_in_two_bots_fails_that_transaction_alone(source: Server, target: Server) -> None:
    """The target has the id under another bot, which is not to be touched."""
    left = small(source, "clash", "('1', 'a', 'c', 's', NULL)")
    right = small(target, "clash", "('1', 'z', 'c', 's', NULL)")
    error = tool("copy", left, right)["error"]
    assert (error["service_code"], "bot a" in error["message"]) == ("23505", True)
    assert target.sql("SELECT botid::text FROM clash") == [["z"]]


def test_tables_that_do_not_fit_are_refused(source: Server, target: Server) -> None:
    left = source.table("fit", dimension=3)
    error = tool("copy", left, target.table("fit", dimension=4))["error"]
    assert (error["code"], "3 dimensions on the source and 4" in error["message"]) == ("state", True)
    target.sql("DROP TABLE fit")
    error = tool("copy", left, target.side(table="fit"))["error"]
    assert (error["code"], "no table fit" in error["message"]) == ("state", True)
    target.sql("CREATE TABLE fit (id text)")
    error = tool("copy", left, target.side(table="fit"))["error"]
    assert (error["code"], "botid is missing" in error["message"]) == ("state", True)


def test_columns_that_are_left_behind_are_named(source: Server, target: Server) -> None:
    left = small(source, "wide", "('1', 'a', 'c', 's', NULL)")
    source.sql("ALTER TABLE wide ADD note text, ADD \"when\" date")
    answer = tool("copy", left, target.table("wide"))
    assert (answer["extra_columns"], states(answer)) == ("note, when", {"verified"})


def test_an_empty_source(source: Server, target: Server) -> None:
    assert tool("copy", source.table("none"), target.table("none"))["bots"] == {}


def test_many_tiny_bots(source: Server, target: Server) -> None:
    left = source.table("tiny")
    source.sql("INSERT INTO tiny SELECT i, 'b' || i, 'c', NULL, '[1,2,3]' FROM generate_series(1, 5000) AS i")
    right = target.table("tiny")
    answer = tool("copy", left, right)
    assert (answer["rows_copied"], len(answer["bots"]), states(answer)) == (5000, 5000, {"verified"})
    assert tool("compare", left, right)["unequal"] == {}
