"""A few invented playlists, one or two per mood, as people use them to say what a mood is."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mood_core.domain.records import MOODS
from standin.songs import Catalogue, base62

_LENGTH = 130


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist; ``songs`` are indices into the catalogue, a local file among them."""

    playlist_id: str
    name: str
    mood: str
    songs: tuple[int, ...]


def build_playlists(seed: int, catalogue: Catalogue) -> tuple[Playlist, ...]:
    """One playlist per mood, in the moods' order, and one more for Calm and for Happy that strays."""
    rng = random.Random(f"playlists/{seed}")
    plain = [_playlist(rng, catalogue, f"{mood} songs", mood, stray=0.0) for mood in MOODS]
    mixed = [_playlist(rng, catalogue, f"My {mood.lower()} mix", mood, stray=0.15) for mood in ("Calm", "Happy")]
    return (*plain, *mixed)


def _playlist(rng: random.Random, catalogue: Catalogue, name: str, mood: str, *, stray: float) -> Playlist:
    playlist_id = base62(rng.getrandbits(128))
    songs: dict[int, None] = {}
    # A small catalogue gives shorter playlists: no more draws than twice the length.
    for _ in range(2 * _LENGTH):
        shelf = catalogue.by_mood[MOODS[int(rng.random() * len(MOODS))] if rng.random() < stray else mood]
        songs[shelf[int(rng.random() * len(shelf))]] = None
    # One song that every playlist holds, and a local file: both are to be told apart by whoever reads them.
    ordered = [catalogue.by_mood["Happy"][0], *songs][:_LENGTH]
    ordered.insert(7, catalogue.local[0])
    return Playlist(playlist_id, name, mood, tuple(dict.fromkeys(ordered)))
