"""What ``moodlog status`` shows of the history: its range, gaps and coverage."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times
from mood_core.store.loading.stale_totals import are_stale


def gaps(database: Database) -> list[dict[str, Any]]:
    """Every gap, newest first, with ISO 8601 times; ``filled_at`` is None while listens may be missing."""
    return [_iso_times(row) for row in database.rows(query("gaps"))]


def reach(database: Database) -> list[dict[str, Any]]:
    """The range of each person's history by source: number of listens, first and last time in ISO 8601.

    The source ``pending`` is for pending plays: named by artist and title, their track not known yet.
    """
    with database.read() as connection:
        options = ("stale",) if are_stale(connection) else ()
        return [_iso_times(row) for row in connection.execute(query("reach", *options))]


def coverage(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage``, by source."""
    return [row._asdict() for row in database.rows(query("feature_coverage"))]


def coverage_by_person(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage_by_person``."""
    return [row._asdict() for row in database.rows(query("feature_coverage_by_person"))]


def coverage_by_year(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage_by_year``: by year of release, the newest first."""
    return [row._asdict() for row in database.rows(query("feature_coverage_by_year"))]


def unavailable_sources(database: Database) -> list[dict[str, Any]]:
    """The feature sources that refuse this app, since when and why."""
    return [
        {"source": row.source, "unavailable_since": from_ms(row.unavailable_since_ms).isoformat(), "reason": row.reason}
        for row in database.rows(query("unavailable_sources"))
    ]


def _iso_times(row: Row[Any]) -> dict[str, Any]:
    values = with_times(row)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
