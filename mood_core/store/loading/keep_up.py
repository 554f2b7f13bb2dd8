"""Brings what queries rely on up to date, at the end of runs and imports."""

from __future__ import annotations

from mood_core.store.engine.database import Database
from mood_core.store.engine.statistics import refresh_statistics
from mood_core.store.loading.counted import RECENT_MS, STEP_MS, count_people, is_due
from mood_core.store.loading.daily import serialise_counts


def keep_up(database: Database, *, step_ms: int = STEP_MS, recent_ms: int = RECENT_MS) -> int:
    """Count the history of people (see :func:`count_people`), and refresh PostgreSQL's statistics.

    Returns the number of people whose history was counted. It does nothing if nothing much has changed.
    """
    counted = 0
    with database.read() as connection:
        due = is_due(connection, step_ms=step_ms, recent_ms=recent_ms)
    if due:
        with database.write() as connection:
            serialise_counts(connection)
            counted = count_people(connection, step_ms=step_ms, recent_ms=recent_ms)
    if database.dialect == "postgresql":
        with database.write() as connection:
            refresh_statistics(connection)
    return counted
