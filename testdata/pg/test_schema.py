"""What is there is seen, and what is missing is made."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from conftest import Server, finish_tool, start_tool, tool


def observe(side: str) -> dict[str, Any]:
    schema: dict[str, Any] = tool("observe", side)["schema"]
    return schema


def fill(server: Server, table: str, rows: int) -> None:
    server.sql(f"INSERT INTO {table} SELECT i, i % 10, 'c', 's', ARRAY[i, i % 100, i % 7]::vector "
               f"FROM generate_series(1, {rows}) AS i")


@pytest.fixture
def empty(target: Server) -> str:
    target.sql("DROP DATABASE IF EXISTS empty")
    target.sql("CREATE DATABASE empty")
    return target.side(database="empty", table="items")


def test_everything_is_made_once(target: Server, empty: str) -> None:
    before = observe(empty)
    assert (before["table"], before["vector"], before["pgcrypto"], before["dimension"]) == (False, None, False, 0)
    assert before["available"] is not None
    assert tool("create", empty) == {}
    after = observe(empty)
    assert after["columns"] == {"id": "character(26)", "botid": "character(26)", "content": "text", "source": "text",
                                "embedding": "vector(1024)"}
    assert after["dimension"] == 1024
    assert after["vector"] == before["available"]
    assert [after[key] for key in ("table", "pgcrypto", "primary_key", "botid_index")] == [True] * 4
    assert after["mismatch"] is None
    assert after["vector_indexes"] == []
    target.sql("INSERT INTO items VALUES ('1', 'b', 'c', 's', NULL)", "empty")
    assert tool("create", empty) == {}
    assert observe(empty) == after
    assert target.sql("SELECT count(*) FROM items", "empty") == [["1"]]


def test_missing_keys_are_added(target: Server) -> None:
    side = target.table("keyless")
    target.sql("ALTER TABLE keyless DROP CONSTRAINT keyless_pkey; DROP INDEX idx_keyless_botid")
    assert (observe(side)["primary_key"], observe(side)["botid_index"]) == (False, False)
    assert tool("create", side, "dimension=3") == {}
    assert (observe(side)["primary_key"], observe(side)["botid_index"]) == (True, True)


def test_all_or_nothing(target: Server) -> None:
    """Rows that no primary key can hold: then the index is not made either."""
    side = target.table("doubled")
    target.sql("ALTER TABLE doubled DROP CONSTRAINT doubled_pkey; DROP INDEX idx_doubled_botid;"
               "INSERT INTO doubled VALUES ('1', 'b', 'c', 's', NULL), ('1', 'b', 'c', 's', NULL)")
    assert "primary key" in tool("create", side)["error"]["message"]
    assert observe(side)["botid_index"] is False
    assert target.sql("SELECT count(*) FROM doubled") == [["2"]]


@pytest.mark.parametrize(("change", "words"), [
    ("DROP COLUMN content", "content is missing"),
    ("ALTER COLUMN source TYPE bytea USING NULL", "source is bytea"),
    ("ALTER COLUMN embedding TYPE real[]", "embedding is real[]"),
])
def test_columns_that_do_not_fit_are_named(target: Server, change: str, words: str) -> None:
    side = target.table("misfit")
    target.sql(f"ALTER TABLE misfit {change}")
    assert words in observe(side)["mismatch"]
    error = tool("create", side)["error"]
    assert error["code"] == "state"
    assert words in error["message"]


def test_an_index_is_built_in_the_place_of_others(target: Server) -> None:
    side = target.table("indexed")
    fill(target, "indexed", 2500)
    target.sql("CREATE INDEX other ON indexed USING ivfflat (embedding vector_l2_ops) WITH (lists = 7)")
    assert observe(side)["vector_indexes"] == [
        {"name": "other", "method": "ivfflat", "opclass": "vector_l2_ops", "lists": 7, "trained": 0, "valid": True}]
    assert tool("build", side) == {}
    assert observe(side)["vector_indexes"] == [
        {"name": "idx_indexed_embedding", "method": "ivfflat", "opclass": "vector_l2_ops", "lists": 2, "trained": 2500,
         "valid": True}]
    assert tool("build", side, "method=hnsw", "concurrently=1") == {}
    assert observe(side)["vector_indexes"] == [
        {"name": "idx_indexed_embedding", "method": "hnsw", "opclass": "vector_l2_ops", "lists": 0, "trained": 2500,
         "valid": True}]
    assert tool("drop", side) == {}
    assert observe(side)["vector_indexes"] == []
    assert observe(side)["botid_index"] is True


def test_what_a_killed_build_left_is_seen_and_cleared(target: Server) -> None:
    side = target.table("leftover")
    fill(target, "leftover", 100)
    target.sql("CREATE INDEX idx_leftover_embedding_building ON leftover USING ivfflat (embedding vector_l2_ops) "
               "WITH (lists = 1); UPDATE pg_index SET indisvalid = false "
               "WHERE indexrelid = 'idx_leftover_embedding_building'::regclass")
    assert [index["valid"] for index in observe(side)["vector_indexes"]] == [False]
    assert tool("build", side, "lists=3") == {}
    assert [(index["name"], index["lists"], index["valid"]) for index in observe(side)["vector_indexes"]] == [
        ("idx_leftover_embedding", 3, True)]


def test_a_build_can_be_stopped(target: Server) -> None:
    side = target.table("slow")
    target.sql("INSERT INTO slow SELECT i, i % 10, 'c', 's', ARRAY[random(), random(), random()]::vector "
               "FROM generate_series(1, 200000) AS i")
    build = start_tool("build", side, "method=hnsw")
    while target.sql("SELECT count(*) FROM pg_stat_progress_create_index") == [["0"]]:
        time.sleep(0.05)
    build.send_signal(signal.SIGTERM)
    error = finish_tool(build)["error"]
    assert (error["code"], "stopped" in error["message"]) == ("state", True)
    assert observe(side)["vector_indexes"] == []


def test_an_unknown_method_is_refused(target: Server) -> None:
    assert tool("build", target.table("methodless"), "method=brin")["error"]["code"] == "invalid"


def test_another_schema_of_table_and_extension(target: Server) -> None:
    target.sql("DROP DATABASE IF EXISTS elsewhere")
    target.sql("CREATE DATABASE elsewhere")
    target.sql("CREATE SCHEMA app; CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions", "elsewhere")
    side = target.side(database="elsewhere", table="app.Items")
    assert tool("create", side, "dimension=3") == {}
    target.sql("INSERT INTO app.\"Items\" VALUES ('1', 'b', 'c', 's', '[1,2,3]')", "elsewhere")
    assert tool("build", side) == {}
    assert tool("digest", side)["bots"]["b"]["rows"] == 1
    assert tool("vacuum", side) == {}
