"""Client of the ListenBrainz API for one account. Public histories need no token.

Reference: https://listenbrainz.readthedocs.io/en/latest/users/api/core.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import quote

import httpx

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import ListenSource, Service, from_ms, to_ms
from mood_core.domain.scrobbles import from_listenbrainz
from mood_core.errors import NotFound, ReauthorisationNeeded, SourceError
from mood_core.http.json_service import JsonService
from mood_core.scrobbles.login import Login
from mood_core.scrobbles.window import Payload, older_page, window_of

PAGE = 1_000
"""Listens in one response at most."""

ENDPOINT = "listenbrainz/listens"
"""The endpoint's name in the call ledger."""

_LATEST_S = 10**11
"""A number of seconds that is no time."""


class ListenBrainzClient:
    """The listens of one account; ``now`` returns the current time, ``refused`` is called when the token is refused.

    ``newest`` is the newest page that :meth:`check` has read; the first pull uses it instead of a call.
    """

    service = Service.LISTENBRAINZ

    def __init__(
        self,
        user_id: str,
        login: Login,
        http: JsonService,
        now: Callable[[], datetime],
        refused: Callable[[str], None],
        newest: Payload | None = None,
    ) -> None:
        self._user_id, self._login, self._http, self._now, self._refused = user_id, login, http, now, refused
        self.newest = newest

    def recently_played(self) -> ListenWindow:
        """The newest 1,000 listens, without a cursor, because listens can appear days late.

        Raises:
            NotFound: there is no such user.
            ReauthorisationNeeded: the token is refused.
            SourceError: the service failed.
        """
        payload, self.newest = self.newest or self._payload({"count": PAGE}), None
        return self._page(payload)

    def played_before(self, moment: datetime) -> ListenWindow:
        """The newest 1,000 listens before ``moment``. Raises like :meth:`recently_played`."""
        payload = self._payload({"count": PAGE, "max_ts": -(-to_ms(moment) // 1000)})
        return older_page(self._page(payload), moment, self._http)

    def check(self) -> str:
        """Read the newest page; returns the user's name as ListenBrainz spells it. Raises like a pull."""
        self.newest = self._payload({"count": PAGE})
        name = self.newest.get("user_id")
        return name if isinstance(name, str) and name else self._login.name

    def _page(self, payload: Payload) -> ListenWindow:
        rows = payload.get("listens")
        if not isinstance(rows, list):
            raise self._http.unexpected("has no list of listens", payload)
        parse = partial(from_listenbrainz, now=self._now())
        oldest = _oldest_of_all(payload)
        window = window_of(rows, parse, self._user_id, ListenSource.LISTENBRAINZ, full=_is_more(oldest, rows))
        return replace(window, history_starts_at=None if oldest is None else from_ms(oldest * 1000))

    def _payload(self, params: Mapping[str, str | int]) -> Payload:
        path = f"1/user/{quote(self._login.name, safe='')}/listens"
        token = self._login.token
        headers = {} if token is None else {"Authorization": f"Token {token.get_secret_value()}"}
        try:
            answer = self._http.get(path, ENDPOINT, params, headers=headers)
        except ReauthorisationNeeded as error:
            self._refused(error.message)
            raise
        payload = answer.get("payload") if isinstance(answer, dict) else None
        if not isinstance(payload, dict):
            raise self._http.unexpected("has no payload", answer)
        return payload


def _oldest_of_all(payload: Mapping[str, object]) -> int | None:
    """The oldest listen of the whole history, s since 1970."""
    oldest = payload.get("oldest_listen_ts")
    return oldest if type(oldest) is int and 0 < oldest < _LATEST_S else None


def _is_more(oldest_of_all: int | None, rows: list[object]) -> bool:
    """Whether older listens exist. A page can have fewer rows than requested although it is not the last one."""
    times = [row["listened_at"] for row in rows if isinstance(row, dict) and type(row.get("listened_at")) is int]
    if oldest_of_all is None:
        return len(rows) >= PAGE
    return not times or min(times) > oldest_of_all


def failure(response: httpx.Response) -> SourceError | None:
    """The errors that only ListenBrainz reports so; None for others."""
    source = Service.LISTENBRAINZ.value
    if response.status_code == 401:
        return ReauthorisationNeeded(
            "ListenBrainz refuses the token; copy it from https://listenbrainz.org/settings/ and run"
            " `moodlog reconnect NAME --token`",
            source=source,
        )
    if response.status_code == 404:
        return NotFound("ListenBrainz has no user of that name; check the name", source=source)
    return None
