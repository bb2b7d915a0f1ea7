"""Rows that go because another database holds them, too."""

from __future__ import annotations

import threading

from conftest import Server, tool
from test_copy import locked, wait_until

ROWS = "('1', 'a', 'x', 's', NULL), ('2', 'a', 'x', 's', NULL), ('3', 'b', 'x', 's', NULL)"


def sides(source: Server, target: Server, rows: str) -> tuple[str, str]:
    pair = source.table("held"), target.table("held")
    source.sql(f"INSERT INTO held VALUES {ROWS}, ('9', NULL, 'x', 's', NULL)")
    target.sql(f"INSERT INTO held VALUES {rows}")
    return pair


def ids(server: Server) -> list[str]:
    return [row[0].strip() for row in server.sql("SELECT id FROM held ORDER BY 1")]


def test_rows_that_the_source_has_go_and_others_stay(source: Server, target: Server) -> None:
    """The bot that only the target has was made since; a row of no bot is a row."""
    pair = sides(source, target, "('1', 'a', 'x', 's', NULL), ('3', 'b', 'x', 's', NULL), ('7', 'new', 'x', 's', NULL), "
                                 "('9', NULL, 'x', 's', NULL)")
    assert tool("delete-held", *pair) == {"bots": 3, "rows": 3, "kept": []}
    assert ids(target) == ["7"] and ids(source) == ["1", "2", "3", "9"]
    assert tool("delete-held", *pair) == {"bots": 0, "rows": 0, "kept": []}


def test_a_row_that_is_nowhere_else_keeps_all(source: Server, target: Server) -> None:
    pair = sides(source, target, "('1', 'a', 'x', 's', NULL), ('3', 'b', 'x', 's', NULL), ('8', 'b', 'x', 's', NULL)")
    assert tool("delete-held", *pair, "lose=look") == tool("delete-held", *pair) == {"bots": 0, "rows": 0, "kept": ["b"]}
    assert ids(target) == ["1", "3", "8"]
    assert tool("delete-held", *pair, "lose=yes") == {"bots": 2, "rows": 3, "kept": []}
    assert ids(target) == []


def test_a_look_goes_by_the_counts(source: Server, target: Server) -> None:
    pair = sides(source, target, "('8', 'b', 'x', 's', NULL)")
    assert tool("delete-held", *pair, "lose=look")["kept"] == []
    assert tool("delete-held", *pair)["kept"] == ["b"]


def test_what_is_written_meanwhile_stays(source: Server, target: Server) -> None:
    """The table is locked between the look and the deletion: a row that comes in then was never looked at."""
    pair = sides(source, target, "('1', 'a', 'x', 's', NULL)")
    answers: list[object] = []
    deletion = threading.Thread(target=lambda: answers.append(tool("delete-held", *pair)))
    with locked(target, "held") as writer:
        deletion.start()
        wait_until(target, "EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'held'::regclass)")
        writer.write("INSERT INTO held VALUES ('4', 'a', 'x', 's', NULL); COMMIT;\n")
        writer.flush()
    deletion.join()
    assert answers == [{"bots": 1, "rows": 1, "kept": []}]
    assert ids(target) == ["4"]


def test_a_table_is_not_held_by_itself(source: Server) -> None:
    side = source.table("held")
    source.sql(f"INSERT INTO held VALUES {ROWS}")
    error = tool("delete-held", side, side)["error"]
    assert error["code"] == "invalid" and "one database" in error["message"]
    assert ids(source) == ["1", "2", "3"]
