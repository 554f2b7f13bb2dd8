"""Keeps ``mood_days`` right, in the transaction that changes what it counts: listens by person and local day, by mood.

New listens are counted here and added. Whatever is less simple (listens that were stored before, labels, time
zones) has the days it touches counted again from the listens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from mood_core.domain.records import MOODS
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.database import Database
from mood_core.store.loading.day_counts import DAY_COLUMNS, day_counts
from mood_core.store.loading.key_cache import UNLABELLED, Memory
from mood_core.store.loading.keys import among
from mood_core.store.loading.pending import add_waiting, refill, take_days
from mood_core.store.queries.time_zones import ensure_offsets, outdated_zones

_DAY_S = 86_400
_LOCK = 0x64617973  # "days": on PostgreSQL one transaction at a time settles its days; on SQLite writers take turns

# Probabilities in units of 1e-4. The addend makes halves go up in both databases: PostgreSQL rounds them to even.
# Not from a subquery, which SQLite would fill with every label. Not by floor(): SQLAlchemy's own raises at NULL.
_CHANCES = [
    f"CAST(round(CAST(m.p_{mood.lower()} AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT)" for mood in MOODS
]
_COUNTS = ", ".join(
    [
        *(f"count(CASE WHEN m.mood = '{mood}' THEN 1 END)" for mood in MOODS),
        "count(*) - count(m.mood)",
        *(f"count(CASE WHEN m.mood = '{mood}' AND m.uncertain = 1 THEN 1 END)" for mood in MOODS),
        *(f"coalesce(CAST(sum({chance}) AS BIGINT), 0)" for chance in _CHANCES),
        *(f"coalesce(CAST(sum({chance} * (10000 - {chance})) AS BIGINT), 0)" for chance in _CHANCES),
    ]
)
_COUNT = f"""
{{stale}}
INSERT INTO mood_days (user_key, day, {", ".join(DAY_COLUMNS)})
SELECT d.user_key, d.day, {_COUNTS}
FROM (
    SELECT l.user_key, l.track_key, CAST((l.played_at_ms / 1000 + o.offset_s) / 86400 AS INTEGER) AS day
    FROM {{listens}}
    INNER JOIN users AS u ON u.user_key = l.user_key
    INNER JOIN utc_offsets AS o
        ON o.timezone = u.timezone AND l.played_at_ms >= o.starts_at_ms AND l.played_at_ms < o.ends_at_ms
    WHERE {{condition}}
) AS d
LEFT JOIN models AS c ON c.is_current = 1
LEFT JOIN moods AS m ON m.model_key = c.model_key AND m.track_key = d.track_key
GROUP BY d.user_key, d.day
"""  # noqa: S608

# Materialized: SQLite would take the JSON apart again for every listen.
_STALE = {
    "sqlite": (
        "WITH s AS MATERIALIZED (SELECT json_extract(value, '$[0]') AS user_key, json_extract(value, '$[1]') AS day"
        " FROM json_each(:pairs))"
    ),
    "postgresql": (
        "WITH s AS MATERIALIZED (SELECT (value ->> 0)::integer AS user_key, (value ->> 1)::integer AS day"
        " FROM json_array_elements(CAST(:pairs AS json)))"
    ),
}

# A local day lies within a day of the UTC day of the same name; the day itself decides.
_NEAR = "s CROSS JOIN listens AS l"
_ON_DAY = """
    l.user_key = s.user_key
    AND l.played_at_ms >= (s.day * CAST(86400 AS BIGINT) - 86400) * 1000
    AND l.played_at_ms < (s.day * CAST(86400 AS BIGINT) + 172800) * 1000
    AND (l.played_at_ms / 1000 + o.offset_s) / 86400 = s.day
"""


def add_listens(connection: Connection, listens: pa.Table, inserted: int, memory: Memory) -> None:
    """Count ``listens`` (``user_key``, ``played_at_ms``, ``track_key``), of which ``inserted`` were not stored before.

    Where some were, the days are counted again instead.
    """
    if not inserted:
        return
    take_turns(connection)
    user_keys = listens["user_key"].to_numpy()
    days = _local_days(connection, user_keys, listens["played_at_ms"].to_numpy() // 1000)
    codes, chances = _labels(connection, listens["track_key"].to_numpy(), memory)
    add_waiting(connection, listens.filter(pa.array(codes == UNLABELLED)))
    if inserted == listens.num_rows:
        insert_rows(connection, "add_to_mood_days", day_counts(user_keys, days, codes, chances))
        return
    recount_days(connection, zip(user_keys.tolist(), days.tolist(), strict=True))


def labelled(connection: Connection, track_keys: Sequence[int]) -> None:
    """Count the days again on which any of ``track_keys``, labelled just now by the current model, was heard."""
    if not track_keys:
        return
    take_turns(connection)
    recount_days(connection, take_days(connection, track_keys))


def recount_days(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Count the days ``pairs`` (user key, local day since 1970-01-01) again from the listens."""
    given = {"pairs": json.dumps([list(pair) for pair in sorted(set(pairs))])}
    stale = _STALE[connection.dialect.name]
    clear = f"{stale} DELETE FROM mood_days WHERE (user_key, day) IN (SELECT s.user_key, s.day FROM s)"  # noqa: S608
    connection.execute(text(clear), given)
    connection.execute(text(_COUNT.format(stale=stale, listens=_NEAR, condition=_ON_DAY)), given)


def recount_people(connection: Connection, user_keys: Sequence[int]) -> None:
    """Count every day of these people again."""
    if not user_keys:
        return
    take_turns(connection)
    condition, ids = among(connection, "user_key", user_keys)
    connection.execute(text(f"DELETE FROM mood_days WHERE {condition}"), {"ids": ids})  # noqa: S608
    condition, ids = among(connection, "l.user_key", user_keys)
    connection.execute(text(_COUNT.format(stale="", listens="listens AS l", condition=condition)), {"ids": ids})


def follow_time_zones(database: Database) -> int:
    """Take over what this machine's time zone database says by now of the zones in use.

    A government may change its clocks after somebody was connected. The days of those whom it concerns are counted
    again; returns how many people that are. What this machine does not know stays as it is.
    """
    with database.read() as connection:
        names = outdated_zones(connection)
    if not names:
        return 0
    with database.write() as connection:
        moved = ensure_offsets(connection, names)
        recount_people(connection, moved)
    return len(moved)


def recount_everything(connection: Connection) -> None:
    """Count every day of everybody again: after the current model changed, and at the end of a rebuild."""
    take_turns(connection)
    connection.execute(text("DELETE FROM mood_days"))
    connection.execute(text(_COUNT.format(stale="", listens="listens AS l", condition="1 = 1")))
    refill(connection)


def take_turns(connection: Connection) -> None:
    """Let only one transaction at a time settle its days.

    Called when the rows are in, and held until the commit: whoever comes second sees all that the first has written.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _local_days(
    connection: Connection, user_keys: NDArray[np.int64], played_at_s: NDArray[np.int64]
) -> NDArray[np.int64]:
    days: NDArray[np.int64] = (played_at_s + _offsets(connection, user_keys, played_at_s)) // _DAY_S
    return days


def _offsets(connection: Connection, user_keys: NDArray[np.int64], times_s: NDArray[np.int64]) -> NDArray[np.int64]:
    people, places = np.unique(user_keys, return_inverse=True)
    condition, ids = among(connection, "user_key", people.tolist())
    found = connection.execute(text(f"SELECT user_key, timezone FROM users WHERE {condition}"), {"ids": ids})  # noqa: S608
    zone_of = {row.user_key: row.timezone for row in found}
    names = sorted(set(zone_of.values()))
    zones = np.array([names.index(zone_of[key]) for key in people.tolist()])[places]
    offsets = np.zeros(len(times_s), np.int64)
    for index, name in enumerate(names):
        rows = connection.execute(
            text("SELECT starts_at_ms / 1000, offset_s FROM utc_offsets WHERE timezone = :name ORDER BY starts_at_ms"),
            {"name": name},
        ).all()
        starts, values = (np.array(column) for column in zip(*rows, strict=True))
        here = zones == index
        offsets[here] = values[np.searchsorted(starts, times_s[here], side="right") - 1]
    return offsets


def _labels(
    connection: Connection, track_keys: NDArray[np.int64], memory: Memory
) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    tracks, places = np.unique(track_keys, return_inverse=True)
    codes, chances = memory.labels(connection, tracks)
    return codes[places], chances[places]
