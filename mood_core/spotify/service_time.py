"""Spotify's current time from a response's Date header, to check this machine's clock."""

from __future__ import annotations

from datetime import datetime

import httpx

from mood_core.errors import Unavailable
from mood_core.http.addresses import is_loopback
from mood_core.http.headers import http_time
from mood_core.spotify.failures import SOURCE

_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_USER_AGENT = "moodlog"


def spotify_time(accounts_url: str) -> datetime | None:
    """The time of the Accounts service at ``accounts_url``, aware UTC, to the second; None if it sends no Date.

    Uses no call of the Web API's quota and needs no app or account.

    Raises:
        Unavailable: The service cannot be reached.
    """
    # Not requests: the doctor uses httpx for other services, and importing one library takes 0.05 s less than both.
    try:
        with (
            httpx.Client(trust_env=not is_loopback(accounts_url), timeout=_TIMEOUT) as client,
            client.stream("GET", f"{accounts_url}/", headers={"User-Agent": _USER_AGENT}) as answer,
        ):
            return http_time(answer.headers.get("Date"))
    except httpx.HTTPError as error:
        raise Unavailable(
            f"{accounts_url} cannot be reached ({type(error).__name__}); check this machine's network.",
            source=SOURCE,
        ) from None
