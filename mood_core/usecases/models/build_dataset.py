"""Collects labelled tracks with their features from playlists, each of one curator and mood, for ``moodlog train``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from mood_core.domain.records import FEATURES, MOODS, Track, TrackKind
from mood_core.domain.spotify_ids import parse_playlist_ref
from mood_core.errors import InputError
from mood_core.features.fetch_report import FetchReport
from mood_core.features.source import FeatureSource
from mood_core.files.atomic import sweep_temporary, temporary_path
from mood_core.files.own_file import check_folder, refuse_foreign
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.tabular.own_table import has_columns
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses
from mood_core.usecases.nightly.fetch_features import fetch_for
from mood_core.usecases.spreadsheet import without_formulas


class ItemOutcome(StrEnum):
    """What became of a playlist's item."""

    KEPT = "kept"
    REPEATED = "repeated for the same mood and curator"
    LOCAL = "local file"
    NOT_A_TRACK = "no track"
    NO_FEATURES = "no features known"


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist whose tracks have the label ``mood``, given by the curator ``source`` (None: not stated)."""

    mood: str
    playlist_id: str
    source: str | None = None


@dataclass(slots=True)
class DatasetReport:
    """Every item's outcome, adding up to ``items``, the rows kept by mood, and how the features were fetched."""

    outcomes: Counter[ItemOutcome] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    features: FetchReport = field(default_factory=FetchReport)

    @property
    def items(self) -> int:
        """The number of items in all playlists."""
        return self.outcomes.total()


def parse_playlist(text: str) -> Playlist:
    """The playlist in ``MOOD=ID`` or ``CURATOR/MOOD=ID``, where ID may also be a URI or an address.

    Raises:
        InputError: It is not of that form.
    """
    label, _, reference = text.partition("=")
    source, _, mood = label.rpartition("/")
    playlist_id = parse_playlist_ref(reference)
    if not mood.strip() or playlist_id is None:
        raise InputError(
            f"{text!r} is no labelled playlist: write MOOD=ID, MOOD=ADDRESS or CURATOR/MOOD=ID, like "
            "Calm=37i9dQZF1DX..."
        )
    # In lower case it would be a class of its own, and a model of such classes labels nothing.
    known = {name.lower(): name for name in MOODS}
    return Playlist(known.get(mood.strip().lower(), mood.strip()), playlist_id, source.strip() or None)


@dataclass(frozen=True, slots=True)
class Label:
    """A track with the ``mood`` that a curator gave it. A track has one label for each mood and curator."""

    track: Track
    mood: str
    source: str | None


def collect(
    playlists: Sequence[Playlist], items_of: Callable[[str], Iterator[object]], report: DatasetReport
) -> list[Label]:
    """The labels of all tracks in ``playlists``, in order of first sight; ``report`` gets the other outcomes."""
    labels: dict[tuple[str, str, str | None], Label] = {}
    for playlist in playlists:
        for item in items_of(playlist.playlist_id):
            if not isinstance(item, Track):
                report.outcomes[ItemOutcome.NOT_A_TRACK] += 1
            elif item.kind is not TrackKind.TRACK:
                report.outcomes[ItemOutcome.LOCAL] += 1
            elif (key := (item.track_id, playlist.mood, playlist.source)) in labels:
                report.outcomes[ItemOutcome.REPEATED] += 1
            else:
                labels[key] = Label(item, playlist.mood, playlist.source)
    return list(labels.values())


def build_dataset(
    playlists: Sequence[Playlist],
    items_of: Callable[[str], Iterator[object]],
    sources: Sequence[FeatureSource],
    rows: FeatureRows,
    batches: Batches,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[pa.Table, DatasetReport]:
    """The labels of the tracks in ``playlists`` with their features, one row each, and the outcome of every item.

    Tracks and features are stored like those of listens, so a second build repeats no request.

    Raises:
        SourceError: A playlist cannot be read.
        StoreError: The database or the lake fails.
    """
    report = DatasetReport()
    labels = collect(playlists, items_of, report)
    tracks = {label.track.track_id: label.track for label in labels}
    CollectResponses(rows.pending, batches, now=now).publish()
    known = rows.stored(list(tracks))
    batches.add(TRACKS, to_table(TRACKS, [track for id_, track in tracks.items() if id_ not in known]), now=now)
    wanting = [track for id_, track in tracks.items() if id_ not in known or known[id_][1] is None]
    report.features = fetch_for(wanting, sources, rows, batches, now=now, progress=progress)
    return _table(labels, rows.stored(list(tracks)), report), report


def check_dataset_file(out: Path) -> None:
    """Check that a dataset can be written to ``out``, which replaces only another dataset.

    Raises:
        InputError: Another ending than those of CSV and Parquet, no such folder, or another file is there.
        OSError: A file is there that cannot be read.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {out}: give a .csv or .parquet file")
    check_folder(out)
    refuse_foreign(out, "a dataset", partial(has_columns, names=_COLUMNS))


def write_dataset(table: pa.Table, out: Path) -> None:
    """Write the dataset to ``out``, CSV or Parquet by its ending; the file appears whole or not at all."""
    sweep_temporary(out)
    part = temporary_path(out)
    try:
        if out.suffix == ".csv":
            csv.write_csv(without_formulas(table), part)
        else:
            pq.write_table(table, part, compression="zstd")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


_COLUMNS = (
    *("id", "isrc", "name", "artist", "album", "release_date"),
    *FEATURES,
    *("mood", "source", "feature_source"),
)
_Stored = Mapping[str, tuple[Track, tuple[float | None, ...] | None, str | None]]


def _table(labels: Sequence[Label], found: _Stored, report: DatasetReport) -> pa.Table:
    schema = pa.schema([(name, pa.float64() if name in FEATURES else pa.string()) for name in _COLUMNS])
    return pa.Table.from_pylist(list(_rows(labels, found, report)), schema)


def _rows(labels: Sequence[Label], found: _Stored, report: DatasetReport) -> Iterator[dict[str, object]]:
    for label in labels:
        track = label.track
        stored, features, feature_source = found.get(track.track_id, (track, None, None))
        if features is None:
            report.outcomes[ItemOutcome.NO_FEATURES] += 1
            continue
        report.outcomes[ItemOutcome.KEPT] += 1
        report.kept[label.mood] += 1
        yield {
            "id": track.track_id,
            "isrc": track.isrc or stored.isrc,
            "name": track.name,
            "artist": ", ".join(track.artists),
            "album": track.album,
            "release_date": track.release_date,
            **dict(zip(FEATURES, features, strict=True)),
            "mood": label.mood,
            "source": label.source,
            "feature_source": feature_source,
        }
