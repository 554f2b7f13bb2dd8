"""Client of the Last.fm API for one account; needs an API key.

Requests are form posts, so that the key is in no URL. References: https://www.last.fm/api/show/user.getRecentTracks and
https://www.last.fm/api/errorcodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus

import httpx
from pydantic import SecretStr

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import ListenSource, Service, to_ms
from mood_core.domain.scrobbles import from_lastfm
from mood_core.errors import AccessDenied, ConfigError, MoodlogError, NotFound, RateLimited, Unavailable
from mood_core.http.json_service import JsonService
from mood_core.scrobbles.login import Login
from mood_core.scrobbles.window import Payload, older_page, window_of

PAGE = 200
"""Listens in one response at most, besides the track that is playing now."""

ENDPOINT = "lastfm/recent_tracks"
"""The endpoint's name in the call ledger."""

_NO_USER, _FAILED, _BAD_KEY, _OFFLINE, _BUSY, _HIDDEN, _SUSPENDED, _TOO_FAST = 6, 8, 10, 11, 16, 17, 26, 29


class LastFmClient:
    """The listens of one account; ``now`` returns the current time.

    ``newest`` is the newest page that :meth:`check` has read; the first pull uses it instead of a call.
    """

    service = Service.LASTFM

    def __init__(
        self,
        user_id: str,
        login: Login,
        http: JsonService,
        key: SecretStr | None,
        now: Callable[[], datetime],
        newest: Payload | None = None,
    ) -> None:
        if key is None or not key.get_secret_value():
            raise ConfigError(
                "MOODLOG_LASTFM_API_KEY is not set; create a key at https://www.last.fm/api/account/create and set it"
            )
        self._user_id, self._login, self._http, self._key, self._now = user_id, login, http, key, now
        self.newest = newest

    def recently_played(self) -> ListenWindow:
        """The newest 200 listens, without a cursor, because listens can appear days late.

        Raises:
            NotFound: there is no such user.
            AccessDenied: the user hides recent listens.
            ConfigError: the API key is refused.
            SourceError: the service failed.
        """
        payload, self.newest = self.newest or self._tracks({"limit": PAGE}), None
        return self._page(payload)

    def played_before(self, moment: datetime) -> ListenWindow:
        """The newest 200 listens before ``moment``. Raises like :meth:`recently_played`."""
        payload = self._tracks({"limit": PAGE, "to": -(-to_ms(moment) // 1000)})
        return older_page(self._page(payload), moment, self._http)

    def check(self) -> str:
        """Read the newest page; returns the user's name as Last.fm spells it. Raises like a pull."""
        self.newest = self._tracks({"limit": PAGE})
        name = _part(self.newest.get("@attr")).get("user")
        return name if isinstance(name, str) and name else self._login.name

    def _page(self, payload: Payload) -> ListenWindow:
        rows = payload.get("track", [])
        rows = [rows] if isinstance(rows, dict) else rows  # a single track is no list
        if not isinstance(rows, list):
            raise self._http.unexpected("has no list of tracks", payload)
        parse = partial(from_lastfm, now=self._now())
        window = window_of(rows, parse, self._user_id, ListenSource.LASTFM, full=_is_more(payload, rows))
        return replace(window, history_plays=_count(payload, "total"))

    def _tracks(self, form: Mapping[str, str | int]) -> Payload:
        secret = {"api_key": self._key.get_secret_value()}
        common = {"method": "user.getRecentTracks", "user": self._login.name, "format": "json"}
        answer = self._http.post("2.0/", ENDPOINT, {**form, **common, **secret})
        tracks = answer.get("recenttracks") if isinstance(answer, dict) else None
        if not isinstance(tracks, dict):
            raise self._http.unexpected("has no recenttracks", answer)
        return tracks


def _is_more(payload: Mapping[str, object], rows: list[object]) -> bool:
    """Whether older listens exist in the requested period."""
    pages = _count(payload, "totalPages")
    if pages is not None:
        return pages > 1 or (pages == 1 and not rows)
    return len(rows) >= PAGE


def _count(payload: Mapping[str, object], name: str) -> int | None:
    number = _part(payload.get("@attr")).get(name)
    is_number = isinstance(number, str | int) and re.fullmatch(r"[0-9]{1,12}", str(number))
    return int(str(number)) if is_number else None


def _part(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def failure(response: httpx.Response) -> MoodlogError | None:
    """The error in a response of Last.fm, which has a code in its body whatever its status; None without one."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    code = body.get("error") if isinstance(body, dict) else None
    source = Service.LASTFM.value
    if code == _NO_USER:
        return NotFound("Last.fm has no user of that name; check the name", source=source)
    if code in (_BAD_KEY, _SUSPENDED):
        return ConfigError("Last.fm refuses the API key; check MOODLOG_LASTFM_API_KEY")
    if code == _HIDDEN:
        return AccessDenied("the user hides recent listens; turn that off in Last.fm's privacy settings", source=source)
    if code == _TOO_FAST and response.status_code != HTTPStatus.TOO_MANY_REQUESTS:  # which can have a Retry-After
        message = "Last.fm's rate limit is reached; the next run continues"
        return RateLimited(message, source=source, retry_after_s=0.0)
    if code in (_FAILED, _OFFLINE, _BUSY):
        return Unavailable("Last.fm is not available; the next run retries it", source=source)
    return None
