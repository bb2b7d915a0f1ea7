"""Searches as the application makes them: what the vector index leads to, and what it misses."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Server, tool

DIMENSION = 16
# Vectors around the origin, as embeddings are: what an index on an empty table takes for its centres is far from them.
VECTOR = "(SELECT array_agg(sin(i * 7 + j * j * 3 + i * j) / 8) FROM generate_series(1, 16) AS j)::vector"


def fill(server: Server, table: str, rows: int, bots: int = 4, first: int = 1, vector: str = VECTOR) -> None:
    server.sql(f"INSERT INTO {table} SELECT lpad(i::text, 26, '0'), 'bot' || i % {bots}, 'text ' || i, 's', {vector} "
               f"FROM generate_series({first}, {first + rows - 1}) AS i; ANALYZE {table}")


def index(server: Server, table: str, lists: int, operators: str = "vector_l2_ops") -> None:
    server.sql(f"SET client_min_messages = error; CREATE INDEX idx_{table}_embedding ON {table} "
               f"USING ivfflat (embedding {operators}) WITH (lists = {lists})")


def search(side: str, **options: Any) -> dict[str, Any]:
    return tool("search", side, *(f"{key}={value}" for key, value in options.items()))


def test_each_bot_is_asked_with_its_first_row(target: Server) -> None:
    side = target.table("asked", DIMENSION)
    fill(target, "asked", 400)
    target.sql("INSERT INTO asked VALUES ('none', 'bare', 'c', 's', NULL), ('0', E'o\\'neil \\\\', 'c', 's', "
               f"(SELECT embedding FROM asked LIMIT 1)), ('-', 'bot1', 'c', 's', NULL)")
    index(target, "asked", 4)
    found = search(side)
    assert found["index"] == "idx_asked_embedding"
    assert found["bots"] == {
        "bare": {"id": None, "answered": False}, "o'neil \\": {"id": "0", "answered": True},
        **{f"bot{n}": {"id": str(n or 4).zfill(26), "answered": True} for n in range(4)}}
    assert search(side, bots="bot2,gone")["bots"] == {
        "bot2": {"id": "2".zfill(26), "answered": True}, "gone": {"id": None, "answered": False}}


def test_rows_that_an_index_has_lost_are_noticed(target: Server) -> None:
    side = target.table("lossy", DIMENSION)
    fill(target, "lossy", 100, bots=1)
    index(target, "lossy", 1)
    flag = "UPDATE pg_index SET indisready = {} WHERE indexrelid = 'idx_lossy_embedding'::regclass"
    target.sql(flag.format("false"))
    target.sql("INSERT INTO lossy SELECT 'late', 'late', 'c', 's', embedding FROM lossy WHERE botid = 'bot0' LIMIT 1")
    target.sql(flag.format("true"))
    assert {bot: one["answered"] for bot, one in search(side)["bots"].items()} == {"bot0": True, "late": False}
    target.sql("REINDEX INDEX idx_lossy_embedding")
    assert search(side)["bots"]["late"]["answered"]


def test_an_index_for_another_distance_does_not_serve(target: Server) -> None:
    side = target.table("cosine", DIMENSION)
    fill(target, "cosine", 20)
    assert search(side)["index"] is None
    index(target, "cosine", 1, "vector_cosine_ops")
    assert search(side)["index"] is None


def by_hand(server: Server, table: str, limit: int) -> tuple[int, int]:
    """Of what is nearest to each bot's first row, rows in all, and those that lie in the list of that row."""
    near = (f"SELECT id FROM {table} WHERE botid = q.botid AND id <> q.id ORDER BY embedding <-> q.embedding "
            f"LIMIT {limit}")
    questions = f"(SELECT DISTINCT ON (botid) * FROM {table} ORDER BY botid, id) AS q"
    expected = server.sql(f"SET enable_indexscan = off; SELECT q.id, n.id FROM {questions}, LATERAL ({near}) AS n")
    probed = server.sql(f"SET enable_sort = off; SELECT q.id, n.id FROM {questions}, LATERAL ({near}) AS n")
    return len(expected), len({tuple(row) for row in expected} & {tuple(row) for row in probed})


def test_recall_is_what_the_index_finds_of_what_is_nearest(target: Server) -> None:
    side = target.table("recall", DIMENSION)
    fill(target, "recall", 2000, bots=10)
    index(target, "recall", 40)
    recall = search(side, limit=7)["recall"]
    assert (recall["questions"], recall["expected"]) == (10, 70)
    assert (recall["expected"], recall["found"]) == by_hand(target, "recall", 7)
    assert 0 < recall["found"] < 70
    target.sql("ALTER INDEX idx_recall_embedding SET (lists = 40); ALTER DATABASE postgres SET ivfflat.probes = 40")
    try:
        assert search(side, limit=7)["recall"]["found"] == 70
    finally:
        target.sql("ALTER DATABASE postgres RESET ivfflat.probes")


def test_questions_without_other_rows_say_nothing_of_recall(target: Server) -> None:
    side = target.table("single", DIMENSION)
    fill(target, "single", 3, bots=3)
    index(target, "single", 1)
    assert search(side)["recall"] == {"questions": 0, "expected": 0, "found": 0, "indexed": 0}
    fill(target, "single", 3, bots=3, first=4)
    assert search(side)["recall"] == {"questions": 3, "expected": 3, "found": 3, "indexed": 0}


def test_it_is_told_which_searches_postgresql_sends_through_the_index(target: Server) -> None:
    side = target.table("planned", DIMENSION)
    fill(target, "planned", 4000, bots=1)
    fill(target, "planned", 10, bots=1, first=4001)
    target.sql("UPDATE planned SET botid = 'rare' WHERE id > lpad('4000', 26, '0'); VACUUM ANALYZE planned")
    index(target, "planned", 40)
    assert search(side)["recall"]["indexed"] == 1
    assert search(side, bots="rare")["recall"]["indexed"] == 0


@pytest.mark.parametrize(("before", "crowded"), [(None, False), (0, True), (2, True), (3, True), (8, False)])
def test_an_index_that_was_built_on_no_rows_or_a_few_is_crowded(target: Server, before: int | None,
                                                               crowded: bool) -> None:
    """On none, the rows come to the centre that is nearest to the origin; on a few, to these, more or less evenly."""
    side = target.table("crowded", DIMENSION)
    tiny = VECTOR.replace("/ 8", "/ 8000")  # so that chance has no say in which centre is nearest
    if before is not None:
        target.sql("INSERT INTO crowded SELECT 'first' || i, 'first', 'c', 's', (SELECT array_agg(CASE WHEN j = i THEN "
                   f"0.00001 ELSE 0 END) FROM generate_series(1, 16) AS j)::vector FROM generate_series(1, {before}) AS i")
        index(target, "crowded", 20)
    fill(target, "crowded", 2000, bots=5, vector=tiny)
    if before is None:
        index(target, "crowded", 20)
    assert search(side, rows=2000)["crowded"] is crowded


def test_a_question_in_words_is_searched_for(target: Server) -> None:
    side = target.table("worded", DIMENSION)
    fill(target, "worded", 40)
    index(target, "worded", 1)
    first = "1".zfill(26)
    vector = target.sql(f"SELECT embedding FROM worded WHERE id = '{first}'")[0][0]
    found = search(side, bots="bot1", text=vector, limit=3)
    assert (found["text"], found["content"]) == ({"answers": 3, "found": True}, "text")
    far = "[" + ",".join(["-9"] * DIMENSION) + "]"
    nearest = target.sql(f"SELECT id FROM worded WHERE botid = 'bot1' ORDER BY embedding <-> '{far}' LIMIT 1")[0][0]
    assert search(side, bots="bot1", text=far, limit=1)["text"] == {"answers": 1, "found": nearest == first}
    assert search(side, bots="bot1", text="[1,2]")["error"]["message"].endswith("different vector dimensions 16 and 2")
    assert target.sql("SELECT count(*) FROM worded") == [["40"]]


def test_an_extension_and_a_table_elsewhere(target: Server) -> None:
    target.sql("DROP DATABASE IF EXISTS away")
    target.sql("CREATE DATABASE away")
    target.sql("CREATE SCHEMA app; CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions", "away")
    side = target.side(database="away", table="app.Items")
    assert tool("create", side, "dimension=3") == {}
    target.sql("INSERT INTO app.\"Items\" SELECT i, 'b', 'c', 's', '[1,2,3]' FROM generate_series(1, 5) AS i", "away")
    assert tool("build", side) == {}
    found = search(side, text="[1,2,3]")
    assert found["bots"] == {"b": {"id": "1", "answered": True}}
    assert found["text"] == {"answers": 5, "found": True}
    assert found["recall"]["found"] == 4
