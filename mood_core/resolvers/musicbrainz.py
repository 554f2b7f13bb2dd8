"""MusicBrainz: 1 request a second, with a User-Agent that names a contact. Gives ISRC and duration.

A recording whose id is known from ListenBrainz is read by its id; others are searched by artist and title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from mood_core.domain.recordings import normalised_isrc, recording_id, release_date_of
from mood_core.domain.records import Track
from mood_core.domain.track_names import searched_title
from mood_core.http.json_service import JsonService, user_agent
from mood_core.resolvers.resolver import WantedName

SEARCH, LOOKUP = "musicbrainz/recording", "musicbrainz/recording/{id}"
"""Endpoint names in the call ledger."""

_NOT_THERE = (301, 400, 404)
"""Statuses for an id that is merged, invalid or unknown."""

_LIMIT = 25
_LONGEST_MS = 86_400_000


class MusicBrainzResolver:
    """Reads or searches recordings; those without an ISRC are ignored."""

    name = "musicbrainz"

    def __init__(self, service: JsonService) -> None:
        self._service = service

    def search(self, wanted: WantedName) -> Sequence[Track]:
        """See :class:`~mood_core.resolvers.resolver.TrackResolver`."""
        mapped = None if wanted.recording_mbid is None else self._mapped(wanted, wanted.recording_mbid)
        if mapped is not None and wanted.agrees(mapped):
            return [mapped]
        query = f'recording:"{_escaped(searched_title(wanted.title))}" AND artist:"{_escaped(wanted.artist)}"'
        payload = self._service.get("recording", SEARCH, {"query": query, "limit": _LIMIT, "fmt": "json"})
        recordings = payload.get("recordings") if isinstance(payload, dict) else None
        if not isinstance(recordings, list):
            raise self._service.unexpected("has no list named recordings", payload)
        return [track for item in recordings if (track := _track(item)) is not None]

    def _mapped(self, wanted: WantedName, mbid: str) -> Track | None:
        """The recording ``mbid``. If its duration is that of the play, it is the recording under the play's name."""
        params = {"inc": "isrcs+artist-credits", "fmt": "json"}
        response = self._service.response(f"recording/{mbid}", LOOKUP, params, accepted=_NOT_THERE)
        track = _track(self._service.decoded(response)) if response.status_code == HTTPStatus.OK else None
        if track is None or None in (track.duration_ms, wanted.length.duration_ms):
            return track
        if not wanted.length.allows(track.duration_ms):
            return None
        return replace(track, name=wanted.title, artists=(wanted.artist,))

    def complete(self, candidate: Track) -> Track | None:
        """See :class:`~mood_core.resolvers.resolver.TrackResolver`."""
        return candidate


def agent(contact: str) -> str:
    """The User-Agent with the ``contact`` (an address or URL) that MusicBrainz asks for."""
    return f"{user_agent()} ( {contact} )"


def _track(item: object) -> Track | None:
    """The recording; what its disambiguation says ("live, 2010-07-01") is part of its title. None for videos."""
    if not isinstance(item, dict) or item.get("video"):
        return None
    title, note, isrcs = item.get("title"), item.get("disambiguation"), item.get("isrcs")
    isrc = next(filter(None, map(normalised_isrc, isrcs)), None) if isinstance(isrcs, list) else None
    artists = _artists(item.get("artist-credit"))
    if not isinstance(title, str) or isrc is None or not artists:
        return None
    length = item.get("length")
    duration_ms = length if isinstance(length, int) and 0 < length < _LONGEST_MS else None
    name = f"{title} ({note})" if isinstance(note, str) and note else title
    released = release_date_of(item.get("first-release-date"))
    return Track(recording_id(isrc), name, artists, duration_ms=duration_ms, isrc=isrc, release_date=released)


def _artists(credit: object) -> tuple[str, ...]:
    named = [part.get("name") for part in credit if isinstance(part, dict)] if isinstance(credit, list) else []
    return tuple(name for name in named if isinstance(name, str) and name)


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
