"""The vector store's table, as the application makes it, and rows to put into it."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from random import Random

from psycopg import Connection

DIMENSIONS = 1024
ULID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 2024-05-01, when the rows of a version 0 deployment may have been made.
_EPOCH_MS = 1_714_521_600_000

# The application's own: the vector index is built while the table is empty.
_SCHEMA = """
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE EXTENSION IF NOT EXISTS vector;
DROP TABLE IF EXISTS items;
CREATE TABLE items (id CHAR(26) PRIMARY KEY, botid CHAR(26), content text, source text, embedding vector(1024));
SET client_min_messages = error;
CREATE INDEX idx_items_embedding ON items USING ivfflat (embedding vector_l2_ops) WITH (lists = 100);
CREATE INDEX idx_items_botid ON items (botid);
"""

_PHRASES = (
    "The quarterly figures were approved by the board.", "See the appendix for how the pump is installed.",
    "L'énergie renouvelable représente 42 % du total.", "Größenänderungen müssen geprüft werden.",
    "製品の保証期間は購入日から二年間です。", "설치 전에 전원을 끄십시오.", "Доступ разрешён только сотрудникам.",
    "שלום עולם, זהו טקסט מימין לשמאל.", "النص العربي يكتب من اليمين إلى اليسار.", "Crème brûlée and cafe\u0301.",
    "👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 thumbs", "She said \"it's fine\", didn't she?", "C:\\temp\\new\\table.csv",
    "first line\nsecond line\r\nthird\tcolumn", "\\N and \\. are not the end of the data", "'); DROP TABLE items; --",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 beyond the basic plane", "a\u00a0no-break\u200bzero-width\ufeffmark", "{\"json\": [1, 2.5, null]}",
    "100 % sure; 50 € each; ½ price", "", "   leading and trailing   ")
_SOURCES = ("https://example.com/handbook/{}", "s3://documents/{}/report.pdf", "https://example.com/?q=a%20b&n={}",
            "https://例え.テスト/資料/{}", "file {} (final).docx", "")


def ulid(rng: Random) -> str:
    """A ULID of a moment within a month of the epoch above."""
    number = (_EPOCH_MS + rng.randrange(30 * 86_400_000)) << 80 | rng.getrandbits(80)
    return "".join(ULID_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def create_schema(session: Connection, owner: str) -> None:
    session.execute(f"SET ROLE {owner}")
    session.execute(_SCHEMA)
    session.execute("RESET client_min_messages; RESET ROLE")


def share_out(total: int, parts: int) -> list[int]:
    """`total` in so many parts, the k-th in proportion to 1/k, none empty while there is enough."""
    weights = [1 / rank for rank in range(1, parts + 1)]
    shares = [max(1, int(total * weight / sum(weights))) for weight in weights]
    if parts:
        shares[0] += total - sum(shares)
    if shares and shares[0] < 1:
        raise ValueError(f"{total} rows are too few for {parts} bots")
    return shares


def insert(session: Connection, counts: dict[str, int], rng: Random) -> None:
    """Inserts so many rows for each bot, in binary, the bots' rows mixed as time would mix them."""
    order = [bot for bot, count in counts.items() for _ in range(count)]
    rng.shuffle(order)
    with session.cursor() as cursor, cursor.copy("COPY items FROM STDIN (FORMAT binary)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0))
        for row in _rows(order, rng):
            copy.write(row)
        copy.write(struct.pack("!h", -1))


def _rows(bots: list[str], rng: Random) -> Iterator[bytes]:
    scale = array("f", ((value - 127.5) / 127.5 * 0.054 for value in range(256)))
    for number, bot in enumerate(bots):
        fields = (ulid(rng).encode(), bot.encode(), _content(number, rng), _source(number, rng),
                  _embedding(number, scale, rng))
        yield struct.pack("!h", len(fields)) + b"".join(map(_field, fields))


def _field(value: bytes | None) -> bytes:
    return struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value


def _content(number: int, rng: Random) -> bytes | None:
    if number % 211 == 7:
        return None if number % 2 else b""
    return f"{number}: {' '.join(rng.choices(_PHRASES, k=rng.randint(3, 30)))}".encode()


def _source(number: int, rng: Random) -> bytes | None:
    return None if number % 101 == 3 else rng.choice(_SOURCES).format(number // 20).encode()


def _embedding(number: int, scale: array[float], rng: Random) -> bytes | None:
    """pgvector's binary form: dimensions, a zero, float4s; of about unit length."""
    if number % 499 == 5:
        return None
    vector = array("f", map(scale.__getitem__, rng.randbytes(DIMENSIONS)))
    if number % 97 == 11:
        # What text would round or lose: a negative zero, a denormal, the closest to one.
        vector[0], vector[1], vector[2] = -0.0, 1e-42, 0.99999994
    vector.byteswap()
    return struct.pack("!hh", DIMENSIONS, 0) + vector.tobytes()


def shorten(session: Connection, bots: list[str]) -> dict[str, int]:
    """Takes about a third of their rows, at least one, from these bots; how many are left."""
    for bot in bots:
        session.execute("DELETE FROM items WHERE id IN (SELECT id FROM items WHERE botid = %s ORDER BY id LIMIT "
                        "(SELECT greatest(1, count(*) / 3) FROM items WHERE botid = %s))", (bot, bot))
    return count(session)


def count(session: Connection) -> dict[str, int]:
    query = "SELECT botid, count(*) FROM items WHERE botid IS NOT NULL GROUP BY 1 ORDER BY 1"
    return dict(session.execute(query).fetchall())


def insert_orphans(session: Connection, number: int, rng: Random) -> None:
    """Rows that a bot's removal left behind, and rows of no bot: the schema allows both."""
    orphan = ulid(rng)
    insert(session, {orphan: number}, rng)
    session.execute("UPDATE items SET botid = NULL WHERE id IN (SELECT id FROM items WHERE botid = %s ORDER BY id "
                    "LIMIT %s)", (orphan, number // 2))
