"""The doctor's findings about work on the whole database that was interrupted: it continues when it is run again."""

from __future__ import annotations

from mood_core.errors import StoreBusy
from mood_core.store.engine.database import Database
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.upkeep import partitioning, second_schema
from mood_core.usecases.upkeep.check_health import Finding, Level


def interrupted_findings(database: Database) -> list[Finding]:
    """A warning for a move to partitions and for a rebuild that have not ended; empty while one of them runs."""
    with database.read() as connection:
        partitions = partitioning.begun_partitions(connection)
        is_rebuilding = second_schema.is_begun(connection)
    found = []
    if partitions:
        said = f"a move of the listens to {partitions} partitions was interrupted; its copy takes space until it ends"
        remedy = f"moodlog partition {partitions} continues it; moodlog partition --cancel removes the copy"
        found.append(Finding("partitions", Level.WARNING, said, remedy))
    if is_rebuilding:
        said = "a rebuild was interrupted; the old rows are in use, and the new ones take space until it ends"
        remedy = "moodlog rebuild continues it; moodlog rebuild --cancel removes the new rows"
        found.append(Finding("rebuild", Level.WARNING, said, remedy))
    return [] if found and _is_running(database) else found


def _is_running(database: Database) -> bool:
    try:
        with named_lock(database, NamedLock.UPKEEP, wait_s=0):
            return False
    except StoreBusy:
        return True
