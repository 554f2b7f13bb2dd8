"""The listens that wait for a label, by track: so a label finds the days that it changes among millions of listens.

The table may hold more than wait, never fewer; nothing while no model is shown, since the first one that is refills it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import Connection, text

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.loading.keys import among

_ADD = """
INSERT INTO waiting_listens (track_key, user_key, played_at_ms)
/* rows */
ON CONFLICT (track_key, user_key, played_at_ms) DO NOTHING
"""
_FILL = """
INSERT INTO waiting_listens (track_key, user_key, played_at_ms)
SELECT DISTINCT l.track_key, l.user_key, l.played_at_ms
FROM listens AS l
INNER JOIN models AS c ON c.is_current = 1
LEFT JOIN moods AS m ON m.model_key = c.model_key AND m.track_key = l.track_key
WHERE m.track_key IS NULL
"""
_DAYS = """
SELECT DISTINCT w.user_key, CAST((w.played_at_ms / 1000 + o.offset_s) / 86400 AS INTEGER) AS day
FROM waiting_listens AS w
INNER JOIN users AS u ON u.user_key = w.user_key
INNER JOIN utc_offsets AS o
    ON o.timezone = u.timezone AND w.played_at_ms >= o.starts_at_ms AND w.played_at_ms < o.ends_at_ms
WHERE {condition}
"""


def add_waiting(connection: Connection, listens: pa.Table) -> None:
    """Remember ``listens`` (``track_key``, ``user_key``, ``played_at_ms``), whose tracks have no label yet."""
    if listens.num_rows and connection.scalar(text("SELECT 1 FROM models WHERE is_current = 1")):
        insert_rows(connection, _ADD, listens.select(["track_key", "user_key", "played_at_ms"]))


def take_days(connection: Connection, track_keys: Sequence[int]) -> list[tuple[int, int]]:
    """The (user key, local day since 1970-01-01) of the listens that waited for ``track_keys``; they wait no longer."""
    condition, ids = among(connection, "track_key", track_keys)
    days = connection.execute(text(_DAYS.format(condition=condition)), {"ids": ids}).all()
    connection.execute(text(f"DELETE FROM waiting_listens WHERE {condition}"), {"ids": ids})  # noqa: S608
    return [(row.user_key, row.day) for row in days]


def refill(connection: Connection) -> None:
    """Find all that wait again: after the current model changed."""
    connection.execute(text("DELETE FROM waiting_listens"))
    connection.execute(text(_FILL))
