"""A copy of everything moodlog keeps, from one moment, while it runs: a folder that works as a HOME.

The database is copied before the lake: every batch that the copied database knows is in the copied lake, and a newer
file there is loaded by the first run. Rewriters of files wait meanwhile; pulling and labelling go on.
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
    """What was copied.

    Attributes:
        folder: the new folder.
        database: whether the database is in it, which PostgreSQL is not.
        files: how many files of the lake are.
        bytes: their size together with the database's.
    """

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
    """Copy database, lake and ``others`` (files and folders, where they are there) to a new folder in ``into``.

    The folder is named by ``now`` and appears when it is whole; killed before, nothing of it counts, and the next
    backup clears it away.

    Raises:
        InputError: There is a backup of this very second.
        StoreBusy: Another process is rewriting the lake.
        BatchCorrupt: A file of the lake cannot be read.
        StoreError: The database cannot be copied.
        OSError: ``into`` cannot be written.
    """
    target = into / f"moodlog-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if target.exists():
        raise InputError(f"{target} is there already; wait a second and run it again")
    make_private_folder(into)
    sweep(into.glob(".moodlog-*.draft"))
    draft = temporary_path(target)
    make_private_folder(draft)
    try:
        with named_lock(database, NamedLock.UPKEEP):
            report = _copy(lake, database, draft, target, progress)
        for path in others:
            _copy_other(path, draft / path.name)
        fsync_folder(draft)
        draft.rename(target)
        fsync_folder(into)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return report


def _copy(
    lake: Lake, database: Database, draft: Path, target: Path, progress: Callable[[int, int], None]
) -> BackupReport:
    size = 0
    if database.file is not None:
        snapshot(database.file, draft / "moodlog.db")
        size += (draft / "moodlog.db").stat().st_size
    make_private_folder(draft / "lake")
    paths = [path for dataset in DATASETS for path in (*lake.paths(dataset), *lake.superseded(dataset))]
    for done, path in enumerate(paths):
        progress(done, len(paths))
        size += lake.copy(path, draft / "lake")
    return BackupReport(target, database.file is not None, len(paths), size)


def _copy_other(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True)
    elif path.exists():
        shutil.copy2(path, target)
