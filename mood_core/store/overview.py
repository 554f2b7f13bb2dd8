"""The state of things for ``moodlog status``: gaps and coverage."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from mood_core.records import from_ms
from mood_core.store.database import Database


def gaps(database: Database) -> list[dict[str, Any]]:
    """Every gap, the newest first, with ISO 8601 times; ``filled_at`` is None while listens may be missing."""
    query = text(
        "SELECT u.user_id, g.starts_at_ms, g.ends_at_ms, g.found_at_ms, g.filled_at_ms FROM gaps AS g"
        " INNER JOIN users AS u ON u.user_key = g.user_key ORDER BY g.starts_at_ms DESC, u.user_id"
    )
    with database.read() as connection:
        return [
            {
                name.removesuffix("_ms"): value if name == "user_id" or value is None else from_ms(value).isoformat()
                for name, value in row.items()
            }
            for row in connection.execute(query).mappings()
        ]


def reach(database: Database) -> list[dict[str, Any]]:
    """How far each person's history goes back, by source: number of listens, first and last time in ISO 8601.

    The source ``waiting`` stands for plays that an export named without an address and whose track is not known yet.
    """
    query = text(
        "SELECT u.user_id, s.source, count(*) AS listens, min(l.played_at_ms) AS first_at,"
        " max(l.played_at_ms) AS last_at FROM listens AS l INNER JOIN users AS u ON u.user_key = l.user_key"
        " INNER JOIN sources AS s ON s.source_key = l.source_key GROUP BY u.user_id, s.source"
        " UNION ALL SELECT u.user_id, 'waiting', count(*), min(p.ended_at_ms), max(p.ended_at_ms)"
        " FROM named_plays AS p INNER JOIN users AS u ON u.user_key = p.user_key WHERE p.track_key IS NULL"
        " GROUP BY u.user_id ORDER BY 1, 2"
    )
    with database.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [
        row | {"first_at": from_ms(row["first_at"]).isoformat(), "last_at": from_ms(row["last_at"]).isoformat()}
        for row in rows
    ]


def coverage(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage``: by source."""
    return _view(database, "feature_coverage", "feature_source")


def coverage_by_person(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage_by_person``."""
    return _view(database, "feature_coverage_by_person", "display_name")


def coverage_by_year(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage_by_year``: by year of release, the newest first."""
    return _view(database, "feature_coverage_by_year", "release_year DESC")


def _view(database: Database, name: str, order: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        found = connection.execute(text(f"SELECT * FROM {name} ORDER BY {order}")).mappings()  # noqa: S608 - our names
        return [dict(row) for row in found]


def unavailable_sources(database: Database) -> list[dict[str, Any]]:
    """The feature sources that refuse this app, since when and why."""
    query = text("SELECT source, unavailable_since_ms, reason FROM source_availability ORDER BY source")
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        {"source": row.source, "unavailable_since": from_ms(row.unavailable_since_ms).isoformat(), "reason": row.reason}
        for row in rows
    ]
