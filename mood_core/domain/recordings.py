"""Recordings: their codes (ISRC), ids of tracks that have only a code, and which tracks are one song. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter

from mood_core.domain.records import Track
from mood_core.domain.track_names import one_name

_PREFIX = "isrc:"
_DATE = re.compile(r"((?:1[89]|20)\d\d(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?)(?!\d)")
_ABSOLUTE_MS = 3_000
_RELATIVE = 0.02


def normalised_isrc(isrc: object) -> str | None:
    """A normalised ISRC: capitals and digits without hyphens; None if it cannot be an ISRC.

    It should have 12 characters, but malformed codes are in use too; unknown codes are simply not found.
    """
    if not isinstance(isrc, str):
        return None
    compact = isrc.replace("-", "").replace(" ", "").upper()
    return compact if re.fullmatch(r"[A-Z0-9]{6,20}", compact) else None


def release_date_of(written: object) -> str | None:
    """The date at the start of ``written`` as YYYY, YYYY-MM or YYYY-MM-DD; None if it has no year from 1800 on."""
    found = _DATE.match(str(written).strip())
    return found[1] if found else None


def recording_id(isrc: str) -> str:
    """The track id of a recording that is known by its normalised ``isrc``, but not by a Spotify id."""
    return _PREFIX + isrc


def is_recording_id(track_id: str) -> bool:
    """Whether ``track_id`` was made by :func:`recording_id`."""
    return track_id.startswith(_PREFIX)


def durations_agree(one_ms: float | None, other_ms: float | None) -> bool:
    """Whether two durations [ms] may be of one recording: within 3 s or 2% of the longer one, or one is unknown.

    Labels reuse codes: without this check, a song of 200 s was labelled from a recording of 900 s.
    """
    if one_ms is None or other_ms is None:
        return True
    return abs(one_ms - other_ms) <= max(_ABSOLUTE_MS, _RELATIVE * max(one_ms, other_ms))


def songs_of(tracks: Iterable[Track]) -> dict[str, str]:
    """The song of each track id: tracks with the same ISRC and duration, or main artist and title, are one song.

    Spotify has several ids of many songs and replaces one by another. A track may be given once for each of its names.
    """
    leads_to: dict[str, str] = {}
    durations: dict[str, int | None] = {}

    def root(name: str) -> str:
        while leads_to.setdefault(name, name) != name:
            name = leads_to[name]
        return name

    by_name = {(track.track_id, track.name, track.artists): track for track in tracks}
    for (track_id, *_), track in sorted(by_name.items(), key=itemgetter(0)):
        isrc, name = normalised_isrc(track.isrc), one_name(track.name, ", ".join(track.artists))
        if isrc and durations_agree(track.duration_ms, durations.setdefault(isrc, track.duration_ms)):
            leads_to[root(recording_id(isrc))] = root(track_id)
        if name:
            leads_to[root(name)] = root(track_id)
    return {track_id: root(track_id) for track_id, *_ in by_name}
