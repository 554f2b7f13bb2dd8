"""Rebuilds the SQL database from the lake alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake
from mood_core.lake.schema import FORGOTTEN
from mood_core.store.engine.database import Database
from mood_core.store.loading.forgotten_rows import all_tombstones
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.upkeep import second_schema
from mood_core.usecases.batches import Batches
from mood_core.usecases.personal_files import NO_FILES, PersonalFiles
from mood_core.usecases.remove_rows import clean_lake
from mood_core.usecases.upkeep.fill_database import fill_database
from mood_core.usecases.upkeep.fill_second_schema import rebuild_beside
from mood_core.usecases.upkeep.partition_database import drop_partial_copies
from mood_core.usecases.upkeep.verify_lake import Finding, Progress, verify_files

_NAMED = 3


@dataclass(slots=True)
class RebuildReport:
    """The number of loaded files and of their rows; ``skipped`` has a finding for each file that was not loaded."""

    files: int = 0
    rows: int = 0
    skipped: list[Finding] = field(default_factory=list)


def rebuild(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    skip_damaged: bool = False,
    workers: int = 1,
    personal_files: PersonalFiles = NO_FILES,
    progress: Progress = lambda *_: None,
) -> RebuildReport:
    """Replace all rows that come from the lake: readers see the old rows until the end.

    On SQLite this is one transaction. On PostgreSQL new tables are filled on ``workers`` cores while pulls continue and
    labelling waits; run again after a crash, it continues: see ``fill_second_schema.py``.

    Rows of forgotten people are never loaded. Accounts, tokens and the choice of the current model are not in the lake:
    they stay if the database has them. ``personal_files`` has the data about people outside lake and SQL.

    Raises:
        BatchCorrupt: A file is missing, damaged or foreign, without ``skip_damaged``; nothing is changed.
        ConfigError: Something of others depends on the tables that PostgreSQL replaces; nothing is changed.
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake fails; nothing is changed.
    """
    with named_lock(database, NamedLock.UPKEEP):
        drop_partial_copies(database)
        batches = Batches(lake, database, personal_files)
        batches.complete_forgettings(now=now)
        batches.sweep_personal_files()
        lost = verify_files(lake, database).lost
        if lost and not skip_damaged:
            raise BatchCorrupt(_sentence(lost))
        skipped = {finding.subject for finding in lost}
        clean_lake(lake, database, now=now)
        if database.dialect == "postgresql":
            with named_lock(database, NamedLock.LABELS):
                files, rows = rebuild_beside(
                    lake, database, now=now, skipped=skipped, workers=workers, progress=progress
                )
        else:
            files, rows = fill_database(
                lake, database, now=now, wanted=lambda path: path not in skipped, progress=progress
            )
        if any(path.startswith(f"{FORGOTTEN.name}/") for path in skipped):  # SQL still has the rows of those files
            batches.add(FORGOTTEN, all_tombstones(database), now=now)
    return RebuildReport(files, rows, lost)


def cancel_rebuild(database: Database) -> bool:
    """Remove what an interrupted rebuild has loaded; False if there is none, as always on SQLite.

    Raises:
        StoreBusy: A rebuild runs, or another process is rewriting the lake.
        StoreError: The database fails.
    """
    with named_lock(database, NamedLock.UPKEEP):
        return second_schema.discard(database)


def _sentence(lost: list[Finding]) -> str:
    named = "; ".join(f"{one.subject}: {one.problem.removeprefix(one.subject).strip(' :.')}" for one in lost[:_NAMED])
    more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"{named}{more}: restore these files, or rebuild without them with --skip-damaged"
