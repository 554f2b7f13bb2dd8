"""The features of single tracks: stored ones, or those of the chain of sources, which are not stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from mood_core.domain.records import FEATURES, Track
from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.errors import InputError
from mood_core.features.chain import fetch_features
from mood_core.features.fetch_report import FetchReport
from mood_core.features.source import FeatureSource
from mood_core.store.queries.feature_rows import FeatureRows


@dataclass(frozen=True, slots=True)
class TrackFeatures:
    """A track with what is known of it: ``features`` in the order of FEATURES (duration may be None) and their source.

    ``features`` is None where no source knows the track; ``problem`` says why, and ``is_temporary`` that a source did
    not answer, so that a later attempt may find them. ``estimated``: they were estimated from audio, and only the model
    for such features may judge them.
    """

    track: Track
    features: tuple[float | None, ...] | None
    source: str | None
    problem: str | None = None
    is_temporary: bool = False
    estimated: bool = False


def track_id_of(reference: str) -> str:
    """The id in a track's id, URI or address.

    Raises:
        InputError: It has another form.
    """
    track_id = parse_track_ref(reference)
    if track_id is None:
        raise InputError(
            f"{reference!r} is no Spotify track: give an id of 22 characters, a spotify:track: URI or an address"
        )
    return track_id


def features_of(
    track_ids: Sequence[str],
    rows: FeatureRows,
    sources: Sequence[FeatureSource],
    *,
    now: datetime,
) -> list[TrackFeatures]:
    """What is known of ``track_ids``, in their order: stored features, then each source in turn, then estimates."""
    known, estimates = rows.stored(track_ids), rows.stored_estimates(track_ids)
    tracks = {track_id: known[track_id][0] if track_id in known else Track(track_id, "", ()) for track_id in track_ids}
    wanting = [track for track_id, track in tracks.items() if track_id not in known or known[track_id][1] is None]
    report = FetchReport()
    found = {
        features.track_id: features
        for result in fetch_features(wanting, sources, {}, now, availability=rows, report=report)
        for features in result.found
    }
    reason = (
        "; ".join(f"{stop.service} did not answer" for stop in report.stopped) or "no feature source knows the track"
    )
    result = []
    for track_id, track in tracks.items():
        if track_id in found:
            values = tuple(getattr(found[track_id], name) for name in FEATURES)
            result.append(TrackFeatures(track, values, found[track_id].source))
        elif track_id in known and known[track_id][1] is not None:
            result.append(TrackFeatures(track, known[track_id][1], known[track_id][2]))
        elif track_id in estimates:
            result.append(TrackFeatures(track, *estimates[track_id], estimated=True))
        else:
            result.append(TrackFeatures(track, None, None, reason, bool(report.stopped)))
    return result


def as_table(tracks: Sequence[TrackFeatures]) -> pa.Table:
    """The features of tracks that have them, one column a feature (float64)."""
    rows = [track.features for track in tracks if track.features is not None]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(FEATURES)
    return pa.table({name: pa.array(column, pa.float64()) for name, column in zip(FEATURES, columns, strict=True)})
