"""Fills a database from the files of the lake, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.loading.load import load_into
from mood_core.store.loading.rebuilding import keep_rows, restore_rows


@dataclass(slots=True)
class Filled:
    """How many ``files`` with how many ``rows`` were loaded."""

    files: int = 0
    rows: int = 0


def fill_database(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    wanted: Callable[[str], bool] = lambda _: True,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Filled:
    """Empty ``database`` of what the lake holds and fill it again, from every file whose path is ``wanted``.

    Args:
        lake: where the rows come from.
        database: migrated; it may be empty.
        now: when the ledger says that the batches were loaded.
        wanted: whether the file of a path is loaded.
        progress: hears how many files of how many are loaded.

    Raises:
        StoreError: The database or the lake fails; nothing is changed then.
    """
    filled = Filled()
    with database.load() as connection:
        kept = keep_rows(connection)
        # Listed now that nobody else can load: what was loaded a moment ago is emptied and must be filled again.
        paths = [path for dataset in DATASETS for path in lake.paths(dataset) if wanted(path)]
        cache = database.key_cache.begin(connection)
        for path in paths:
            file, tables = lake.stream(path)
            load_into(connection, file, tables, cache, now=now, keep_counts=False)
            filled.files += 1
            filled.rows += file.row_count
            progress(filled.files, len(paths))
        restore_rows(connection, kept)
    return filled
