"""Fakes for the chain of feature sources: histories, availabilities and sources kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mood_core.domain.feature_misses import UNKNOWN, PastMiss
from mood_core.domain.records import AudioFeatures, FeatureMiss, Track
from mood_core.features.source import FeatureSource, FetchResult
from mood_core.features.values import audio_features

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

VALUES: dict[str, object] = {
    "acousticness": 0.1,
    "danceability": 0.2,
    "energy": 0.3,
    "instrumentalness": 0.0,
    "liveness": 0.4,
    "loudness": -7.5,
    "speechiness": 0.05,
    "tempo": 121.0,
    "valence": 0.6,
}


def track_id(number: int) -> str:
    """A Spotify-like id of 22 characters."""
    return f"{number:022d}"


def tracks(count: int, *, isrc: bool = False) -> list[Track]:
    return [
        Track(track_id(n), f"Song {n}", ("Artist",), isrc=f"GBAAA26{n:05d}" if isrc else None) for n in range(count)
    ]


def features(of: str, source: str = "fake", at: datetime = AT) -> AudioFeatures:
    made = audio_features(of, VALUES, source=source, at=at)
    assert made is not None
    return made


@dataclass
class Memory:
    """A store in memory: it takes results as a store would, and has the feature misses for the next run."""

    misses: dict[tuple[str, str], PastMiss] = field(default_factory=dict)
    found: dict[str, AudioFeatures] = field(default_factory=dict)

    @property
    def past_misses(self) -> dict[tuple[str, str], PastMiss]:
        """The misses before a run: later ones do not change it."""
        return dict(self.misses)

    def store(self, result: FetchResult) -> None:
        for each in result.found:
            assert each.track_id not in self.found, "features are fetched once"
            self.found[each.track_id] = each
        for miss in result.misses:
            key = (miss.track_id, miss.source)
            count = self.misses[key].count + 1 if key in self.misses else 1
            self.misses[key] = PastMiss(miss.reason, miss.missed_at, count)


@dataclass
class Availability:
    since: dict[str, datetime] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def unavailable_since(self, source: str) -> datetime | None:
        return self.since.get(source)

    def mark_unavailable(self, source: str, at: datetime, reason: str) -> None:
        self.since[source] = at
        self.reasons[source] = reason

    def mark_available(self, source: str) -> None:
        del self.since[source]


@dataclass
class FakeSource(FeatureSource):
    """Knows the tracks in ``known``; ``trouble`` may raise instead of answering, given the call's number from 0."""

    name: str = "fake"
    known: frozenset[str] = frozenset()
    batch_size: int = 40
    remote: bool = True
    denied_for: timedelta = timedelta(days=30)
    trouble: Callable[[int], None] = lambda _call: None
    refuses: Callable[[Track], str | None] = lambda _track: None
    calls: list[list[str]] = field(default_factory=list)

    def skip_reason(self, track: Track) -> str | None:
        return self.refuses(track)

    def lookup_key(self, track: Track) -> str:
        return track.isrc or track.track_id

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        self.calls.append([track.track_id for track in tracks])
        self.trouble(len(self.calls) - 1)
        ids = [track.track_id for track in tracks]
        return FetchResult(
            tuple(features(each, self.name, at) for each in ids if each in self.known),
            tuple(FeatureMiss(each, self.name, UNKNOWN, at) for each in ids if each not in self.known),
        )
