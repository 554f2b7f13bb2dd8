"""Writes an import plan: tracks, listens, pending plays and filled gaps, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from mood_core.domain.play_ends import END_REASONS, decode_ends
from mood_core.domain.records import Gap, ListenSource, Track, TrackKind, TrackName
from mood_core.domain.spotify_ids import kind_of
from mood_core.exports.parsed_export import ParsedExport
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.batch_files import conform
from mood_core.lake.schema import GAPS, LISTENS, NAMED_PLAYS, TRACK_NAMES, TRACKS, Dataset
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.imports.decide import Named, Plan
from mood_core.usecases.imports.known_listens import Known
from mood_core.usecases.imports.plan import Columns
from mood_core.usecases.other_names import other_names_table

ROWS_A_FILE = 100_000


class Writer(Protocol):
    """Writes batches: Parquet first, then SQL."""

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime) -> int: ...  # noqa: D102
    def next_time(self, now: datetime) -> datetime: ...  # noqa: D102


class DryRun:
    """Checks batches as the lake does, and writes nothing."""

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime) -> int:  # noqa: ARG002 - see Writer
        """Check ``rows``; returns their number.

        Raises:
            BatchCorrupt: The lake would refuse them.
        """
        conform(dataset, rows)
        return int(rows.num_rows)

    def next_time(self, now: datetime) -> datetime:
        """The time of the next batch."""
        return now


@dataclass(frozen=True, slots=True)
class Import:
    """The person, the parsed export, what was known before, and the time of writing."""

    user_id: str
    read: ParsedExport
    known: Known
    now: datetime


def write(
    what: Import,
    plan: Plan,
    gaps: Sequence[Gap],
    described: Callable[[Sequence[str]], set[str]],
    stored: ListenStore,
    batches: Writer,
    progress: Callable[[int], None],
) -> None:
    """Write ``plan``. Safe to rerun after a crash: a new plan contains the rest. Filled gaps are written last.

    ``described`` returns the tracks that have a title already, and ``stored`` their names; ``progress`` receives the
    number of written rows.
    """
    done = 0
    for dataset, table in _batches(what, plan, gaps, described, stored):
        batches.add(dataset, table, now=what.now)
        done += table.num_rows if dataset in (LISTENS, NAMED_PLAYS) else 0
        progress(done)


def _batches(
    what: Import,
    plan: Plan,
    gaps: Sequence[Gap],
    described: Callable[[Sequence[str]], set[str]],
    stored: ListenStore,
) -> Iterator[tuple[Dataset, pa.Table]]:
    new = _new_tracks(what, plan, described)
    names = other_names_table(_names(what), {track.track_id for track in new}, stored)
    for tracks in _parts(new):
        yield TRACKS, to_table(TRACKS, tracks)
    yield TRACK_NAMES, names
    for source, plays in (
        (ListenSource.EXTENDED_HISTORY, plan.extended),
        (ListenSource.ACCOUNT_DATA, plan.account),
    ):
        for start in range(0, len(plays), ROWS_A_FILE):
            yield LISTENS, _listens(what, plays.take(slice(start, start + ROWS_A_FILE)), source)
    for rows in _parts(plan.pending):
        yield NAMED_PLAYS, named_table(what.user_id, rows)
    yield GAPS, to_table(GAPS, gaps)


def _names(what: Import) -> Iterator[TrackName]:
    """Every name of a track in the export; of the names of a track, the one that describes it comes first."""
    infos = what.read.track_infos
    yield from (TrackName(info.track_id, info.artist, info.name) for info in infos)
    yield from (TrackName(track_id, artists, title) for track_id, (title, artists) in what.known.named.items())
    for index, title, artist in sorted(what.read.other_names):
        yield TrackName(infos[index].track_id, artist, title)
    yield from (TrackName(track_id, artist, title) for track_id, (title, artist) in what.read.addresses.items())


def _new_tracks(what: Import, plan: Plan, described: Callable[[Sequence[str]], set[str]]) -> list[Track]:
    """The tracks of ``plan`` and of pending plays that have no stored description yet."""
    numbers = np.unique(np.concatenate([plan.extended.track, plan.account.track])).tolist()
    heard = sorted({what.known.ids[number] for number in numbers} | what.known.for_pending)
    known = described(heard)
    tracks = [
        Track(info.track_id, info.name, (info.artist,), info.album, kind=kind_of(info.track_id))
        for info in what.read.track_infos
    ]
    tracks += [Track(track_id, title, (artists,)) for track_id, (title, artists) in what.known.named.items()]
    described_here = {track.track_id: track for track in tracks if track.name or track.kind is TrackKind.LOCAL}
    return [described_here[track_id] for track_id in heard if track_id in described_here and track_id not in known]


def _listens(what: Import, plays: Columns, source: ListenSource) -> pa.Table:
    used, places = np.unique(plays.track, return_inverse=True)
    ids = pa.array([what.known.ids[number] for number in used.tolist()], pa.string())
    count = len(plays)
    values = {
        "user_id": pa.repeat(what.user_id, count),
        "played_at": pa.array(plays.at_ms).cast(pa.timestamp("ms", "UTC")),
        "track_id": ids.take(pa.array(places)),
        "ms_played": pa.array(plays.ms, mask=plays.ms < 0).cast(pa.int32()),
        "source": pa.repeat(source.value, count),
    }
    return pa.table(values | _how_ended(plays))


def _how_ended(plays: Columns) -> dict[str, pa.Array]:
    flags, reasons = decode_ends(plays.ends)
    columns = {name: pa.array(states == 2, mask=states == 0) for name, states in flags.items()}
    return columns | {"reason_end": pa.array(("", *END_REASONS)).take(pa.array(reasons, mask=reasons == 0))}


def named_table(
    user_id: str,
    rows: Sequence[Named],
    track_ids: Sequence[str] | None = None,
    source: ListenSource = ListenSource.ACCOUNT_DATA,
) -> pa.Table:
    """Plays by name in the dataset's schema, with their tracks if known."""
    ends, artists, titles, lengths = zip(*rows, strict=True)
    return pa.table(
        {
            "user_id": pa.repeat(user_id, len(rows)),
            "ended_at": pa.array(ends, pa.int64()).cast(pa.timestamp("ms", "UTC")),
            "artist": pa.array(artists, pa.string()),
            "title": pa.array(titles, pa.string()),
            "ms_played": pa.array(lengths, pa.int32()),
            "track_id": pa.array(track_ids, pa.string()) if track_ids else pa.nulls(len(rows), pa.string()),
            "source": pa.repeat(source.value, len(rows)),
        }
    )


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), ROWS_A_FILE):
        yield rows[start : start + ROWS_A_FILE]
