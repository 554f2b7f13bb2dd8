"""Artists, albums and songs of the catalogue."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date

from standin.sound import Features

_BASE62 = string.digits + string.ascii_lowercase + string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Artist:
    """A generated artist. ``artist_id`` is empty for a local file."""

    artist_id: str
    uuid: str
    name: str


@dataclass(frozen=True, slots=True)
class Album:
    """An album; ``release_date`` has ``precision`` (day, month, year), ``released`` is the full date."""

    album_id: str
    name: str
    kind: str
    artist: Artist
    released: date
    precision: str
    total_tracks: int

    @property
    def release_date(self) -> str:
        """The release date as Spotify writes it."""
        return self.released.isoformat()[: {"day": 10, "month": 7, "year": 4}[self.precision]]


@dataclass(frozen=True, slots=True)
class Song:
    """A track of the catalogue, or a local file (``track_id`` is then its ``spotify:local:`` URI, ``isrc`` empty).

    ``known_from_ms`` is when ReccoBeats starts to know its Spotify id, None for never.
    """

    index: int
    track_id: str
    uuid: str
    name: str
    artists: tuple[Artist, ...]
    album: Album
    track_number: int
    duration_ms: int
    isrc: str
    explicit: bool
    mood: str
    features: Features
    known_from_ms: int | None
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All songs: ``songs`` by ``index`` (local files last), and lookups."""

    songs: tuple[Song, ...]
    by_id: dict[str, Song]
    by_uuid: dict[str, Song]
    by_isrc: dict[str, tuple[Song, ...]]
    by_mood: dict[str, tuple[int, ...]]
    local: tuple[int, ...]


def base62(number: int, length: int = 22) -> str:
    """The last ``length`` digits of ``number`` in base 62."""
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_BASE62[rest])
    return "".join(reversed(digits))
