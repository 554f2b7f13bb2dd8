"""Reads the Spotify URIs of tracks from an export's playlists and library, for plays that have no URI.

Account data holds them in ``Playlist1.json``, ``Playlist2.json`` and so on, and in ``YourLibrary.json``. Only the
title, the artist and the URI of tracks are read; albums, episodes, local files and everything else are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.errors import InputError
from mood_core.exports.limits import Limits
from mood_core.exports.parse_row import LONGEST_TEXT
from mood_core.exports.rows import stream_objects
from mood_core.exports.sources import JsonFile
from mood_core.text.sanitise import plain

Address = tuple[str, str, str]
"""(track id, title, artist)."""

_PLACES = {
    "playlists.item.items.item.track": ("trackUri", "trackName", "artistName"),
    "tracks.item": ("uri", "track", "artist"),
}
"""The fields of URI, title and artist, by their place in the file."""


def read_addresses(file: JsonFile, limits: Limits) -> list[Address]:
    """The tracks in ``file``; none if it is neither a playlist nor a library. Stops without an error at damage."""
    found: list[Address] = []
    for place, names in _PLACES.items():
        try:
            found.extend(_addresses(file, limits, place, names))
        except InputError:
            continue
    return found


def _addresses(file: JsonFile, limits: Limits, place: str, names: tuple[str, ...]) -> Iterator[Address]:
    for row in stream_objects(file, replace(limits, row_bytes=limits.total_bytes), place):
        uri, title, artist = (_text(row.get(name)) for name in names) if isinstance(row, dict) else ("", "", "")
        track_id = parse_track_ref(uri)
        if track_id and title and artist:
            yield track_id, title, artist


def _text(value: Any) -> str:
    return plain(value)[:LONGEST_TEXT] if isinstance(value, str) else ""
