"""Spotify's current time from a response's Date header, to check this machine's clock."""

from __future__ import annotations

from datetime import datetime

import requests

from mood_core.errors import Unavailable
from mood_core.http.addresses import is_loopback
from mood_core.http.headers import http_time
from mood_core.spotify.failures import SOURCE
from mood_core.spotify.reading import TIMEOUT_S, USER_AGENT


def spotify_time(accounts_url: str) -> datetime | None:
    """The time of the Accounts service at ``accounts_url``, aware UTC, to the second; None if it sends no Date.

    Uses no call of the Web API's quota and needs no app or account.

    Raises:
        Unavailable: The service cannot be reached.
    """
    with requests.Session() as session:
        session.trust_env = not is_loopback(accounts_url)
        try:
            answer = session.get(
                f"{accounts_url}/",
                headers={"User-Agent": USER_AGENT},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise Unavailable(
                f"{accounts_url} cannot be reached ({type(error).__name__}); check this machine's network.",
                source=SOURCE,
            ) from None
        return http_time(answer.headers.get("Date"))
