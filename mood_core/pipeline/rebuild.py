"""Makes the SQL database again from the lake alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake
from mood_core.pipeline.verify_lake import Finding, Progress, verify_files
from mood_core.schema import DATASETS
from mood_core.store.database import Database
from mood_core.store.load import load_into
from mood_core.store.rebuilding import put_back, set_aside
from mood_core.store.turns import Turn, turn

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
    progress: Progress = lambda *_: None,
) -> RebuildReport:
    """Empty what the lake can fill and fill it, in one transaction: until its end everybody sees the old state.

    Accounts, tokens and the choice of the current model stay where this database has them; they are not in the lake.

    Args:
        lake: where the rows come from.
        database: migrated; it may be empty.
        now: when the ledger says that the batches were loaded.
        skip_damaged: go on without files that are missing, damaged or foreign; otherwise one of them stops it.
        progress: hears how many files of how many are loaded.

    Raises:
        BatchCorrupt: A file is missing, damaged or foreign; nothing is changed then.
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake fails; nothing is changed then.
    """
    with turn(database, Turn.UPKEEP):
        lost = verify_files(lake, database).lost
        if lost and not skip_damaged:
            raise BatchCorrupt(_sentence(lost))
        report = fill(lake, database, now=now, without={finding.subject for finding in lost}, progress=progress)
    report.skipped = lost
    return report


def fill(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    without: Collection[str] = (),
    progress: Progress = lambda *_: None,
) -> RebuildReport:
    """Empty and fill ``database`` from every file but those of the paths ``without``."""
    report = RebuildReport()
    with database.load() as connection:
        kept = set_aside(connection)
        # Listed now that nobody else can load: what was loaded a moment ago is emptied and must be filled again.
        paths = [path for dataset in DATASETS for path in lake.paths(dataset) if path not in without]
        memory = database.remembered.begin(connection)
        for path in paths:
            file, tables = lake.stream(path)
            load_into(connection, file, tables, memory, now=now, keep_days=False)
            report.files += 1
            report.rows += file.row_count
            progress(report.files, len(paths))
        put_back(connection, kept)
    return report


def _sentence(lost: list[Finding]) -> str:
    named = "; ".join(f"{finding.subject}: {finding.problem}" for finding in lost[:_NAMED])
    more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"{named}{more}: put back what is lost, or rebuild without it by --skip-damaged"
