"""Finds tracks by artist and title, and gives waiting plays their track once it is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mood_core.history.names import artist_spellings, plain_artist, plain_title


@dataclass(frozen=True, slots=True)
class NameIndex:
    """Track ids by comparable artist and title. Where several recordings are called the same, the lowest id counts."""

    ids: dict[tuple[str, str], str]

    def find(self, artist: str, title: str) -> str | None:
        """The track called so, or None."""
        return self.ids.get((plain_artist(artist), plain_title(title)))


def name_index(tracks: Iterable[tuple[str, str, str]]) -> NameIndex:
    """The index of ``tracks``: (track id, title, artists as "A, B") each."""
    ids: dict[tuple[str, str], str] = {}
    for track_id, title, artists in tracks:
        plain = plain_title(title)
        for artist in artist_spellings(artists):
            key = (artist, plain)
            known = ids.get(key)
            if known is None or track_id < known:
                ids[key] = track_id
    return NameIndex(ids)
