"""The state of things for ``moodlog status``: gaps and coverage."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, TextClause, text

from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.loading.stale_totals import are_stale

_LISTENS_COUNTED = (
    "(SELECT user_key, source_key, count(*) AS listens, min(played_at_ms) AS first_played_at_ms,"
    " max(played_at_ms) AS last_played_at_ms FROM listens GROUP BY user_key, source_key)"
)


def gaps(database: Database) -> list[dict[str, Any]]:
    """Every gap, the newest first, with ISO 8601 times; ``filled_at`` is None while listens may be missing."""
    with database.read() as connection:
        return [
            {
                name.removesuffix("_ms"): value if name == "user_id" or value is None else from_ms(value).isoformat()
                for name, value in row.items()
            }
            for row in connection.execute(query("gaps")).mappings()
        ]


def reach(database: Database) -> list[dict[str, Any]]:
    """How far each person's history goes back, by source: number of listens, first and last time in ISO 8601.

    The source ``waiting`` stands for plays that an export named without an address and whose track is not known yet.
    """
    with database.read() as connection:
        totals = _LISTENS_COUNTED if are_stale(connection) else "listen_totals"
        rows = _rows(connection, text(sql_file("overview", "reach").text.replace("listen_totals", totals)))
    return [
        row | {"first_at": from_ms(row["first_at"]).isoformat(), "last_at": from_ms(row["last_at"]).isoformat()}
        for row in rows
    ]


def coverage(database: Database) -> list[dict[str, Any]]:
    """What the view ``feature_coverage`` contains, by source; from the totals, unless they are stale."""
    return _from_totals(database, "coverage", "feature_coverage")


def coverage_by_person(database: Database) -> list[dict[str, Any]]:
    """What the view ``feature_coverage_by_person`` contains; from the totals, unless they are stale."""
    return _from_totals(database, "coverage_by_person", "feature_coverage_by_person")


def coverage_by_year(database: Database) -> list[dict[str, Any]]:
    """The rows of the view ``feature_coverage_by_year``: by year of release, the newest first."""
    with database.read() as connection:
        return _rows(connection, query("feature_coverage_by_year"))


def _from_totals(database: Database, name: str, view: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return _rows(connection, query(view) if are_stale(connection) else text(sql_file("overview", name).text))


def _rows(connection: Connection, statement: TextClause) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(statement).mappings()]


def unavailable_sources(database: Database) -> list[dict[str, Any]]:
    """The feature sources that refuse this app, since when and why."""
    with database.read() as connection:
        rows = connection.execute(query("unavailable_sources")).all()
    return [
        {"source": row.source, "unavailable_since": from_ms(row.unavailable_since_ms).isoformat(), "reason": row.reason}
        for row in rows
    ]
