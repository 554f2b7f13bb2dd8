"""The listens that wait for a label, by track: so a label finds the days that it changes among millions of listens.

The table may hold more than wait, never fewer; nothing while no model is shown, since the first one that is refills it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import Connection

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query


def add_pending(connection: Connection, listens: pa.Table) -> None:
    """Remember ``listens`` (``track_key``, ``user_key``, ``played_at_ms``), whose tracks have no label yet."""
    if listens.num_rows and connection.scalar(query("current_model")):
        insert_rows(connection, "add_pending_listens", listens.select(["track_key", "user_key", "played_at_ms"]))


def take_days(connection: Connection, track_keys: Sequence[int]) -> list[tuple[int, int]]:
    """The (user key, local day since 1970-01-01) of the listens that waited for ``track_keys``; they wait no longer."""
    days = connection.execute(query("pending_days"), {"ids": track_keys}).all()
    connection.execute(query("remove_pending_listens"), {"ids": track_keys})
    return [(row.user_key, row.day) for row in days]


def refill(connection: Connection) -> None:
    """Find all that wait again: after the current model changed."""
    connection.execute(query("remove_all_pending_listens"))
    connection.execute(query("index_pending_listens"))
