"""Updates the schema of a database, and what a migration removed because it is counted differently now."""

from __future__ import annotations

from datetime import datetime

from mood_core.store.engine.database import Database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.named_queries import query


def update_database(database: Database, *, now: datetime, adopt: bool = False) -> list[str]:
    """:func:`migrate`, then rank again the people whose ranks a migration removed.

    Without ranks, the views rank all tracks of all people whenever they are asked.
    """
    applied = migrate(database, now=now, adopt=adopt)
    if applied and database.scalar(query("people_to_rank")) is not None:
        from mood_core.store.loading.daily import serialise_counts
        from mood_core.store.loading.ranks import rank_people

        with database.write() as connection:
            serialise_counts(connection)
            rank_people(connection)
    return applied
