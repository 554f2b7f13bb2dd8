"""Checks that lake and ledger have the same files: a person may be in a file that is absent or unknown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mood_core.errors import LakeIncomplete
from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import entries
from mood_core.text.format import plural


def check_nothing_absent(lake: Lake, database: Database, without: Collection[str]) -> None:
    """Check that every file of the ledger except ``without`` is in the lake.

    Raises:
        LakeIncomplete: A file is absent.
    """
    known = entries(database)  # before the files: a run publishes a file first, and then enters it
    listed = lake.each(lake.current_and_superseded, DATASETS)
    paths = {path for current, superseded in listed for path in (*current, *superseded)}
    replaced = {id_ for path in paths for id_ in lake.replaces(path)}
    rows = (row for path, row in known.items() if path not in paths | set(without))
    absent = sorted(row.path for row in rows if row.batch_id not in replaced)
    if absent:
        raise LakeIncomplete(
            f"{_first(absent)} of the ledger is not in the lake {lake.root}, so the person may still be in it; nothing"
            " was changed. Check MOODLOG_LAKE_URL and put the file back (`moodlog verify` lists all); if it is lost for"
            f" good, run this again with --even-without {absent[0]}"
        )


def files_of(lake: Lake) -> set[str]:
    """Paths of the files of all datasets."""
    return {path for paths in lake.each(lake.paths, DATASETS) for path in paths}


def check_nothing_unknown(lake: Lake, database: Database, before: Collection[str]) -> None:
    """Check that the ledger has the files of the lake.

    ``before`` are the files from before all were loaded: another run may have published a later one, and loads it.

    Raises:
        LakeIncomplete: A file is unknown.
    """
    unknown = [*sorted(files_of(lake).intersection(before) - entries(database).keys()), *lake.foreign()]
    if unknown:
        raise LakeIncomplete(
            f"{_first(unknown)} in the lake {lake.root} is not in the ledger and could not be loaded, so the person may"
            " be in it; nothing was changed. `moodlog verify` says what is wrong with it; move it out of the lake,"
            " delete it if it holds the person, and run this again"
        )


def _first(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} (and {plural(len(paths) - 1, 'other')})"
