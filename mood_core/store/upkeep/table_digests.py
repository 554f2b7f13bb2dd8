"""Digests of the rows that come from the lake, by person or track, to compare two databases."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import Any

from sqlalchemy import Connection, text

from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.engine.tables import tables_about_people
from mood_core.store.loading.stale_totals import are_stale

_SINGLE = Struct("<f")
_CHUNK = 10_000

TABLES = (
    "forgotten",
    "users",
    "tracks",
    "track_names",
    "listens",
    "gaps",
    "audio_features",
    "estimated_features",
    "feature_misses",
    "moods",
    "named_plays",
    "resolutions",
    "mood_answers",
    "mood_heads",
    "person_labels",
    "_mood_days",
    "mood_by_hour",
    "mood_transitions",
)
"""The tables whose rows come from the lake, and views of kept counts; ``sql/facts`` has the query of each."""


Digests = dict[str, tuple[int, int]]
"""By the first column (a person, or the first character of track ids): the number of rows, and a sum of digests."""


def digests(connection: Connection, table: str) -> Digests:
    """The digests of ``table``, which do not depend on the order of rows."""
    result: Digests = {}
    facts = text(sql_file("facts", table).text)
    with connection.execute(facts, execution_options={"yield_per": _CHUNK}) as rows:
        for row in rows:
            count, total = result.get(row[0], (0, 0))
            result[row[0]] = count + 1, (total + _digest(row[1:])) % 2**64
    return result


def counts(connection: Connection) -> dict[str, int]:
    """The number of rows of each table."""
    return {table: connection.scalar(query("count_rows", table=table)) for table in TABLES}


def rows_of_nobody(connection: Connection) -> dict[str, int]:
    """By table about people: the number of rows whose person is not in the table ``users``; without zeros."""
    rows = {
        table: connection.scalar(query("count_rows_of_nobody", table=table))
        for table in tables_about_people(connection)
        if table != "users"
    }
    return {table: count for table, count in rows.items() if count}


def days_add_up(connection: Connection) -> bool:
    """Whether the daily counts of each person are the number of their listens."""
    return bool(connection.scalar(query("do_listens_add_up", table="_mood_days_by_mood")))


def totals_add_up(connection: Connection) -> bool:
    """Whether the totals of each person are the number of their listens, or are marked as stale."""
    return are_stale(connection) or bool(connection.scalar(query("do_listens_add_up", table="_listen_totals")))


def queues_are_right(connection: Connection) -> dict[str, bool]:
    """By queue of tracks: whether it has exactly the tracks that wait."""
    checks = {"_feature_queue": query("is_feature_queue_right"), "_label_queue": query("is_label_queue_right")}
    return {name: bool(connection.scalar(check)) for name, check in checks.items()}


def _digest(values: Any) -> int:
    # PostgreSQL stores single precision, SQLite double: the bits in single precision are equal. Rounded decimal digits
    # are not, because a number in the middle can be rounded to either side. SQLite stores -0.0 as 0, and so must this.
    plain = [_SINGLE.pack(value + 0.0) if isinstance(value, float) else value for value in values]
    return int.from_bytes(blake2b(repr(plain).encode(), digest_size=8).digest(), "big")
