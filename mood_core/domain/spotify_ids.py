"""Parses Spotify's ids, URIs and URLs. No other module knows their form.

A reference is an id of 22 letters and digits, a URI (``spotify:track:ID``) or a URL on ``spotify.com``, with or without
``https://``, a language (``/intl-pt_BR/``), a trailing slash, and a query or fragment.
"""

from __future__ import annotations

import re

from mood_core.domain.records import TrackKind

ID_PATTERN = "[0-9A-Za-z]{22}"
"""An id, as a regular expression for Python, RE2 and JSON schemas."""

_REFERENCE = (
    r"\s*(?:spotify:(?:user:[^:\s]+:)?{kind}:|(?:https?://)?(?:open|play|api)\.spotify\.com/(?:[^/?#\s]+/){{0,4}}{kind}s?/)?"
    r"(?P<id>[0-9A-Za-z]{{22}})/?(?:[?#].*)?\s*"
)

TRACK_PATTERN = f"^{_REFERENCE.format(kind='track')}$"
"""A reference to a track, for Python and RE2; the group ``id`` is its id."""

PLAYLIST_PATTERN = _REFERENCE.format(kind="playlist").replace("(?P<id>", "(?:")
"""A reference to a playlist, for JSON schemas: without anchors and named groups."""

LOCAL_FILE = "spotify:local:"
"""Prefix of the ids of local files."""

_TRACK = re.compile(_REFERENCE.format(kind="track"))
_PLAYLIST = re.compile(_REFERENCE.format(kind="playlist"))
_SAFE = re.compile("[0-9A-Za-z]{1,64}")


def parse_track_ref(text: str) -> str | None:
    """The track id in ``text``, or None if it is not a reference to a track."""
    match = _TRACK.fullmatch(text)
    return match["id"] if match else None


def kind_of(track_id: str) -> TrackKind:
    """The kind of the track with this id."""
    return TrackKind.LOCAL if track_id.startswith(LOCAL_FILE) else TrackKind.TRACK


def parse_playlist_ref(text: str) -> str | None:
    """The playlist id in ``text``, or None if it is not a reference to a playlist."""
    match = _PLAYLIST.fullmatch(text)
    return match["id"] if match else None


def spotify_link(track_id: str) -> str | None:
    """The address that opens a track in Spotify; None for a local file."""
    return f"https://open.spotify.com/track/{track_id}" if re.fullmatch(ID_PATTERN, track_id) else None


def is_safe_id(text: str) -> bool:
    """Whether ``text`` is safe in a list of ids or in a path: only letters and digits. Holds for ids of every kind."""
    return _SAFE.fullmatch(text) is not None
