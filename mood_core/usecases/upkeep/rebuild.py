"""Makes the SQL database again from the lake alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake
from mood_core.lake.schema import FORGOTTEN
from mood_core.store.engine.database import Database
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.tombstones import all_tombstones
from mood_core.usecases.batches import Batches
from mood_core.usecases.elsewhere import NOWHERE, Elsewhere
from mood_core.usecases.remove_rows import clean_lake
from mood_core.usecases.upkeep.fill_database import fill_database
from mood_core.usecases.upkeep.verify_lake import Finding, Progress, verify_files

_NAMED = 3


@dataclass(slots=True)
class RebuildReport:
    """How many ``files`` with how many ``rows`` were loaded; ``skipped`` says which files could not be."""

    files: int = 0
    rows: int = 0
    skipped: list[Finding] = field(default_factory=list)


def rebuild(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    skip_damaged: bool = False,
    elsewhere: Elsewhere = NOWHERE,
    progress: Progress = lambda *_: None,
) -> RebuildReport:
    """Empty what the lake can fill and fill it, in one transaction: until its end everybody sees the old state.

    Rows of people who were forgotten stay out, whatever file they come in. Accounts, tokens and the choice of the
    current model stay where this database has them; they are not in the lake.

    Args:
        lake: where the rows come from.
        database: migrated; it may be empty.
        now: when the ledger says that the batches were loaded.
        skip_damaged: go on without files that are missing, damaged or foreign; otherwise one of them stops it.
        elsewhere: what is kept of people who are forgotten outside lake and SQL.
        progress: hears how many files of how many are loaded.

    Raises:
        BatchCorrupt: A file is missing, damaged or foreign; nothing is changed then.
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake fails; nothing is changed then.
    """
    with named_lock(database, NamedLock.UPKEEP):
        batches = Batches(lake, database, elsewhere)
        batches.complete_forgettings(now=now)
        batches.sweep_elsewhere()
        lost = verify_files(lake, database).lost
        if lost and not skip_damaged:
            raise BatchCorrupt(_sentence(lost))
        left_out = {finding.subject for finding in lost}
        clean_lake(lake, database, now=now)
        filled = fill_database(lake, database, now=now, wanted=lambda path: path not in left_out, progress=progress)
        if any(path.startswith(f"{FORGOTTEN.name}/") for path in left_out):  # SQL has kept what those files said
            batches.add(FORGOTTEN, all_tombstones(database), now=now)
    return RebuildReport(filled.files, filled.rows, lost)


def _sentence(lost: list[Finding]) -> str:
    named = "; ".join(f"{finding.subject}: {finding.problem}" for finding in lost[:_NAMED])
    more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"{named}{more}: put back what is lost, or rebuild without it by --skip-damaged"
