"""Finds the tracks that a file of audio is a recording of. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from urllib.parse import unquote_plus

from mood_core.domain.play_lengths import UNKNOWN_LENGTH, KnownLength
from mood_core.domain.recordings import normalised_isrc
from mood_core.domain.records import Track
from mood_core.domain.spotify_ids import LOCAL_FILE
from mood_core.domain.track_names import artist_spellings, plain_artist, plain_title
from mood_core.features.audio.tags import AudioTags

_ARTIST_AND_TITLE = re.compile(r"(?:\d+[ .-]+)?(?P<artist>.+?) [-\u2013] (?P<title>.+)")


@dataclass(frozen=True, slots=True)
class TrackIndex:
    """Tracks by ISRC, and by main artist and title; what is known of their durations. Made by :func:`index_tracks`."""

    by_isrc: dict[str, list[Track]]
    by_name: dict[tuple[str, str], list[Track]]
    played: Mapping[str, KnownLength]

    def matches(self, tags: AudioTags) -> list[Track]:
        """The tracks of ``tags``: those with its ISRC, else those with its artist and title; durations must agree."""
        found = self._agreeing(self.by_isrc.get(tags.isrc or "", ()), tags)
        if not found:
            found = [track for artists, title in _names(tags) for track in self._named(artists, title, tags)]
        return list({track.track_id: track for track in found}.values())

    def _named(self, artists: str, title: str, tags: AudioTags) -> list[Track]:
        names = dict.fromkeys([plain_artist(artists), *artist_spellings(artists)])
        found = [self.by_name.get((name, plain_title(title)), ()) for name in names]
        return self._agreeing(chain.from_iterable(found), tags)

    def _agreeing(self, tracks: Iterable[Track], tags: AudioTags) -> list[Track]:
        return [track for track in tracks if self._length(track).allows(tags.duration_ms)]

    def _length(self, track: Track) -> KnownLength:
        if track.duration_ms is not None:
            return KnownLength(track.duration_ms)
        return self.played.get(track.track_id, UNKNOWN_LENGTH)


def index_tracks(tracks: Iterable[Track], played: Mapping[str, KnownLength]) -> TrackIndex:
    """The index of ``tracks``; local files are described by their ids where they have no description.

    ``played`` is what plays show of the durations of tracks, by track id.
    """
    by_isrc: dict[str, list[Track]] = defaultdict(list)
    by_name: dict[tuple[str, str], list[Track]] = defaultdict(list)
    for track in map(_described, tracks):
        if isrc := normalised_isrc(track.isrc):
            by_isrc[isrc].append(track)
        if track.name:
            for artist in artist_spellings(", ".join(track.artists)):
                by_name[artist, plain_title(track.name)].append(track)
    return TrackIndex(dict(by_isrc), dict(by_name), played)


def _names(tags: AudioTags) -> list[tuple[str, str]]:
    """(artists, title) of a file: its tags, else its file name: "ARTIST - TITLE", or a title as in Spotify's ids."""
    names = [(tags.artists, tags.title or tags.file_name)]
    is_named = tags.artists and tags.title
    if not is_named and (match := _ARTIST_AND_TITLE.fullmatch(tags.file_name)):
        names.append((match["artist"], match["title"]))
    return names


def _described(track: Track) -> Track:
    """``track`` with what its id says: ``spotify:local:ARTIST:ALBUM:TITLE:SECONDS``."""
    parts = track.track_id.removeprefix(LOCAL_FILE).split(":")
    if not track.track_id.startswith(LOCAL_FILE) or len(parts) != 4:
        return track
    artist, _, title, seconds = map(unquote_plus, parts)
    known = track.duration_ms or (int(seconds) * 1000 if seconds.isdecimal() and 0 < int(seconds) < 86_400 else None)
    if track.name and any(track.artists):
        return replace(track, duration_ms=known)
    return replace(track, name=title, artists=(artist,), duration_ms=known)
