"""Protocol of a resolver, the names it looks up, and its stored results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from mood_core.domain.play_lengths import UNKNOWN_LENGTH, KnownLength
from mood_core.domain.records import Track
from mood_core.domain.track_names import cumulative_artists, plain_title

FOUND = "found"
UNKNOWN = "unknown"
"""The resolver has no recording of that name."""
DISAGREES = "disagrees"
"""It has recordings, but none that agrees by artist, title and duration and has an ISRC or a Spotify id."""

Name = tuple[str, str]
"""A normalised artist and title."""


@dataclass(frozen=True, slots=True)
class WantedName:
    """A name to look up.

    Attributes:
        name: the normalised artist and title, the key of stored results.
        artist: the artist as spelled but without guests, for the search.
        title: the title as spelled, for the search.
        artists: the normalised spellings of the artist that a recording may have.
        tracks: stored tracks of that name without an ISRC; without any, plays of that name are pending.
        recording_mbid: the recording at MusicBrainz that ListenBrainz has mapped a pending play to.
        length: what is known of the duration of the pending plays' recording.
        lengths: what plays show of the durations of stored tracks, by track id.
    """

    name: Name
    artist: str
    title: str
    artists: frozenset[str]
    tracks: tuple[Track, ...] = ()
    recording_mbid: str | None = None
    length: KnownLength = UNKNOWN_LENGTH
    lengths: Mapping[str, KnownLength] = field(default_factory=dict)

    def agrees(self, candidate: Track) -> bool:
        """Whether ``candidate`` is a recording of this name: live, acoustic and remixed ones are others."""
        return bool(self.choose([candidate]))

    def choose(self, candidates: Sequence[Track]) -> dict[Track, list[Track]]:
        """The recordings among ``candidates``, each with the stored tracks that it is; with none for pending plays.

        A recording that is as long as its plays precedes the service's first one. If the plays decide nothing, the
        first one counts: services order by popularity, and most songs have several versions under one name.
        """
        named = [each for each in candidates if self._is_name_of(each)]
        if not self.tracks:
            best = _best(named, self.length)
            return {} if best is None else {best: []}
        chosen: dict[Track, list[Track]] = defaultdict(list)
        for track in self.tracks:
            best = _best(named, self._length_of(track))
            if best is not None:
                chosen[best].append(track)
        return chosen

    def _is_name_of(self, candidate: Track) -> bool:
        is_title = plain_title(candidate.name) == self.name[1]
        return is_title and not self.artists.isdisjoint(cumulative_artists(candidate.artists))

    def _length_of(self, track: Track) -> KnownLength:
        if track.duration_ms is not None:
            return KnownLength(track.duration_ms)
        return self.lengths.get(track.track_id, UNKNOWN_LENGTH)


def completed(tracks: Sequence[Track], found: Track) -> list[Track]:
    """The tracks to store: ``tracks`` with what ``found`` adds to them; ``found`` itself for pending plays."""
    if not tracks:
        return [found]
    return [_with_isrc(track, found) for track in tracks if found.isrc]


def _with_isrc(track: Track, found: Track) -> Track:
    """``track`` with the ISRC of ``found``, and its duration and release date if those of ``track`` are not known."""
    return replace(
        track,
        isrc=found.isrc,
        duration_ms=track.duration_ms or found.duration_ms,
        release_date=track.release_date or found.release_date,
    )


def _best(candidates: Sequence[Track], length: KnownLength) -> Track | None:
    """The first candidate that lasts as long as the plays, else the first one that they allow."""
    allowed = [each for each in candidates if length.allows(each.duration_ms)]
    return min(allowed, key=lambda each: not length.confirms(each.duration_ms), default=None)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The result of the resolver ``resolved_by`` about a name at ``resolved_at`` (aware UTC)."""

    artist: str
    title: str
    resolved_by: str
    outcome: str
    resolved_at: datetime
    track_id: str | None = None


class TrackResolver(Protocol):
    """A service that finds recordings by artist and title."""

    @property
    def name(self) -> str:
        """Its name in ``MOODLOG_RESOLVERS`` and in stored results."""
        ...

    def search(self, wanted: WantedName) -> Sequence[Track]:
        """Recordings that may have the name, in the service's order; wrong ones are possible.

        Raises:
            SourceError: the service failed; nothing is known about the name.
        """
        ...

    def complete(self, candidate: Track) -> Track | None:
        """``candidate`` with its ISRC or Spotify id, which may cost a call; None without any. Raises like search."""
        ...
