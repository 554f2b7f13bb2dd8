"""What ``moodlog status`` shows of the history: its range, gaps and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times
from mood_core.store.loading.stale_totals import are_stale

People = Sequence[str] | None
"""The ids of some people; None for all."""


def gaps(database: Database, user_ids: People = None) -> list[dict[str, Any]]:
    """The gaps of ``user_ids``, newest first, with ISO 8601 times; ``filled_at`` is None for open ones."""
    return [_iso_times(row) for row in database.rows(query("gaps", *_of(user_ids)), {"user_ids": user_ids})]


def reach(database: Database, user_ids: People = None) -> list[dict[str, Any]]:
    """The range of the history of each of ``user_ids`` by source: number of listens, first and last time in ISO 8601.

    The source ``pending`` is for pending plays: named by artist and title, their track not known yet.
    """
    with database.read() as connection:
        options = (*_of(user_ids), *(["stale"] if are_stale(connection) else []))
        return [_iso_times(row) for row in connection.execute(query("reach", *options), {"user_ids": user_ids})]


def coverage(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage``, by source."""
    return [row._asdict() for row in database.rows(query("feature_coverage"))]


def coverage_by_person(database: Database, user_ids: People = None) -> list[dict[str, Any]]:
    """The rows of ``user_ids`` in the view ``feature_coverage_by_person``."""
    wanted = None if user_ids is None else set(user_ids)
    with database.read() as connection:
        if user_ids is not None and not are_stale(connection):
            rows = connection.execute(query("coverage_of_people"), {"user_ids": user_ids})
        else:
            rows = connection.execute(query("feature_coverage_by_person"))
        return [row._asdict() for row in rows if wanted is None or row.user_id in wanted]


def coverage_by_year(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage_by_year``: by year of release, the newest first."""
    return [row._asdict() for row in database.rows(query("feature_coverage_by_year"))]


def unavailable_sources(database: Database) -> list[dict[str, Any]]:
    """The feature sources that refuse this app, since when and why."""
    return [
        {"source": row.source, "unavailable_since": from_ms(row.unavailable_since_ms).isoformat(), "reason": row.reason}
        for row in database.rows(query("unavailable_sources"))
    ]


def _of(user_ids: People) -> list[str]:
    return [] if user_ids is None else ["user_ids"]


def _iso_times(row: Row[Any]) -> dict[str, Any]:
    values = with_times(row)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
