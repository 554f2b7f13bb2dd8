"""Reads whole catalogue files and reports their contents or problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mood_core.errors import InputError, SourceError
from mood_core.features.catalog.convert import convert, summary_of
from mood_core.tabular.feature_rows import RowCounts, feature_rows
from mood_core.tabular.files import FileFormat, TableFile, find_files, shown


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """Result of checking one file, or one location without files.

    Attributes:
        location: the file.
        rows: rows read; 0 if it is refused.
        unusable: rows with a missing or invalid value.
        left_out: rows without a Spotify id or with the wrong number of cells.
        conflicts: rows with different values for a track that has a row; None if not counted (Parquet).
        notes: missing columns and columns that are not read.
        problem: why it is refused, or None.
    """

    location: str
    rows: int = 0
    unusable: int = 0
    left_out: int = 0
    conflicts: int | None = None
    notes: tuple[str, ...] = ()
    problem: str | None = None


def check_files(locations: Sequence[str], cache: Path, progress: Callable[[str, float], None]) -> Iterator[CheckedFile]:
    """Check every file at ``locations``; converts CSV files into ``cache``.

    ``progress`` receives (file, fraction done). An invalid file is a value and not an exception.

    Raises:
        ConfigError: the cache folder cannot be written.
    """
    for location in locations:
        try:
            files = find_files([location])
        except (InputError, SourceError) as error:
            yield CheckedFile(shown(location), problem=error.message)
            continue
        for file in files:
            yield _checked(file, cache, progress)


def _checked(file: TableFile, cache: Path, progress: Callable[[str, float], None]) -> CheckedFile:
    def report(fraction: float) -> None:
        progress(file.location, fraction)

    try:
        return _csv(file, cache, report) if file.format is FileFormat.CSV else _parquet(file, report)
    except (InputError, SourceError) as error:
        return CheckedFile(file.location, problem=error.message)


def _csv(file: TableFile, cache: Path, progress: Callable[[float], None]) -> CheckedFile:
    summary = summary_of(convert(file, cache, progress))
    left_out = summary.without_id + summary.damaged
    return CheckedFile(file.location, summary.rows, summary.unusable, left_out, summary.conflicts, tuple(summary.notes))


def _parquet(file: TableFile, progress: Callable[[float], None]) -> CheckedFile:
    counts = RowCounts()
    size = max(file.size, 1)
    for _ in feature_rows(file, counts, lambda byte: progress(byte / size)):
        pass
    return CheckedFile(file.location, counts.read, counts.unusable, counts.without_id, notes=tuple(counts.notes))
