"""Checks that lake and ledger have the same files: a person may be in a file that is absent or unknown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mood_core.errors import LakeIncomplete
from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS, PERSONAL
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import entries
from mood_core.text.format import plural


def check_nothing_absent(lake: Lake, database: Database, without: Collection[str]) -> None:
    """Check that every file of the ledger except ``without`` is in the lake.

    Raises:
        LakeIncomplete: A file is absent.
    """
    paths = {path for dataset in DATASETS for path in (*lake.paths(dataset), *lake.superseded(dataset))}
    replaced = {id_ for path in paths for id_ in lake.replaces(path)}
    rows = (row for path, row in entries(database).items() if path not in paths | set(without))
    absent = sorted(row.path for row in rows if row.batch_id not in replaced)
    if absent:
        raise LakeIncomplete(
            f"{_first(absent)} of the ledger is not in the lake {lake.root}, so the person may still be in it; nothing"
            " was changed. Check MOODLOG_LAKE_URL and put the file back (`moodlog verify` lists all); if it is lost for"
            f" good, run this again with --even-without {absent[0]}"
        )


def check_nothing_unknown(lake: Lake, database: Database) -> None:
    """Check that every file of the lake is in the ledger and can be read.

    Raises:
        LakeIncomplete: A file is unknown.
        BatchCorrupt: A file is damaged.
    """
    ledger = entries(database)
    unknown = sorted({path for dataset in DATASETS for path in lake.paths(dataset)} - ledger.keys())
    unknown += lake.foreign()
    if unknown:
        raise LakeIncomplete(
            f"{_first(unknown)} in the lake {lake.root} is not in the ledger, so the person may be in it; nothing was"
            " changed. `moodlog verify` says what is wrong with it; move it out of the lake, delete it if it holds the"
            " person, and run this again"
        )
    for dataset in PERSONAL:
        for path in lake.paths(dataset.name):
            lake.people(path)


def _first(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} (and {plural(len(paths) - 1, 'other')})"
