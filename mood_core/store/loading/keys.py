"""Integer keys of text ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult

from mood_core.store.engine.named_queries import query

_KEYS = {"users": "user_keys", "tracks": "track_keys", "sources": "source_keys", "models": "model_keys"}
_STUBS = {"users": "add_user", "tracks": "add_track", "sources": "add_source", "models": "add_model"}
"""The statements that add what is referred to before it is described: a lost tracks batch must not cost the listens."""

REFERENCES = {
    "user_id": ("users", "user_id", "user_key"),
    "track_id": ("tracks", "track_id", "track_key"),
    "source": ("sources", "source", "source_key"),
    "feature_source": ("sources", "source", "source_key"),
    "model_version": ("models", "model_version", "model_key"),
}
"""By the column of a batch: the table it refers to, that table's text column and its key column."""


def keys_of(connection: Connection, table: str, ids: Sequence[str], *, create: bool = False) -> dict[str, int]:
    """The integer keys of ``ids`` in ``table`` (users, tracks, sources or models); unknown ids are left out.

    With ``create``, unknown ids get a row of their own and a key.
    """
    found = _look_up(connection, table, ids)
    missing = [{"id": id_} for id_ in sorted(set(ids) - found.keys())]
    if create and missing:
        connection.execute(query(_STUBS[table]), missing)
        found |= _look_up(connection, table, [row["id"] for row in missing])
    return found


def _look_up(connection: Connection, table: str, ids: Sequence[str]) -> dict[str, int]:
    return dict(raw_rows(connection.execute(query(_KEYS[table]), {"ids": ids})))


def raw_rows(result: CursorResult[Any]) -> list[tuple[Any, ...]]:
    """All rows as the driver's own tuples: a quarter of the time of SQLAlchemy's rows, which counts for 100,000 ids."""
    return [*result.cursor.fetchall()] if result.returns_rows else []
