"""An index of the listens without a label, by track, to find the days that a new label changes.

The table may have more listens than needed, never fewer. It is empty without a current model; the first one fills it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import Connection

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query


def add_pending(connection: Connection, listens: pa.Table) -> None:
    """Index ``listens`` (``track_key``, ``user_key``, ``played_at_ms``), whose tracks have no label yet."""
    if listens.num_rows and connection.scalar(query("current_model")):
        insert_rows(connection, "add_pending_listens", listens.select(["track_key", "user_key", "played_at_ms"]))


def take_days(connection: Connection, track_keys: Sequence[int]) -> list[tuple[int, int]]:
    """Remove ``track_keys`` from the index; returns the (user key, local day since 1970-01-01) of their listens."""
    days = connection.execute(query("pending_days"), {"ids": track_keys}).all()
    connection.execute(query("remove_pending_listens"), {"ids": track_keys})
    return [(row.user_key, row.day) for row in days]


def refill(connection: Connection) -> None:
    """Fill the index again, after a change of the current model."""
    connection.execute(query("remove_all_pending_listens"))
    connection.execute(query("index_pending_listens"))
