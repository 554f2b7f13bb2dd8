"""A few thousand generated tracks, deterministic by seed."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from mood_core.domain.records import MOODS, to_ms
from standin import names
from standin.songs import Album, Artist, Catalogue, Song, base62
from standin.sound import draw_duration_ms, draw_features, draw_profile

_T = TypeVar("_T")
_ISRC_COUNTRIES = ("GB", "US", "DE", "FR", "SE", "JP", "BR", "ZA", "NG", "KR")
_FIRST_RELEASE, _LAST_RELEASE = date(1965, 1, 1), date(2026, 12, 20)
_SIBLING_SHARE = 0.06
_LOCAL_FILES = 24
_HOSTILE_EVERY = 97

COVERAGE_REFERENCE = date(2026, 11, 1)
"""Until then ReccoBeats knows the reported shares of tracks; some of the rest become known in the weeks after."""


@dataclass(slots=True)
class _Workshop:
    """State while a catalogue is generated."""

    rng: random.Random
    songs: list[Song] = field(default_factory=list)
    artists: list[Artist] = field(default_factory=list)

    def identifier(self) -> str:
        """A new 22-character base-62 id."""
        return base62(self.rng.getrandbits(128))

    def uuid4(self) -> str:
        """A new UUID."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def isrc(self, released: date) -> str:
        """A new ISRC: country, registrant, year, running number."""
        return f"{self.pick(_ISRC_COUNTRIES)}ML0{released.year % 100:02d}{10_000 + len(self.songs):05d}"

    def pick(self, choices: tuple[_T, ...]) -> _T:
        """One of ``choices``."""
        return choices[int(self.rng.random() * len(choices))]

    def chance(self, share: float) -> bool:
        """True with probability ``share``."""
        return self.rng.random() < share


@lru_cache(maxsize=4)  # tests start a stand-in again and again
def build_catalogue(seed: int, size: int = 3000) -> Catalogue:
    """Generate ``size`` tracks, some of them re-releases of others, and a few local files."""
    shop = _Workshop(random.Random(f"catalogue/{seed}"))
    siblings = int(size * _SIBLING_SHARE)
    while len(shop.songs) < size - siblings:
        _add_artist(shop, size - siblings)
    for _ in range(siblings):
        shop.songs.append(_sibling(shop, shop.pick(tuple(shop.songs[: size - siblings]))))
    for _ in range(_LOCAL_FILES):
        shop.songs.append(_local_file(shop))
    return _indexed(tuple(shop.songs), size)


def _indexed(songs: tuple[Song, ...], catalogued: int) -> Catalogue:
    by_isrc: dict[str, tuple[Song, ...]] = {}
    for song in songs[:catalogued]:
        by_isrc[song.isrc] = (*by_isrc.get(song.isrc, ()), song)
    return Catalogue(
        songs=songs,
        by_id={song.track_id: song for song in songs[:catalogued]},
        by_uuid={song.uuid: song for song in songs[:catalogued]},
        by_isrc=by_isrc,
        by_mood={mood: tuple(s.index for s in songs[:catalogued] if s.mood == mood) for mood in MOODS},
        local=tuple(range(catalogued, len(songs))),
    )


def _add_artist(shop: _Workshop, size: int) -> None:
    """Add an artist with one to four albums; most of their songs share one mood."""
    artist = Artist(shop.identifier(), shop.uuid4(), _artist_name(shop))
    shop.artists.append(artist)
    inclination = shop.pick(MOODS)
    for _ in range(1 + int(shop.rng.random() * 4)):
        tracks = 1 if shop.chance(0.25) else 5 + int(shop.rng.random() * 8)
        album = _album(shop, artist, inclination, tracks)
        for number in range(1, min(tracks, size - len(shop.songs)) + 1):
            mood = inclination if shop.chance(0.7) else shop.pick(MOODS)
            # The first songs ensure that even the smallest catalogue has every mood.
            first = len(shop.songs)
            shop.songs.append(_song(shop, album, number, MOODS[first] if first < len(MOODS) else mood))


def _artist_name(shop: _Workshop) -> str:
    if shop.chance(0.45):
        return f"{shop.pick(names.GIVEN)} {shop.pick(names.FAMILY)}"
    article = "The " if shop.chance(0.4) else ""
    return f"{article}{shop.pick(names.ARTIST_FIRST)} {shop.pick(names.ARTIST_SECOND)}"


def _album(shop: _Workshop, artist: Artist, mood: str, tracks: int) -> Album:
    # The square of a uniform draw makes recent releases more frequent, like people's listening.
    age = (_LAST_RELEASE - _FIRST_RELEASE) * shop.rng.random() ** 2
    released = _LAST_RELEASE - age
    precision = "year" if released.year < 1995 and shop.chance(0.5) else "month" if shop.chance(0.01) else "day"
    kind = "single" if tracks == 1 else "album"
    return Album(shop.identifier(), _title(shop, mood), kind, artist, released, precision, tracks)


def _title(shop: _Workshop, mood: str) -> str:
    first, second = names.TITLE_PARTS[mood]
    suffix = shop.pick(names.SUFFIXES) if shop.chance(0.12) else ""
    return f"{shop.pick(first)} {shop.pick(second)}{suffix}"


def _song(shop: _Workshop, album: Album, number: int, mood: str) -> Song:
    profile = draw_profile(shop.rng, mood)
    index = len(shop.songs)
    hostile, plain = divmod(index, _HOSTILE_EVERY)
    name = names.HOSTILE_TITLES[hostile % len(names.HOSTILE_TITLES)] if plain == 0 else _title(shop, mood)
    guests = (shop.pick(tuple(shop.artists)),) if shop.chance(0.12) else ()
    return Song(
        index=index,
        track_id=shop.identifier(),
        uuid=shop.uuid4(),
        name=name,
        artists=(album.artist, *(guest for guest in guests if guest != album.artist)),
        album=album,
        track_number=number,
        duration_ms=draw_duration_ms(shop.rng, profile),
        isrc=shop.isrc(album.released),
        explicit=shop.chance(0.1),
        mood=mood,
        features=draw_features(shop.rng, profile),
        known_from_ms=_known_from(shop.rng, album.released),
    )


def _sibling(shop: _Workshop, original: Song) -> Song:
    """The same recording with another Spotify id on a compilation; ReccoBeats mostly knows only the original."""
    released = min(_LAST_RELEASE, original.album.released + timedelta(days=200 + int(shop.rng.random() * 4000)))
    name = f"{original.album.name} (Deluxe)" if shop.chance(0.5) else "Best Of " + original.artists[0].name
    album = Album(shop.identifier(), name, "compilation", original.album.artist, released, "day", 20)
    return replace(
        original,
        index=len(shop.songs),
        track_id=shop.identifier(),
        uuid=shop.uuid4(),
        album=album,
        track_number=1 + int(shop.rng.random() * 20),
        known_from_ms=original.known_from_ms if shop.chance(0.25) else None,
    )


def _local_file(shop: _Workshop) -> Song:
    mood = shop.pick(MOODS)
    profile = draw_profile(shop.rng, mood)
    artist = Artist("", "", f"{shop.pick(names.GIVEN)}'s Band")
    name, duration = f"rehearsal {len(shop.songs)}", draw_duration_ms(shop.rng, profile)
    uri = f"spotify:local:{artist.name.replace(' ', '+')}:Demo+Tape:{name.replace(' ', '+')}:{duration // 1000}"
    return Song(
        index=len(shop.songs),
        track_id=uri,
        uuid="",
        name=name,
        artists=(artist,),
        album=Album("", "Demo Tape", "album", artist, _FIRST_RELEASE, "day", 1),
        track_number=0,
        duration_ms=duration,
        isrc="",
        explicit=False,
        mood=mood,
        features=draw_features(shop.rng, profile),
        known_from_ms=None,
        is_local=True,
    )


def _known_from(rng: random.Random, released: date) -> int | None:
    """When ReccoBeats knows a track: 90% of releases until 2024, 50% of 2025 and 11% of 2026 at once, some later."""
    covered = 0.9 if released.year <= 2024 else 0.5 if released.year == 2025 else 0.11
    later = 0.1 if released.year <= 2024 else 0.5
    luck, patience, weeks = rng.random(), rng.random(), 2 + rng.random() * 14
    if luck < covered:
        return _midnight_ms(released)
    if patience < later:
        return _midnight_ms(max(released, COVERAGE_REFERENCE)) + int(weeks * 7 * 86_400_000)
    return None


def _midnight_ms(day: date) -> int:
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
