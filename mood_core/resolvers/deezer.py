"""Deezer's search: keyless, at most 50 requests in 5 s. Gives ISRC and duration, no Spotify id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mood_core.domain.recordings import normalised_isrc, recording_id, release_date_of
from mood_core.domain.records import Track
from mood_core.domain.track_names import searched_title
from mood_core.errors import NotFound, RateLimited, Unavailable
from mood_core.http.json_service import UNSTATED_WAIT_S, JsonService
from mood_core.resolvers.resolver import WantedName

SEARCH, TRACK = "deezer/search", "deezer/track/{id}"
"""Endpoint names in the call ledger."""

_LIMIT = 10
_PREFIX = "deezer:"
_QUOTA, _BUSY, _NO_DATA = 4, 700, 800


class DeezerResolver:
    """Searches by artist and title; one more call reads ISRC and release date of the recording that agrees."""

    name = "deezer"

    def __init__(self, service: JsonService) -> None:
        self._service = service

    def search(self, wanted: WantedName) -> Sequence[Track]:
        """See :class:`~mood_core.resolvers.resolver.TrackResolver`."""
        query = f'artist:"{_unquoted(wanted.artist)}" track:"{_unquoted(searched_title(wanted.title))}"'
        payload = self._get("search", SEARCH, {"q": query, "limit": _LIMIT})
        data = payload.get("data")
        if not isinstance(data, list):
            raise self._service.unexpected("has no list named data", payload)
        return [track for item in data if (track := _track(item)) is not None]

    def complete(self, candidate: Track) -> Track | None:
        """See :class:`~mood_core.resolvers.resolver.TrackResolver`."""
        isrc, release_date = candidate.isrc, candidate.release_date
        if isrc is None:
            number = candidate.track_id.removeprefix(_PREFIX)
            try:
                payload = self._get(f"track/{number}", TRACK)
            except NotFound:
                return None
            isrc, release_date = normalised_isrc(payload.get("isrc")), release_date_of(payload.get("release_date"))
        if isrc is None:
            return None
        return replace(candidate, track_id=recording_id(isrc), isrc=isrc, release_date=release_date)

    def _get(self, path: str, endpoint: str, params: dict[str, str | int] | None = None) -> dict[str, object]:
        payload = self._service.get(path, endpoint, params)
        if not isinstance(payload, dict):
            raise self._service.unexpected("is not an object", payload)
        if isinstance(error := payload.get("error"), dict):  # Deezer reports failures with the status 200
            raise self._failure(error)
        return payload

    def _failure(self, error: dict[str, object]) -> Exception:
        code = error.get("code")
        if code == _QUOTA:
            message = "Deezer's limit of 50 requests in 5 s is reached; the next run continues"
            return RateLimited(message, source=self.name, retry_after_s=UNSTATED_WAIT_S)
        if code == _BUSY:
            return Unavailable("Deezer is busy; the next run continues", source=self.name)
        if code == _NO_DATA:
            return NotFound("Deezer does not have this track", source=self.name)
        return self._service.unexpected("reports an error", error)


def _track(item: object) -> Track | None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), int):
        return None
    artist = item.get("artist")
    title, name = item.get("title"), artist.get("name") if isinstance(artist, dict) else None
    if not isinstance(title, str) or not isinstance(name, str):
        return None
    seconds = item.get("duration")
    duration_ms = seconds * 1000 if isinstance(seconds, int) and 0 < seconds < 86_400 else None
    return Track(
        f"{_PREFIX}{item['id']}", title, (name,), duration_ms=duration_ms, isrc=normalised_isrc(item.get("isrc"))
    )


def _unquoted(text: str) -> str:
    return " ".join(text.replace('"', " ").split())
