"""Backs up everything that moodlog stores, as a consistent snapshot that works as a HOME, while moodlog runs.

The database is copied before the lake: every batch of the copied database is in the copied lake, and the first run
loads newer files. Runs that rewrite files wait during the copy; pulling and labelling continue.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mood_core.errors import InputError
from mood_core.files.atomic import fsync_folder, sweep, temporary_path
from mood_core.files.private import make_private_folder
from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.engine.snapshot import snapshot
from mood_core.store.locks.named_locks import NamedLock, named_lock


@dataclass(frozen=True, slots=True)
class BackupReport:
    """The new ``folder``, with or without the ``database``; the number of ``files`` of the lake, and all ``bytes``."""

    folder: Path
    database: bool
    files: int
    bytes: int


def back_up(
    lake: Lake,
    database: Database,
    into: Path,
    others: Sequence[Path],
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> BackupReport:
    """Copy database, lake and ``others`` (files and folders that exist) to a new folder in ``into``.

    The folder is named by ``now``. It appears when it is complete; the next backup deletes what a killed one left.

    Raises:
        InputError: There is a backup of the same second.
        StoreBusy: Another process is rewriting the lake.
        BatchCorrupt: A file of the lake cannot be read.
        StoreError: The database cannot be copied.
        OSError: ``into`` cannot be written.
    """
    target = into / f"moodlog-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if target.exists():
        raise InputError(f"{target} exists already; wait a second and run it again")
    make_private_folder(into)
    sweep(into.glob(".moodlog-*.draft"))
    temporary = temporary_path(target)
    make_private_folder(temporary)
    try:
        with named_lock(database, NamedLock.UPKEEP):
            files, size = _copy(lake, database, temporary, progress)
        for path in others:
            _copy_other(path, temporary / path.name)
        fsync_folder(temporary)
        temporary.rename(target)
        fsync_folder(into)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return BackupReport(target, database.file is not None, files, size)


def _copy(lake: Lake, database: Database, folder: Path, progress: Callable[[int, int], None]) -> tuple[int, int]:
    """Copy database and lake to ``folder``; returns the number of files of the lake, and all bytes."""
    size = 0
    if database.file is not None:
        snapshot(database.file, folder / "moodlog.db")
        size += (folder / "moodlog.db").stat().st_size
    make_private_folder(folder / "lake")
    paths = [path for dataset in DATASETS for path in (*lake.paths(dataset), *lake.superseded(dataset))]
    for done, path in enumerate(paths):
        progress(done, len(paths))
        size += lake.copy(path, folder / "lake")
    return len(paths), size


def _copy_other(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True)
    elif path.exists():
        shutil.copy2(path, target)
