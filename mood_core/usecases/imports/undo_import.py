"""Takes an import back: its listens and pending plays leave SQL and the lake, and gaps that it filled are open again.

Listens that pending plays of the import became later are removed as well. Tracks, features and labels stay: they
describe recordings. SQL comes first, then the files, the import's own list of plays last, so that a run that was
stopped can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.domain.records import ListenSource
from mood_core.errors import InputError
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import GAPS, LISTENS, NAMED_PLAYS, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.queries.import_records import ImportRecord, ImportRecords, PersonalRows
from mood_core.usecases.remove_rows import replace_by

_Named = tuple[Any, ...]
_NAME = ("ended_at", "artist", "title", "ms_played")
_PLAY = ("played_at", "track_id", "ms_played")
_EXPORTED = [source.value for source in ListenSource if source is not ListenSource.RECENTLY_PLAYED]


@dataclass(frozen=True, slots=True)
class UndoReport:
    """Numbers of removed listens and pending plays, and of gaps that are open again."""

    import_id: str
    user_id: str
    listens: int
    pending_plays: int
    gaps_reopened: int


@dataclass(frozen=True, slots=True)
class _Change:
    """A file with the rows that go and those that stay."""

    file: BatchFile
    gone: pa.Table
    others: pa.Table


def find_import(records: ImportRecords, import_id: str) -> ImportRecord:
    """The import ``import_id``.

    Raises:
        InputError: No import has this id, or it was interrupted.
    """
    record = records.find(import_id)
    if record is None:
        known = ", ".join(each["import_id"] for each in records.all()) or "none"
        raise InputError(f"no import {import_id} can be taken back; imports that can: {known}")
    if record.until is None:
        raise InputError(f"import {import_id} was interrupted; import the same files again first, then take it back")
    return record


def undo_import(
    record: ImportRecord, records: ImportRecords, lake: Lake, database: Database, *, now: datetime
) -> UndoReport:
    """Take ``record`` back. The caller holds the lock of the lake and the lease of the account.

    Raises:
        BatchCorrupt: A file cannot be read; nothing is changed.
        StoreError: The lake or the database fails; running it again completes it.
    """
    undo = _Undo(record, records, lake)
    named = undo.named_plays()
    listens, gaps = undo.listens(named), undo.filled_gaps()
    removed = PersonalRows(
        [row for change in listens for row in _tuples(change.gone, "played_at", "track_id")],
        set(named),
        [at for change in gaps for (at,) in _tuples(change.gone, "starts_at")],
    )
    records.remove_rows(record.user_id, removed)
    for change in (*listens, *gaps, *undo.plays(set(named))):
        replace_by(lake, database, change.file, change.others, now=now)
    records.forget(record)
    pending = sum(track_id is None for track_id in named.values())
    return UndoReport(record.import_id, record.user_id, len(removed.listens), pending, len(removed.gaps))


@dataclass(frozen=True, slots=True)
class _Undo:
    """Finds the rows of an import in the lake."""

    record: ImportRecord
    records: ImportRecords
    lake: Lake

    def named_plays(self) -> dict[_Named, str | None]:
        """The plays that the import stored by name, with the track that each one got later."""
        tracks: dict[_Named, str] = {}
        own: set[_Named] = set()
        for _, rows, is_own in self._files(NAMED_PLAYS):
            for *name, user_id, track_id in _tuples(rows, *_NAME, "user_id", "track_id"):
                if user_id == self.record.user_id and track_id is not None:
                    tracks[tuple(name)] = track_id
                elif user_id == self.record.user_id and is_own:
                    own.add(tuple(name))
        return {name: tracks.get(name) for name in own}

    def listens(self, named: dict[_Named, str | None]) -> list[_Change]:
        """The listens of the import, and those that its plays by name became."""
        matched = {(at, track_id, ms) for (at, _, _, ms), track_id in named.items() if track_id is not None}
        changes = []
        for file, rows, is_own in self._files(LISTENS):
            exported = pc.is_in(rows["source"].cast(pa.string()), pa.array(_EXPORTED))
            gone = pc.and_(self._theirs(rows), exported)
            if not is_own:
                known = [(at - at % 1000, *play) in matched for at, *play in _tuples(rows, *_PLAY)]
                gone = pc.and_(gone, pa.chunked_array([pa.array(known, pa.bool_())]))
            changes += _change(file, rows, gone)
        return changes

    def filled_gaps(self) -> list[_Change]:
        """The rows that mark gaps as filled by the import."""
        found = ((file, rows, self._theirs(rows)) for file, rows, is_own in self._files(GAPS) if is_own)
        return [change for each in found for change in _change(*each)]

    def plays(self, named: set[_Named]) -> list[_Change]:
        """The plays by name; the files of the import come last."""
        changes = []
        for file, rows, _ in self._files(NAMED_PLAYS):
            known = pa.array([row in named for row in _tuples(rows, *_NAME)], pa.bool_())
            changes += _change(file, rows, pc.and_(self._theirs(rows), pa.chunked_array([known])))
        return changes

    def _files(self, dataset: Dataset) -> Iterator[tuple[BatchFile, pa.Table, bool]]:
        """The files since the import, newest first, with their rows, and whether the import wrote them."""
        until = self.record.until
        for path, made_at in self.records.paths_since(dataset.name, self.record.first):
            file, rows = self.lake.read(path)
            yield file, rows, until is not None and made_at < until

    def _theirs(self, rows: pa.Table) -> pa.ChunkedArray:
        return pc.equal(rows["user_id"].cast(pa.string()), self.record.user_id)


def _change(file: BatchFile, rows: pa.Table, gone: pa.ChunkedArray) -> list[_Change]:
    going = rows.filter(gone)
    return [_Change(file, going, rows.filter(pc.invert(gone)))] if going.num_rows else []


def _tuples(rows: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    """The columns ``names`` row by row, times in ms since 1970."""
    columns = [rows[name] for name in names]
    lists = [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist() for column in columns
    ]
    return list(zip(*lists, strict=True))
