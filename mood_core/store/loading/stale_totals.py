"""Whether the kept totals may be used: a row in ``_stale_totals`` is a reason why not."""

from __future__ import annotations

from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query


def mark_stale(connection: Connection, reason: str) -> None:
    """Mark the totals as unusable until the next run counts them again."""
    connection.execute(query("mark_totals_stale"), {"reason": reason})


def are_stale(connection: Connection) -> bool:
    """Whether the totals must not be used."""
    return connection.scalar(query("are_totals_stale")) is not None
