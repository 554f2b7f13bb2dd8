"""Scrobbles: plays as ListenBrainz and Last.fm keep them, in their APIs and in their exports. Pure.

The time is the start of the play, to the second. Many rows of ListenBrainz have a Spotify id or an ISRC, those of
Last.fm have only names. Formats: https://listenbrainz.readthedocs.io/en/latest/users/json.html and
https://www.last.fm/api/show/user.getRecentTracks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mood_core.domain.bounds import CLOCKS_DIFFER, EARLIEST_PLAY, LONGEST_NAME_BYTES
from mood_core.domain.recordings import normalised_isrc, recording_id
from mood_core.domain.records import Track, from_ms
from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.text.sanitise import plain

_LONGEST_DURATION_MS = 24 * 3_600_000
_LONGEST_ALBUM = 1_000
_MBID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class BadScrobble(ValueError):
    """The row is not a valid scrobble; the message names the invalid field."""


@dataclass(frozen=True, slots=True)
class Scrobble:
    """A play that started at ``started_at``. ``track_id`` is a Spotify id or ``isrc:CODE``; None with names only.

    The main artist is the first of ``artists``. ``duration_ms`` is the duration of the recording, None if unknown.
    ``recording_mbid`` is the recording at MusicBrainz that ListenBrainz has mapped the play to.
    """

    started_at: datetime
    artists: tuple[str, ...]
    title: str
    album: str | None = None
    track_id: str | None = None
    isrc: str | None = None
    duration_ms: int | None = None
    recording_mbid: str | None = None

    @property
    def track(self) -> Track | None:
        """The track, if it has an id."""
        if self.track_id is None:
            return None
        return Track(self.track_id, self.title, self.artists, self.album, self.duration_ms, self.isrc)


def from_listenbrainz(row: object, now: datetime) -> Scrobble:
    """The scrobble in a row of ListenBrainz.

    Raises:
        BadScrobble: a field is missing or invalid.
    """
    fields = _object(row, "the row")
    metadata = _object(fields.get("track_metadata"), "track_metadata")
    info = _part(metadata.get("additional_info"))
    isrc = normalised_isrc(_first(info.get("isrc")))
    spotify_id = _first(info.get("spotify_id"))
    track_id = parse_track_ref(spotify_id) if isinstance(spotify_id, str) else None
    return Scrobble(
        _time(fields.get("listened_at"), "listened_at", now),
        _artists(info.get("artist_names")) or (_name(metadata.get("artist_name"), "artist_name"),),
        _name(metadata.get("track_name"), "track_name"),
        _album(metadata.get("release_name")),
        track_id or (recording_id(isrc) if isrc else None),
        isrc,
        _duration(info.get("duration_ms"), 1) or _duration(info.get("duration"), 1_000),
        _mbid(_part(metadata.get("mbid_mapping")).get("recording_mbid")) or _mbid(info.get("recording_mbid")),
    )


def from_lastfm(row: object, now: datetime) -> Scrobble | None:
    """The scrobble in a row of ``user.getRecentTracks``; None for the track that is playing now.

    Raises:
        BadScrobble: a field is missing or invalid.
    """
    fields = _object(row, "the row")
    if _part(fields.get("@attr")).get("nowplaying") == "true":
        return None
    artist, album = _part(fields.get("artist")), _part(fields.get("album"))
    return Scrobble(
        _time(_part(fields.get("date")).get("uts"), "date.uts", now),
        (_name(artist.get("#text") or artist.get("name"), "artist"),),
        _name(fields.get("name"), "name"),
        _album(album.get("#text") or album.get("title")),
    )


def started_s(row: object) -> int | None:
    """The time of a row of either service, s since 1970, even of a row that is invalid otherwise; None without one."""
    fields = _part(row)
    return _seconds(fields.get("listened_at", _part(fields.get("date")).get("uts")))


def _seconds(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    return value if type(value) is int and 0 <= value < 10**11 else None


def _time(value: object, name: str, now: datetime) -> datetime:
    seconds = _seconds(value)
    if seconds is None:
        raise BadScrobble(f"{name} is not a time in seconds since 1970")
    time = from_ms(seconds * 1000)
    if time < EARLIEST_PLAY:
        raise BadScrobble(f"{name} is before the year {EARLIEST_PLAY.year}")
    if time > now + CLOCKS_DIFFER:
        raise BadScrobble(f"{name} is in the future by this machine's clock")
    return time


def _name(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadScrobble(f"{name} is missing")
    text = plain(value).strip()
    if len(text.encode()) > LONGEST_NAME_BYTES:
        raise BadScrobble(f"{name} is longer than {LONGEST_NAME_BYTES} bytes")
    return text


def _artists(value: object) -> tuple[str, ...]:
    """The artists in a list that some clients send; without it, "A, B" may be the name of one artist or of two."""
    names = value if isinstance(value, list) else []
    if not all(isinstance(name, str) and name.strip() for name in names):
        return ()
    return tuple(_name(name, "artist_names") for name in names)


def _album(value: object) -> str | None:
    return plain(value).strip()[:_LONGEST_ALBUM] or None if isinstance(value, str) else None


def _duration(value: object, factor: int) -> int | None:
    """A duration in ms. Some clients send it as text or as 0."""
    try:
        duration = round(float(value) * factor) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return None
    return duration if 0 < duration <= _LONGEST_DURATION_MS else None


def _mbid(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _MBID.fullmatch(value) else None


def _first(value: object) -> object:
    """``value``, or the first of a list: some clients send lists of codes."""
    return value[0] if isinstance(value, list) and value else value


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadScrobble(f"{name} is not an object")
    return value


def _part(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
