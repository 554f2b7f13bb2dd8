"""Who may see the pages of ``moodlog browse``: a browser that came once with the token of the printed address.

Browsers send a cookie of 127.0.0.1 to every port, so also to a server of another user of the machine. That is why all
pages are below a random folder, which is the cookie's path and which nobody else knows.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from mood_core.http.loopback import App, LoopbackGuard, Receive, Scope, Send, answer, refuse

_COOKIE = "moodlog_browse"
_WHY = "Open the address that `moodlog browse` printed; it contains the token that this page needs."


class BrowseGate:
    """ASGI middleware that lets nobody through to ``app`` without the token.

    Attributes:
        folder: the path below which everything is, with a slash at both ends.
        token: what the first address and then the cookie must contain.
    """

    def __init__(self) -> None:
        self.folder = f"/{secrets.token_urlsafe(9)}/"
        self.token = secrets.token_urlsafe(32)

    def guard(self, app: App) -> App:
        """``app`` behind this gate, and behind the guard against web pages of elsewhere."""

        async def gated(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan" or (self._knows(_cookie(scope)) and scope["path"].startswith(self.folder)):
                await app(scope, receive, send)
            elif scope["type"] == "http" and scope["path"] == self.folder and self._knows(_token(scope)):
                await self._welcome(send)
            else:
                await refuse(scope, send, _WHY)

        return LoopbackGuard(gated)

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    async def _welcome(self, send: Send) -> None:
        """Set the cookie and go on by a page: on a redirect, a browser that came from a file would not send it yet."""
        cookie = f"{_COOKIE}={self.token}; Path={self.folder}; HttpOnly; SameSite=Strict"
        page = f'<!doctype html><title>moodlog</title><meta http-equiv="refresh" content="0; url={self.folder}">'
        await answer(send, 200, page, content_type="text/html", headers=[(b"set-cookie", cookie.encode())])


def _token(scope: Scope) -> str:
    given: bytes = scope["query_string"]
    return parse_qs(given.decode("latin-1")).get("token", [""])[0]


def _cookie(scope: Scope) -> str:
    given = b"; ".join(value for name, value in scope["headers"] if name.lower() == b"cookie").decode("latin-1")
    try:
        found = SimpleCookie(given).get(_COOKIE)
    except CookieError:
        return ""
    return str(found.value) if found else ""
