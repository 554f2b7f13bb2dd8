"""Converts CSV files of features to sorted Parquet in a cache folder, once per version of a file."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.features.catalog.sort import SortCounts, sort_to_parquet
from mood_core.tabular.feature_rows import RowCounts, feature_rows
from mood_core.tabular.files import TableFile

VERSION = 4
"""Incremented when the format of converted files or the reading rules change; older conversions are then redone."""

_STALE_AFTER_S = 24 * 3600
_READING_SHARE = 0.8
_SUMMARY_KEY = "moodlog:summary"
_WORK_PREFIX = ".converting-"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileSummary:
    """Counts of a file of features: ``rows`` read, ``unusable`` ones among them, and distinct ``tracks`` kept.

    A row is unusable if a required feature is missing or invalid. Dropped rows: ``duplicates`` (equal values),
    ``conflicts`` (different values for a track that has a row), ``without_id`` and ``damaged`` (wrong number of
    cells). ``notes`` list missing columns and columns that are not read.
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
    """Delete the conversion of ``file``, if any."""
    cached_path(file, cache).unlink(missing_ok=True)


def cached_path(file: TableFile, cache: Path) -> Path:
    """The path in ``cache`` of the conversion of ``file``; its name depends on path, size and modification time."""
    place = _digest(f"{file.filesystem.type_name}:{file.path}")
    state = _digest(f"{VERSION}:{file.size}:{file.mtime_ns}")
    return cache / f"{place}-{state}.parquet"


def convert(file: TableFile, cache: Path, progress: Callable[[float], None]) -> Path:
    """Return the sorted conversion of ``file``, made if needed. ``progress`` receives the fraction done, 0 to 1.

    Raises:
        InputError: the file is invalid; nothing is written.
        ConfigError: the cache folder cannot be written.
    """
    target = cached_path(file, cache)
    if _is_whole(target):
        return target
    try:
        # The folder may be the person's data folder, which also contains keys and the database.
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        cache.mkdir(exist_ok=True, mode=0o700)
        _remove_stale(cache)
        work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=cache))
    except OSError as error:
        raise ConfigError(f"the cache folder {cache} cannot be written ({error.strerror}); make it writable") from error
    try:
        _make(file, work, progress).replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _remove_older(target)
    if conflicts := summary_of(target).conflicts:
        message = "%s: %d rows have different values for a track that has a row already; the first usable row counts"
        log.warning(message, file.location, conflicts)
    progress(1.0)
    return target


def summary_of(converted: Path) -> FileSummary:
    """The summary of the file that ``converted`` was made from."""
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


def _is_whole(converted: Path) -> bool:
    """Whether the conversion exists and has a readable Parquet footer."""
    import pyarrow as pa

    try:
        summary_of(converted)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return False
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _remove_stale(cache: Path) -> None:
    """Delete temporary files of crashed conversions, but not of running ones."""
    for folder in cache.glob(f"{_WORK_PREFIX}*"):
        if time.time() - folder.stat().st_mtime > _STALE_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_older(target: Path) -> None:
    """Delete conversions of earlier versions of the same file."""
    place = target.name.partition("-")[0]
    for older in target.parent.glob(f"{place}-*.parquet"):
        if older != target:
            older.unlink(missing_ok=True)
