"""Spotify's audio features, for apps with access to that endpoint (at most 100 ids per call)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from mood_core.domain.feature_misses import NO_SPOTIFY_ID, UNKNOWN, UNUSABLE
from mood_core.domain.recordings import is_recording_id
from mood_core.domain.records import AudioFeatures, FeatureMiss, Track
from mood_core.errors import UnexpectedPayload
from mood_core.features.source import FeatureSource, FetchResult
from mood_core.features.values import audio_features

NAME = "spotify"
BATCH_SIZE = 100

AudioFeaturesCall = Callable[[Sequence[str]], Sequence[Mapping[str, object] | None]]
"""``GET /audio-features``: an entry per id, None for an unknown track. Raises AccessDenied or SourceError."""


class SpotifySource(FeatureSource):
    """Audio features by Spotify id, matched by the entries' ``id``."""

    name = NAME
    batch_size = BATCH_SIZE
    remote = True
    denied_for = timedelta(days=30)

    def __init__(self, call: AudioFeaturesCall) -> None:
        self._call = call

    def skip_reason(self, track: Track) -> str | None:
        """``no_spotify_id`` for a recording that is known by its ISRC only."""
        return NO_SPOTIFY_ID if is_recording_id(track.track_id) else None

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """One call for up to 100 ``tracks``. See :class:`~mood_core.features.source.FeatureSource`."""
        if not tracks:
            return FetchResult()
        entries = _by_id(self._call([track.track_id for track in tracks]))
        found: list[AudioFeatures] = []
        misses: list[FeatureMiss] = []
        for track in tracks:
            entry = entries.get(track.track_id)
            features = _features(track.track_id, entry, at)
            if features is not None:
                found.append(features)
            else:
                reason = UNKNOWN if entry is None else UNUSABLE
                misses.append(FeatureMiss(track.track_id, NAME, reason, at))
        return FetchResult(tuple(found), tuple(misses))


def _features(track_id: str, entry: Mapping[str, object] | None, at: datetime) -> AudioFeatures | None:
    if entry is None:
        return None
    return audio_features(track_id, entry, source=NAME, at=at, duration_ms=entry.get("duration_ms"))


def _by_id(entries: object) -> dict[str, Mapping[str, object]]:
    """The entries by their own id, so that nothing depends on their order."""
    if not isinstance(entries, list | tuple):
        raise _unexpected("is not a list", entries)
    by_id: dict[str, Mapping[str, object]] = {}
    for entry in entries:
        if entry is None:
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise _unexpected("holds an entry without an id", entry)
        by_id.setdefault(entry["id"], entry)
    return by_id


def _unexpected(what: str, payload: object) -> UnexpectedPayload:
    message = f"Spotify's response with audio features {what}; it was not used"
    return UnexpectedPayload(message, source=NAME, excerpt=repr(payload)[:200])
