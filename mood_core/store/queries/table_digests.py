"""What a database holds of the lake's facts, as digests by person or track: two databases that hold the same agree."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import Any

from sqlalchemy import Connection, inspect, text

from mood_core.store.engine.copying import count_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.loading.stale_totals import are_stale

_SINGLE = Struct("<f")
_CHUNK = 10_000

TABLES = (
    "forgotten",
    "users",
    "tracks",
    "listens",
    "gaps",
    "audio_features",
    "feature_misses",
    "moods",
    "named_plays",
    "mood_days",
)
"""The tables whose rows come from the lake; ``sql/facts`` says how each is read."""


Digests = dict[str, tuple[int, int]]
"""By the first column, a person or the first character of a track's id: how many rows, and a sum of their digests."""


def digests(connection: Connection, table: str) -> Digests:
    """What ``table`` holds; the sums are the same in any order of the rows."""
    result: Digests = {}
    facts = text(sql_file("facts", table).text)
    with connection.execute(facts, execution_options={"yield_per": _CHUNK}) as rows:
        for row in rows:
            count, total = result.get(row[0], (0, 0))
            result[row[0]] = count + 1, (total + _digest(row[1:])) % 2**64
    return result


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {table: count_rows(connection, table) for table in TABLES}


def rows_of_nobody(connection: Connection) -> dict[str, int]:
    """How many rows of each table about people belong to a person whom the table ``users`` does not know."""
    found = inspect(connection)
    names = [
        name for name in found.get_table_names() if "user_key" in {each["name"] for each in found.get_columns(name)}
    ]
    orphans = "SELECT count(*) FROM {table} WHERE user_key NOT IN (SELECT user_key FROM users)"
    rows = {name: connection.scalar(text(orphans.format(table=name))) or 0 for name in sorted(names) if name != "users"}
    return {name: count for name, count in rows.items() if count}


def days_add_up(connection: Connection) -> bool:
    """Whether the daily counts hold as many listens as there are."""
    return bool(connection.scalar(query("do_days_add_up")))


def totals_add_up(connection: Connection) -> bool:
    """Whether the totals hold as many listens as there are, or are marked to be counted again."""
    return are_stale(connection) or bool(connection.scalar(query("do_totals_add_up")))


def _digest(values: Any) -> int:
    # Single precision on PostgreSQL, double on SQLite: its bits in single precision are what both keep. Digits are not,
    # because they round a number in the middle to one side or the other, depending on what is left behind it.
    plain = [_SINGLE.pack(value) if isinstance(value, float) else value for value in values]
    return int.from_bytes(blake2b(repr(plain).encode(), digest_size=8).digest(), "big")
