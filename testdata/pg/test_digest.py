"""The digest v1, against a second implementation of its definition, on rows that are odd."""

from __future__ import annotations

import hashlib
import struct

import pytest

from conftest import Server, tool

ODD = """
INSERT INTO {table} VALUES
    ('01', 'plain', 'content', 'source', '[1,2,3]'),
    ('02', 'plain', 'content', 'source', '[1,2,3]'),
    ('03', 'nulls', NULL, NULL, NULL),
    ('04', 'nulls', '', '', NULL),
    ('05', 'nulls', '', NULL, '[0,0,0]'),
    ('06', 'zeros', 'x', 'y', '[0,-0,0]'),
    ('07', 'floats', 'x', 'y', '[1e-45,1.1754942e-38,3.4028235e38]'),
    ('08', 'floats', 'x', 'y', '[0.1,-1e-40,0.33333334]'),
    ('09', 'unicode', 'naïve Ünïcödé 漢字 🙂', E'e\\u0301', '[1,1,1]'),
    ('10', 'control', E'tab\\t nl\\n cr\\r back\\\\slash \\x01', E'\\\\N', '[1,1,1]'),
    ('11', NULL, 'nobody''s', 's', '[1,1,1]'),
    ('12', '', 'the empty bot''s', 's', '[1,1,1]'),
    ('13', 'it''s "quoted" \\ {{bots}}', 'c', 's', '[1,1,1]'),
    ('14', 'large', repeat('wide ☃ ', 300000), 's', '[1,1,1]');
"""
FIELDS = """
SELECT coalesce(botid::text, '(null)'),
       encode(convert_to(id::text, 'UTF8'), 'hex'),
       coalesce(encode(convert_to(content, 'UTF8'), 'hex'), '-'),
       coalesce(encode(convert_to(source, 'UTF8'), 'hex'), '-'),
       coalesce(embedding::text, '-')
FROM public.{table}
"""


def vector_bytes(text: str) -> bytes:
    """pgvector's binary form of its text form."""
    numbers = [float(number) for number in text.strip("[]").split(",")]
    return struct.pack(">hh", len(numbers), 0) + b"".join(struct.pack(">f", number) for number in numbers)


def framed(field: bytes | None) -> bytes:
    return struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field


def expected(server: Server, table: str, database: str = "postgres") -> dict[str, dict[str, object]]:
    """As pg/digest.h defines it, from the rows' text."""
    sums: dict[str, list[int]] = {}
    for bot, *texts, embedding in server.sql(FIELDS.format(table=table), database):
        fields = [None if text == "-" else bytes.fromhex(text) for text in texts]
        fields.append(None if embedding == "-" else vector_bytes(embedding))
        first, second = struct.unpack(">QQ", hashlib.sha256(b"".join(map(framed, fields))).digest()[:16])
        total = sums.setdefault(bot, [0, 0, 0])
        total[:] = [total[0] + 1, (total[1] + first) % 2**64, (total[2] + second) % 2**64]
    return {bot: {"rows": rows, "digest": f"{first:016x}{second:016x}"} for bot, (rows, first, second) in sums.items()}


@pytest.fixture
def odd(source: Server) -> str:
    side = source.table("odd")
    source.sql(ODD.format(table="odd").replace("{{", "{").replace("}}", "}"))
    return side


def test_odd_rows_have_the_digest_of_the_definition(source: Server, odd: str) -> None:
    bots = tool("digest", odd)["bots"]
    assert bots == expected(source, "odd")
    assert list(bots) == sorted(bots)
    assert bots["(null)"]["rows"] == 1
    assert bots[""]["rows"] == 1


def test_the_stream_has_the_digests_of_the_server(source: Server, target: Server, odd: str) -> None:
    answer = tool("copy", odd, target.table("odd"))
    assert {bot["state"] for bot in answer["bots"].values()} == {"verified"}
    assert {name: {"rows": bot["rows"], "digest": bot["digest"]} for name, bot in answer["bots"].items()} == expected(
        target, "odd")


def test_text_copies_odd_rows_as_well(source: Server, target: Server, odd: str) -> None:
    answer = tool("copy", odd, target.table("odd"), "format=text")
    assert answer["text"] == "it was asked for"
    assert {bot["state"] for bot in answer["bots"].values()} == {"verified"}
    assert tool("digest", target.side(table="odd"))["bots"] == expected(source, "odd")


def test_only_the_named_bots_are_read(odd: str) -> None:
    assert list(tool("digest", odd, "bots=plain,(null),absent")["bots"]) == ["(null)", "plain"]


def test_counts_agree(odd: str) -> None:
    counts = {name: bot["rows"] for name, bot in tool("count", odd)["bots"].items()}
    assert counts == {name: bot["rows"] for name, bot in tool("digest", odd)["bots"].items()}


@pytest.mark.parametrize("change", [
    "UPDATE odd SET id = '99' WHERE id = '01'",
    "UPDATE odd SET content = content || ' ' WHERE id = '01'",
    "UPDATE odd SET source = NULL WHERE id = '04'",
    "UPDATE odd SET content = 'conten', source = 'tsource' WHERE id = '01'",
    "UPDATE odd SET embedding = '[0,0,0]' WHERE id = '06'",
    "UPDATE odd SET embedding = NULL WHERE id = '05'",
])
def test_each_change_is_seen(source: Server, odd: str, change: str) -> None:
    before = tool("digest", odd)["bots"]
    source.sql(change)
    after = tool("digest", odd)["bots"]
    assert {name: bot["rows"] for name, bot in before.items()} == {name: bot["rows"] for name, bot in after.items()}
    assert [name for name in before if before[name] != after[name]] != []


def test_duplicates_count(source: Server, odd: str) -> None:
    source.sql("ALTER TABLE odd DROP CONSTRAINT odd_pkey; INSERT INTO odd SELECT * FROM odd WHERE botid = 'plain'")
    assert tool("digest", odd)["bots"] == expected(source, "odd")
    assert tool("digest", odd)["bots"]["plain"]["rows"] == 4


def test_another_encoding_and_other_types_give_the_same(source: Server) -> None:
    source.sql("CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    source.sql("CREATE EXTENSION vector;"
               "CREATE TABLE odd (id text PRIMARY KEY, botid varchar(26), content text, source text, embedding vector);"
               "INSERT INTO odd VALUES ('1', 'bot', E'caf\\u00e9', NULL, '[1,2]')", "latin1")
    source.table("plain", dimension=2)
    source.sql("INSERT INTO plain VALUES ('1', 'bot', E'caf\\u00e9', NULL, '[1,2]')")
    latin1 = tool("digest", source.side(database="latin1", table="odd"))["bots"]
    assert latin1 == tool("digest", source.side(table="plain"))["bots"] == expected(source, "plain")


def test_parallel_workers_change_nothing(source: Server) -> None:
    side = source.table("many")
    source.sql("INSERT INTO many SELECT i, i % 7, repeat(chr(8200 + i % 50), 100), NULL, ARRAY[i, -i, 0.5]::vector "
               "FROM generate_series(1, 20000) AS i; ANALYZE many; ALTER TABLE many SET (parallel_workers = 2)")
    parallel = tool("digest", side, PGOPTIONS="-c min_parallel_table_scan_size=0")["bots"]
    alone = tool("digest", side, PGOPTIONS="-c max_parallel_workers_per_gather=0")["bots"]
    assert parallel == alone == expected(source, "many")


def test_the_reserved_name_is_refused(source: Server) -> None:
    side = source.table("reserved")
    source.sql("INSERT INTO reserved VALUES ('1', '(null)', 'c', 's', NULL)")
    error = tool("count", side)["error"]
    assert error["code"] == "state"
    assert "(null)" in error["message"]


def test_no_such_table(source: Server) -> None:
    assert tool("count", source.side(table="nowhere"))["error"]["code"] == "not-found"


def test_search_path_and_functions_of_others_are_not_trusted(source: Server) -> None:
    """Who may create functions in public must not have them run by us."""
    side = source.table("trusting")
    source.sql("INSERT INTO trusting VALUES ('1', 'bot', 'c', 's', '[1,2,3]');"
               "CREATE OR REPLACE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$;"
               "ALTER ROLE postgres SET search_path = nowhere")
    try:
        assert tool("digest", side)["bots"] == expected(source, "trusting")
    finally:
        source.sql("ALTER ROLE postgres RESET search_path; DROP FUNCTION public.sha256(bytea)")
