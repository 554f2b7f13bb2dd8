"""ReccoBeats as feature sources: by Spotify id, and by ISRC for other releases of the same recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mood_core.domain.feature_misses import NO_ISRC, NO_SPOTIFY_ID, OTHER_DURATION, UNKNOWN, UNUSABLE
from mood_core.domain.recordings import durations_agree, is_recording_id, normalised_isrc
from mood_core.domain.records import AudioFeatures, FeatureMiss, Track
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.reccobeats.payload import SERVICE, Entry, by_key
from mood_core.features.source import FetchResult
from mood_core.features.values import audio_features, legal_value

BY_ID = SERVICE
BY_ISRC = f"{SERVICE}:isrc"
BATCH_SIZE = 40

_Usable = tuple[AudioFeatures, Entry]


@dataclass(frozen=True, slots=True)
class ReccoBeatsSource:
    """One call for up to 40 ids or ISRCs. Made by :func:`by_id` and :func:`by_isrc`.

    By id, the ISRCs of the found tracks are learned, and ``need_durations`` makes one more call for those without a
    known duration. By ISRC, one call after it reads the durations of what was found, because a code may be reused by a
    recording of another duration.
    """

    name: str
    client: ReccoBeatsClient
    by_code: bool = False
    need_durations: bool = False
    batch_size: int = BATCH_SIZE
    remote: bool = True
    # Unlike Spotify's, a denial concerns the request's form or a blocked address: a temporary problem.
    denied_for: timedelta = timedelta(0)

    def skip_reason(self, track: Track) -> str | None:
        """``no_spotify_id`` if the source looks up by id and the recording is known by its ISRC only."""
        return None if self.by_code or not is_recording_id(track.track_id) else NO_SPOTIFY_ID

    def lookup_key(self, track: Track) -> str:
        """The id, or the ISRC that releases of one recording share."""
        return self._key(track) or track.track_id

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """See :class:`~mood_core.features.source.FeatureSource`."""
        keys = list(dict.fromkeys(key for key in map(self._key, tracks) if key is not None))
        known = by_key(self.client.audio_features(keys), self._entry_key) if keys else {}
        entries = [known.get(self._key(track) or "", []) for track in tracks]
        usable = [list(self._usable(track, some, at)) for track, some in zip(tracks, entries, strict=True)]
        timed = self._with_durations(tracks, usable)
        found: list[AudioFeatures] = []
        misses: list[FeatureMiss] = []
        learned: list[Track] = []
        for track, some, candidates in zip(tracks, entries, timed, strict=True):
            agreeing = [each for each in candidates if self._agrees(track, each)]
            if agreeing:
                found.append(agreeing[0])
                if track.isrc is None and some[0].isrc is not None:  # by id: the first entry is the track
                    learned.append(replace(track, isrc=some[0].isrc))
            else:
                reason = OTHER_DURATION if candidates else UNUSABLE if some else UNKNOWN
                misses.append(FeatureMiss(track.track_id, self.name, reason, at))
        return FetchResult(tuple(found), tuple(misses), tuple(learned))

    def learn(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """The ISRCs of the tracks that the service knows by id, and their durations where we have none, in one call."""
        entries = {
            entry.track_id: entry for entry in reversed(self.client.tracks([track.track_id for track in tracks]))
        }
        learned: list[Track] = []
        misses: list[FeatureMiss] = []
        for track in tracks:
            entry = entries.get(track.track_id)
            if entry is None or entry.isrc is None:
                misses.append(FeatureMiss(track.track_id, self.name, NO_ISRC, at))
            else:
                duration_ms = track.duration_ms or _duration(entry)
                learned.append(replace(track, isrc=entry.isrc, duration_ms=duration_ms))
        return FetchResult(misses=tuple(misses), learned=tuple(learned))

    def _key(self, track: Track) -> str | None:
        return normalised_isrc(track.isrc) if self.by_code else track.track_id

    def _entry_key(self, entry: Entry) -> str | None:
        return entry.isrc if self.by_code else entry.track_id

    def _agrees(self, track: Track, features: AudioFeatures) -> bool:
        return not self.by_code or durations_agree(track.duration_ms, features.duration_ms)

    def _usable(self, track: Track, entries: Sequence[Entry], at: datetime) -> Iterator[_Usable]:
        for entry in entries:
            duration = entry.values.get("durationMs")
            features = audio_features(track.track_id, entry.values, source=self.name, at=at, duration_ms=duration)
            if features is not None:
                yield features, entry

    def _with_durations(
        self, tracks: Sequence[Track], usable: Sequence[Sequence[_Usable]]
    ) -> list[list[AudioFeatures]]:
        """The features of ``usable``, with the durations that are needed and not in the entries themselves."""
        lacking = [
            key
            for track, candidates in zip(tracks, usable, strict=True)
            if (self.by_code if track.duration_ms is not None else self.need_durations)
            for features, entry in (candidates if self.by_code else candidates[:1])
            if features.duration_ms is None and (key := entry.track_id or entry.uuid)
        ]
        durations = self._durations(list(dict.fromkeys(lacking)))
        return [[_timed(features, entry, durations) for features, entry in each] for each in usable]

    def _durations(self, ids: Sequence[str]) -> dict[str, int]:
        """Durations [ms] by Spotify id and by the service's own id."""
        found: dict[str, int] = {}
        for start in range(0, len(ids), BATCH_SIZE):
            for entry in self.client.tracks(ids[start : start + BATCH_SIZE]):
                if (duration := _duration(entry)) is not None:
                    found |= {key: duration for key in (entry.track_id, entry.uuid) if key}
        return found


def _timed(features: AudioFeatures, entry: Entry, durations: Mapping[str, int]) -> AudioFeatures:
    if features.duration_ms is not None:
        return features
    return replace(features, duration_ms=durations.get(entry.track_id or entry.uuid))


def _duration(entry: Entry) -> int | None:
    duration = legal_value("duration_ms", entry.values.get("durationMs"))
    return None if duration is None else round(duration)


def by_id(client: ReccoBeatsClient, *, need_durations: bool = False) -> ReccoBeatsSource:
    """Look up tracks by Spotify id."""
    return ReccoBeatsSource(BY_ID, client, need_durations=need_durations)


def by_isrc(client: ReccoBeatsClient, *, need_durations: bool = False) -> ReccoBeatsSource:
    """Look up recordings by ISRC, for releases that the service does not know by id."""
    return ReccoBeatsSource(BY_ISRC, client, by_code=True, need_durations=need_durations)
