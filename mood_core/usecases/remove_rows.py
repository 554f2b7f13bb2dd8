"""Removes rows from a file of the lake: a new file without them replaces it in the lake and in the ledger."""

from __future__ import annotations

import logging
from datetime import datetime

import pyarrow as pa

from mood_core.errors import BatchCorrupt
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import DATASETS, PERSONAL, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.loading.forgotten_rows import without_forgotten
from mood_core.store.loading.key_cache import key_cache_of
from mood_core.store.loading.ledger import remove
from mood_core.store.loading.load import load_into
from mood_core.store.loading.tombstones import newest_forgetting, tombstones_of

log = logging.getLogger(__name__)


def replace_by(lake: Lake, database: Database, file: BatchFile, others: pa.Table, *, now: datetime) -> bool:
    """Replace ``file`` by one with the rows ``others``; returns whether there is one.

    The file is published inside the transaction, so that a process that lost the exclusive lock cannot publish it.
    After a crash in between, the next run loads the new file.

    Raises:
        LockLost: Another process has acquired the exclusive lock since; nothing is changed then.
        StoreError: The lake or the database fails.
    """
    dataset = DATASETS[file.dataset]
    if others.num_rows:
        publish(lake, database, dataset, others, [file], inherited=file.replaces, now=now)
        return True
    with database.write(durable=True) as connection:
        remove(connection, [file.batch_id, *file.replaces])
    lake.remove(file.path)
    return False


def publish(
    lake: Lake,
    database: Database,
    dataset: Dataset,
    rows: pa.Table,
    replaced: list[BatchFile],
    *,
    now: datetime,
    inherited: tuple[str, ...] = (),
) -> BatchFile:
    """Publish ``rows`` in place of the files ``replaced``; load them unless the ledger has all of these files.

    Raises:
        LockLost: Another process has acquired the exclusive lock since; nothing is changed then.
        StoreError: The lake or the database fails.
    """
    with database.load() as connection:
        made = lake.compact(dataset, rows, replaced, inherited=inherited)
        cache = key_cache_of(database).begin(connection)
        load_into(connection, made, rows, cache, now=now)
    cache.committed()
    return made


def has_forgotten(lake: Lake, database: Database, file: BatchFile) -> bool:
    """Whether ``file`` has rows of a forgotten person without a consent from before the file was made.

    Raises:
        BatchCorrupt: The file cannot be read.
    """
    if DATASETS[file.dataset] not in PERSONAL:
        return False
    if not any_forgotten(database):
        return False
    with database.read() as connection:
        stones = tombstones_of(connection, lake.people(file.path))
    return any(stone.keeps_out(file.created_at) for stone in stones.values())


def remove_forgotten(lake: Lake, database: Database, file: BatchFile, *, now: datetime) -> None:
    """Replace ``file`` by one without the rows of forgotten people. The caller holds the lock of the lake.

    Raises:
        BatchCorrupt: The file cannot be read.
        StoreError: The lake or the database fails.
    """
    _, rows = lake.read(file.path)
    with database.read() as connection:
        others = without_forgotten(connection, rows, file.created_at)
    replace_by(lake, database, file, others, now=now)


def clean_lake(lake: Lake, database: Database, *, now: datetime) -> int:
    """Remove forgotten people from every file of the lake; returns the number of files with rows of them.

    Such a file comes from a backup or from a run that was late. The caller holds the lock of the lake. Damaged files
    are not changed: `moodlog verify` names them.

    Raises:
        StoreError: The lake or the database fails.
    """
    cleaned = 0
    if not any_forgotten(database):
        return 0
    for dataset in PERSONAL:
        for path in lake.superseded(dataset.name):
            lake.remove(path)
        for path in lake.paths(dataset.name):
            try:
                file, _ = lake.stream(path)
                if has_forgotten(lake, database, file):
                    remove_forgotten(lake, database, file, now=now)
                    cleaned += 1
            except BatchCorrupt as error:
                log.error("not changed: %s; run `moodlog verify` for details", error.message)  # noqa: TRY400
    return cleaned


def any_forgotten(database: Database) -> bool:
    """Whether any person was forgotten here."""
    with database.read() as connection:
        return newest_forgetting(connection) > 0
