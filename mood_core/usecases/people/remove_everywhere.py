"""Finds rows in the files of the lake, and removes them. Of each file, one column is read once; of those found, all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.domain.spotify_ids import LOCAL_FILE
from mood_core.errors import StoreError
from mood_core.lake import Lake
from mood_core.lake.schema import LISTENS, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.queries.pending_responses import PendingResponses
from mood_core.usecases.collect_responses import drop_pending
from mood_core.usecases.remove_rows import replace_by

Result = TypeVar("Result")

READING, REWRITING = "read the lake", "rewrite files"

Progress = Callable[[str, float], None]
"""Is called with a step and the share of it that is done, 0-1."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows whose ``column`` has one of ``values`` and, with ``among``, that this selects."""

    column: str
    values: frozenset[str]
    among: Callable[[pa.Table], pa.ChunkedArray] | None = None

    def rows(self, table: pa.Table) -> pa.ChunkedArray:
        """Whether each row of ``table`` is wanted."""
        if self.among:
            return self.among(table)
        return pc.is_in(table[self.column].cast(pa.string()), pa.array(sorted(self.values), pa.string()))


@dataclass(slots=True)
class RemoveEverywhere:
    """Removes the ``wanted`` rows from all files of ``datasets``.

    ``rewritten``, ``removed`` and ``read`` are files; ``local`` are the local files of removed listens.
    """

    lake: Lake
    database: Database
    now: datetime
    datasets: Sequence[Dataset]
    wanted: Wanted
    progress: Progress
    rewritten: int = 0
    removed: int = 0
    read: set[str] = field(default_factory=set)
    local: set[str] = field(default_factory=set)
    _found: set[str] = field(default_factory=set)

    def search(self) -> None:
        """Read every file that was not read yet, to find the wanted rows. An object store is read in parallel.

        Raises:
            BatchCorrupt: A file cannot be read.
        """
        listed = self.lake.each(lambda dataset: self.lake.current_and_superseded(dataset.name), self.datasets)
        self._search(path for paths in list(listed) for some in paths for path in some)

    def remove(self) -> None:
        """Replace every file with wanted rows by one without.

        Raises:
            BatchCorrupt: A file cannot be read.
            StoreError: A wanted row is still there.
        """
        for dataset in self.datasets:
            drop_pending(PendingResponses(self.database), dataset, self.wanted.rows)
            current, superseded = self.lake.current_and_superseded(dataset.name)
            for path in superseded:
                self.lake.remove(path)
            self._search(current)
            self._rewrite(dataset, [path for path in current if path in self._found])
        self._found.clear()
        self.search()
        for path in sorted(self._found):
            if pc.any(self.wanted.rows(self.lake.read(path)[1])).as_py():
                raise StoreError(f"{path} still holds rows to be forgotten; run `moodlog forget` again")

    def found(self, dataset: Dataset) -> list[str]:
        """The files of ``dataset`` that were found."""
        return sorted(path for path in self._found if path.startswith(f"{dataset.name}/"))

    def _search(self, paths: Iterable[str]) -> None:
        unread = sorted(set(paths) - self.read)
        for path, holds in self._shown(READING, unread, self.lake.each(self._holds, unread)):
            self.read.add(path)
            if holds:
                self._found.add(path)

    def _holds(self, path: str) -> bool:
        return not self.wanted.values.isdisjoint(self.lake.values(path, self.wanted.column))

    def _rewrite(self, dataset: Dataset, paths: Sequence[str]) -> None:
        for _, (file, rows) in self._shown(REWRITING, paths, self.lake.each(self.lake.read, paths)):
            mask = self.wanted.rows(rows)
            others = rows.filter(pc.invert(mask))
            if others.num_rows == rows.num_rows:
                continue
            if dataset is LISTENS:
                self.local |= _local_files(rows.filter(mask))
            if replace_by(self.lake, self.database, file, others, now=self.now):
                self.rewritten += 1
            else:
                self.removed += 1

    def _shown(self, step: str, paths: Sequence[str], results: Iterable[Result]) -> Iterator[tuple[str, Result]]:
        for number, (path, result) in enumerate(zip(paths, results, strict=True)):
            self.progress(step, number / len(paths))
            yield path, result
        if paths:
            self.progress(step, 1.0)


def _local_files(listens: pa.Table) -> set[str]:
    ids = pc.unique(listens["track_id"].cast(pa.string()))
    return set(ids.filter(pc.starts_with(ids, LOCAL_FILE)).to_pylist())
