"""Integer keys of text ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult

from mood_core.store.engine.named_queries import query
from mood_core.store.loading.queues import follow_tracks

_KEYS = {
    "users": "user_keys",
    "tracks": "track_keys",
    "sources": "source_keys",
    "models": "model_keys",
    "end_reasons": "reason_keys",
}
_STUBS = {
    "users": "add_user",
    "tracks": "add_track",
    "sources": "add_source",
    "models": "add_model",
    "end_reasons": "add_reason",
}
"""Statements that add a row before its description is loaded: a lost batch of tracks must not lose the listens."""

REFERENCES = {
    "user_id": ("users", "user_id", "user_key"),
    "track_id": ("tracks", "track_id", "track_key"),
    "source": ("sources", "source", "source_key"),
    "feature_source": ("sources", "source", "source_key"),
    "model_version": ("models", "model_version", "model_key"),
    "reason_end": ("end_reasons", "reason_end", "reason_key"),
}
"""By column of a batch: the table that it refers to, with its id column and its key column."""


def keys_of(connection: Connection, table: str, ids: Sequence[str], *, create: bool = False) -> dict[str, int]:
    """The integer keys of ``ids`` in ``table``, one of those in ``_KEYS``; unknown ids are left out.

    With ``create``, unknown ids get a row and a key.
    """
    found = _look_up(connection, table, ids)
    missing = [{"id": id_} for id_ in sorted(set(ids) - found.keys())]
    if create and missing:
        connection.execute(query(_STUBS[table]), missing)
        if table == "tracks":
            follow_tracks(connection, [row["id"] for row in missing])
        found |= _look_up(connection, table, [row["id"] for row in missing])
    return found


def _look_up(connection: Connection, table: str, ids: Sequence[str]) -> dict[str, int]:
    return dict(raw_rows(connection.execute(query(_KEYS[table]), {"ids": ids})))


def raw_rows(result: CursorResult[Any]) -> list[tuple[Any, ...]]:
    """All rows as tuples of the driver, in a quarter of the time of SQLAlchemy's rows."""
    return [*result.cursor.fetchall()] if result.returns_rows else []
