"""Protocol of a resolver, the names it looks up, and its stored answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from mood_core.domain.recordings import durations_agree
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
        name: the normalised artist and title, the key of stored answers.
        artist: the artist as spelled, for the search.
        title: the title as spelled, for the search.
        artists: the normalised spellings of the artist that a recording may have.
        tracks: stored tracks of that name without an ISRC; without any, plays of that name are pending.
        recording_mbid: the recording at MusicBrainz that ListenBrainz has mapped a pending play to.
        duration_ms: the duration of a pending play's recording, if known.
    """

    name: Name
    artist: str
    title: str
    artists: frozenset[str]
    tracks: tuple[Track, ...] = ()
    recording_mbid: str | None = None
    duration_ms: int | None = None

    def agrees(self, candidate: Track) -> bool:
        """Whether ``candidate`` is a recording of this name: live, acoustic and remixed ones are others."""
        return (
            plain_title(candidate.name) == self.name[1]
            and not self.artists.isdisjoint(cumulative_artists(candidate.artists))
            and durations_agree(candidate.duration_ms, self.duration_ms)
            and (not self.tracks or any(_lasts_as_long(candidate, track) for track in self.tracks))
        )

    def completed(self, found: Track) -> tuple[Track, ...]:
        """The tracks to store: those of this name that agree with ``found``, with its ISRC; else ``found``."""
        if not self.tracks:
            return (found,)
        return tuple(_with_isrc(track, found) for track in self.tracks if found.isrc and _lasts_as_long(found, track))


def _with_isrc(track: Track, found: Track) -> Track:
    """``track`` with the ISRC of ``found``, and its duration if that of ``track`` is not known."""
    return replace(track, isrc=found.isrc, duration_ms=track.duration_ms or found.duration_ms)


def _lasts_as_long(candidate: Track, track: Track) -> bool:
    return durations_agree(candidate.duration_ms, track.duration_ms)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer of the resolver ``resolved_by`` about a name at ``resolved_at`` (aware UTC)."""

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
        """Its name in ``MOODLOG_RESOLVERS`` and in stored answers."""
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
