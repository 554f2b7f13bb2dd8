"""Collects labelled tracks from playlists, one mood a playlist, with their features: what ``moodlog train`` takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
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
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.collect_answers import CollectAnswers
from mood_core.usecases.nightly.fetch_features import fetch_for
from mood_core.usecases.spreadsheet import without_formulas


class ItemOutcome(StrEnum):
    """What became of a playlist's item."""

    KEPT = "kept"
    REPEATED = "in the playlists more than once"
    TWO_MOODS = "in playlists of two moods"
    LOCAL = "local file"
    NOT_A_TRACK = "no track"
    NO_FEATURES = "no features known"


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist whose tracks stand for ``mood``."""

    mood: str
    playlist_id: str


@dataclass(slots=True)
class DatasetReport:
    """Every item's outcome, adding up to ``items``, the tracks kept by mood, and how asking for features went."""

    outcomes: Counter[ItemOutcome] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    features: FetchReport = field(default_factory=FetchReport)

    @property
    def items(self) -> int:
        """How many items the playlists have in all."""
        return self.outcomes.total()


def parse_playlist(text: str) -> Playlist:
    """The playlist in ``MOOD=ID``, where ID may also be a URI or an address.

    Raises:
        InputError: It is not of that form.
    """
    mood, separator, reference = text.partition("=")
    playlist_id = parse_playlist_ref(reference)
    if not separator or not mood.strip() or playlist_id is None:
        raise InputError(f"{text!r} is no labelled playlist: write MOOD=ID or MOOD=ADDRESS, like Calm=37i9dQZF1DX...")
    # In lower case it would be a class of its own, and a model of such classes labels nothing.
    known = {name.lower(): name for name in MOODS}
    return Playlist(known.get(mood.strip().lower(), mood.strip()), playlist_id)


def collect(
    playlists: Sequence[Playlist], items_of: Callable[[str], Iterator[object]], report: DatasetReport
) -> dict[str, tuple[Track, str]]:
    """By track id, the tracks that stand in playlists of exactly one mood, with that mood, in order of first sight."""
    tracks: dict[str, Track] = {}
    moods: dict[str, set[str]] = {}
    seen: Counter[str] = Counter()
    for playlist in playlists:
        for item in items_of(playlist.playlist_id):
            if not isinstance(item, Track):
                report.outcomes[ItemOutcome.NOT_A_TRACK] += 1
            elif item.kind is not TrackKind.TRACK:
                report.outcomes[ItemOutcome.LOCAL] += 1
            else:
                tracks.setdefault(item.track_id, item)
                moods.setdefault(item.track_id, set()).add(playlist.mood)
                seen[item.track_id] += 1
    ambiguous = {track_id for track_id, names in moods.items() if len(names) > 1}
    report.outcomes[ItemOutcome.TWO_MOODS] += sum(seen[track_id] for track_id in ambiguous)
    report.outcomes[ItemOutcome.REPEATED] += sum(seen[track_id] - 1 for track_id in tracks if track_id not in ambiguous)
    return {id_: (track, next(iter(moods[id_]))) for id_, track in tracks.items() if id_ not in ambiguous}


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
    """The labelled tracks of ``playlists`` with their features, and what became of every item.

    Tracks and features are stored as those of listens are, so that building again asks for nothing twice.

    Raises:
        SourceError: A playlist cannot be read.
        StoreError: The database or the lake fails.
    """
    report = DatasetReport()
    labelled = collect(playlists, items_of, report)
    CollectAnswers(rows.pending, batches, now=now).publish()
    known = rows.stored(list(labelled))
    unknown = [labelled[track_id][0] for track_id in labelled if track_id not in known]
    batches.add(TRACKS, to_table(TRACKS, unknown), now=now)
    wanting = [track for id_, (track, _) in labelled.items() if id_ not in known or known[id_][1] is None]
    report.features = fetch_for(wanting, sources, rows, batches, now=now, progress=progress)
    found = rows.stored(list(labelled))
    return _table(labelled, found, report), report


def write_dataset(table: pa.Table, out: Path) -> None:
    """Write the dataset to ``out``, CSV or Parquet by its ending; the file appears whole or not at all.

    Raises:
        InputError: Another ending, or no such folder.
    """
    if out.suffix not in (".csv", ".parquet") or not out.parent.is_dir():
        raise InputError(f"--out {out}: give a .csv or .parquet file in a folder that exists")
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


def _table(
    labelled: Mapping[str, tuple[Track, str]],
    found: Mapping[str, tuple[Track, tuple[float | None, ...] | None, str | None]],
    report: DatasetReport,
) -> pa.Table:
    rows = list(_rows(labelled, found, report))
    kinds = {name: pa.string() for name in ("id", "name", "artist", "album", "release_date", "mood", "feature_source")}
    kinds |= {name: pa.float64() for name in FEATURES}
    order = ["id", "name", "artist", "album", "release_date", *FEATURES, "mood", "feature_source"]
    return pa.table({name: pa.array([row[name] for row in rows], kinds[name]) for name in order})


def _rows(
    labelled: Mapping[str, tuple[Track, str]],
    found: Mapping[str, tuple[Track, tuple[float | None, ...] | None, str | None]],
    report: DatasetReport,
) -> Iterable[dict[str, object]]:
    for track_id, (track, mood) in labelled.items():
        features, source = found[track_id][1:] if track_id in found else (None, None)
        if features is None:
            report.outcomes[ItemOutcome.NO_FEATURES] += 1
            continue
        report.outcomes[ItemOutcome.KEPT] += 1
        report.kept[mood] += 1
        yield {
            "id": track_id,
            "name": track.name,
            "artist": ", ".join(track.artists),
            "album": track.album,
            "release_date": track.release_date,
            **dict(zip(FEATURES, features, strict=True)),
            "mood": mood,
            "feature_source": source,
        }
