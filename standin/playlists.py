"""A few generated playlists, one or two per mood, like those that people make for a mood."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mood_core.domain.records import MOODS
from standin.songs import Catalogue, base62

_LENGTH = 130


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist; ``songs`` are indices into the catalogue, including a local file."""

    playlist_id: str
    name: str
    mood: str
    songs: tuple[int, ...]


def build_playlists(seed: int, catalogue: Catalogue) -> tuple[Playlist, ...]:
    """One playlist per mood, in order, and one more each for Calm and Happy with some songs of other moods."""
    rng = random.Random(f"playlists/{seed}")
    plain = [_playlist(rng, catalogue, f"{mood} songs", mood, stray=0.0) for mood in MOODS]
    mixed = [_playlist(rng, catalogue, f"My {mood.lower()} mix", mood, stray=0.15) for mood in ("Calm", "Happy")]
    return (*plain, *mixed)


def _playlist(rng: random.Random, catalogue: Catalogue, name: str, mood: str, *, stray: float) -> Playlist:
    playlist_id = base62(rng.getrandbits(128))
    songs: dict[int, None] = {}
    # At most twice the length in draws, so a small catalogue makes shorter playlists.
    for _ in range(2 * _LENGTH):
        shelf = catalogue.by_mood[MOODS[int(rng.random() * len(MOODS))] if rng.random() < stray else mood]
        songs[shelf[int(rng.random() * len(shelf))]] = None
    # One song that is in every playlist, and a local file: readers must handle both.
    ordered = [catalogue.by_mood["Happy"][0], *songs][:_LENGTH]
    ordered.insert(7, catalogue.local[0])
    return Playlist(playlist_id, name, mood, tuple(dict.fromkeys(ordered)))
