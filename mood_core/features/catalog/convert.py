"""Keeps each CSV file's features as sorted Parquet in a cache folder, made once for as long as the file is the same."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mood_core.errors import ConfigError
from mood_core.features.catalog.sort import sort_to_parquet
from mood_core.tabular.feature_rows import RowCounts, feature_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from mood_core.features.catalog.sort import SortCounts
    from mood_core.tabular.files import TableFile

VERSION = 2
"""Raised when the form of the converted files or the rules of reading change: older ones are then made again."""

_STALE_AFTER_S = 24 * 3600
_READING_SHARE = 0.8
_SUMMARY_KEY = "moodlog:summary"
_WORK_PREFIX = ".converting-"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What a file of features holds: ``rows`` read, ``unusable`` ones among them, and distinct ``tracks`` kept.

    A row is unusable where one of the nine features is missing or illegal. Rows left out: ``duplicates`` (the same
    values again), ``conflicts`` (other values for a track that has its row), ``without_id`` and ``damaged`` (the wrong
    number of cells). ``notes`` say what is missing in the file, and what of it is not read.
    """

    rows: int
    tracks: int
    unusable: int
    duplicates: int
    conflicts: int
    without_id: int
    damaged: int
    notes: tuple[str, ...]


def forget(file: TableFile, cache: Path) -> None:
    """Clear away the conversion of ``file``, if there is one."""
    cached_path(file, cache).unlink(missing_ok=True)


def cached_path(file: TableFile, cache: Path) -> Path:
    """Where the conversion of ``file``, as it is now, lies in ``cache``: named by its place, size and time."""
    place = _digest(f"{file.filesystem.type_name}:{file.path}")
    state = _digest(f"{VERSION}:{file.size}:{file.mtime_ns}")
    return cache / f"{place}-{state}.parquet"


def convert(file: TableFile, cache: Path, progress: Callable[[float], None]) -> Path:
    """The sorted form of ``file``, made now unless it is there. ``progress`` is told the share done, 0 to 1.

    Raises:
        InputError: the file is not what it should be; nothing is left behind.
        ConfigError: the cache folder cannot be written.
    """
    target = cached_path(file, cache)
    if _is_whole(target):
        return target
    try:
        # What may be made here is a person's own folder, the place of their keys and database too.
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        cache.mkdir(exist_ok=True, mode=0o700)
        _remove_stale(cache)
        work = _fresh_folder(cache)
    except OSError as error:
        raise ConfigError(f"the cache folder {cache} cannot be written ({error.strerror})") from error
    try:
        _make(file, work, progress).replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _remove_older(target)
    _log_conflicts(file, summary_of(target))
    progress(1.0)
    return target


def summary_of(converted: Path) -> FileSummary:
    """What is kept about the file that ``converted`` was made from."""
    from pyarrow import parquet

    metadata = parquet.read_metadata(converted).metadata or {}
    return FileSummary(**json.loads(metadata[_SUMMARY_KEY.encode()]))


def _make(file: TableFile, work: Path, progress: Callable[[float], None]) -> Path:
    counts = RowCounts()
    size = max(file.size, 1)
    made = work / "sorted.parquet"
    sort_to_parquet(
        feature_rows(file, counts, lambda byte: progress(_READING_SHARE * min(1.0, byte / size))),
        work,
        made,
        lambda done: progress(_READING_SHARE + (1 - _READING_SHARE) * done),
        lambda sorting: {_SUMMARY_KEY: json.dumps(asdict(_summary(counts, sorting)))},
    )
    return made


def _summary(counts: RowCounts, sorting: SortCounts) -> FileSummary:
    return FileSummary(
        rows=counts.read + counts.damaged.count,
        unusable=counts.unusable,
        without_id=counts.without_id,
        damaged=counts.damaged.count,
        notes=tuple(counts.notes),
        **asdict(sorting),
    )


def _log_conflicts(file: TableFile, summary: FileSummary) -> None:
    if summary.conflicts:
        log.warning(
            "%s: %d rows have different values for a track that has its row; the first usable one counts",
            file.location,
            summary.conflicts,
        )


def _is_whole(converted: Path) -> bool:
    """Whether the conversion is there and readable to its end, where Parquet keeps what it needs."""
    import pyarrow as pa

    try:
        summary_of(converted)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return False
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fresh_folder(cache: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=cache))


def _remove_stale(cache: Path) -> None:
    """Clear away what a killed conversion left; one that may still be running is let be."""
    for folder in cache.glob(f"{_WORK_PREFIX}*"):
        if time.time() - folder.stat().st_mtime > _STALE_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_older(target: Path) -> None:
    """Clear away the conversions of earlier states of the same file."""
    place = target.name.partition("-")[0]
    for older in target.parent.glob(f"{place}-*.parquet"):
        if older != target:
            older.unlink(missing_ok=True)
