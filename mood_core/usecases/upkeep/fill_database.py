"""Fills a database from the files of the lake, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.loading.key_cache import key_cache_of
from mood_core.store.loading.load import load_into
from mood_core.store.loading.people_share import EVERYONE, PeopleShare
from mood_core.store.upkeep.rebuilding import keep_rows, restore_rows


def fill_database(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    wanted: Callable[[str], bool] = lambda _: True,
    share: PeopleShare = EVERYONE,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[int, int]:
    """Replace the rows that come from the lake by those of every file whose path is ``wanted``.

    Of datasets about people, only the rows of ``share`` are loaded.

    Returns the number of loaded files, and of their rows.

    ``database`` is migrated, empty or not. ``progress`` is called with the number of loaded files and of all files.

    Raises:
        StoreError: The database or the lake fails; nothing is changed.
    """
    rows = 0
    with database.load() as connection:
        kept = keep_rows(connection)
        # Listed inside the transaction, so that no other process loads a file after the list is made.
        paths = [path for dataset in DATASETS for path in lake.paths(dataset) if wanted(path)]
        cache = key_cache_of(database).begin(connection)
        for number, path in enumerate(paths, start=1):
            file, tables = lake.stream(path)
            load_into(connection, file, tables, cache, now=now, keep_counts=False, share=share)
            rows += file.row_count
            progress(number, len(paths))
        restore_rows(connection, kept)
    return len(paths), rows
