"""ReccoBeats as feature sources: by Spotify id, and by ISRC for other releases of the same recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mood_core.domain.feature_misses import NO_ISRC, UNKNOWN, UNUSABLE
from mood_core.domain.records import AudioFeatures, FeatureMiss, Track
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.reccobeats.payload import SERVICE, Entry, by_key, normalised_isrc
from mood_core.features.source import FetchResult
from mood_core.features.values import audio_features, legal_value

BY_ID = SERVICE
BY_ISRC = f"{SERVICE}:isrc"
BATCH_SIZE = 40


@dataclass(frozen=True, slots=True)
class ReccoBeatsSource:
    """One call for up to 40 ids or ISRCs. Made by :func:`by_id` and :func:`by_isrc`.

    ``need_durations`` makes one more call for the found tracks without a known duration.
    """

    name: str
    client: ReccoBeatsClient
    track_key: Callable[[Track], str | None]
    entry_key: Callable[[Entry], str | None]
    need_durations: bool = False
    batch_size: int = BATCH_SIZE
    remote: bool = True
    # Unlike Spotify's, a denial concerns the request's form or a blocked address: a temporary problem.
    denied_for: timedelta = timedelta(0)

    def skip_reason(self, track: Track) -> str | None:
        """``no_isrc`` if the source looks up by ISRC and the track has none."""
        return NO_ISRC if self.track_key(track) is None else None

    def lookup_key(self, track: Track) -> str:
        """The id, or the ISRC that releases of one recording share."""
        return self.track_key(track) or track.track_id

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """See :class:`~mood_core.features.source.FeatureSource`."""
        keys = list(dict.fromkeys(key for key in map(self.track_key, tracks) if key is not None))
        known = by_key(self.client.audio_features(keys), self.entry_key) if keys else {}
        found: list[tuple[AudioFeatures, Entry]] = []
        misses: list[FeatureMiss] = []
        for track in tracks:
            key = self.track_key(track)
            entries = known.get(key, []) if key is not None else []
            if (usable := self._usable(track, entries, at)) is not None:
                found.append(usable)
            else:
                reason = self.skip_reason(track) or (UNUSABLE if entries else UNKNOWN)
                misses.append(FeatureMiss(track.track_id, self.name, reason, at))
        return FetchResult(self._with_durations(found, tracks), tuple(misses))

    def _usable(self, track: Track, entries: Iterable[Entry], at: datetime) -> tuple[AudioFeatures, Entry] | None:
        for entry in entries:
            duration = entry.values.get("durationMs")
            features = audio_features(track.track_id, entry.values, source=self.name, at=at, duration_ms=duration)
            if features is not None:
                return features, entry
        return None

    def _with_durations(
        self, found: Sequence[tuple[AudioFeatures, Entry]], tracks: Sequence[Track]
    ) -> tuple[AudioFeatures, ...]:
        known = {track.track_id for track in tracks if track.duration_ms is not None}
        lacking = [
            entry.track_id
            for features, entry in found
            if entry.track_id is not None and features.duration_ms is None and features.track_id not in known
        ]
        if not self.need_durations or not lacking:
            return tuple(features for features, _ in found)
        durations = self._durations(list(dict.fromkeys(lacking)))
        return tuple(
            features
            if features.duration_ms is not None
            else replace(features, duration_ms=durations.get(entry.track_id))
            for features, entry in found
        )

    def _durations(self, ids: Sequence[str]) -> dict[str | None, int]:
        """Durations [ms] by the entry's Spotify id: releases of a recording share the ISRC and so the duration."""
        lengths = {entry.track_id: entry.values.get("durationMs") for entry in self.client.tracks(ids)}
        legal = {track_id: legal_value("duration_ms", length) for track_id, length in lengths.items()}
        return {track_id: round(length) for track_id, length in legal.items() if length is not None}


def by_id(client: ReccoBeatsClient, *, need_durations: bool = False) -> ReccoBeatsSource:
    """Look up tracks by Spotify id."""
    return ReccoBeatsSource(BY_ID, client, lambda track: track.track_id, lambda entry: entry.track_id, need_durations)


def by_isrc(client: ReccoBeatsClient, *, need_durations: bool = False) -> ReccoBeatsSource:
    """Look up recordings by ISRC, for releases that the service does not know by id."""
    return ReccoBeatsSource(
        BY_ISRC, client, lambda track: normalised_isrc(track.isrc), lambda entry: entry.isrc, need_durations
    )
