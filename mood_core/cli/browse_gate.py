"""Access control of ``moodlog browse``: only a browser that opened the printed address, which has a token, gets in.

Browsers send a cookie of 127.0.0.1 to every port, also to servers of other users of the machine. So all pages are below
a random secret folder, which is the cookie's path.
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
    """ASGI middleware that requires the token.

    Attributes:
        folder: the path of all pages, with a slash at both ends.
        token: the secret in the first address and then in the cookie.
    """

    def __init__(self) -> None:
        self.folder = f"/{secrets.token_urlsafe(9)}/"
        self.token = secrets.token_urlsafe(32)

    def guard(self, app: App) -> App:
        """``app`` behind this gate, and behind the guard against other web pages."""

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
        """Set the cookie and redirect by a page: after an HTTP redirect from a file, browsers do not send it yet."""
        cookie = f"{_COOKIE}={self.token}; Path={self.folder}; HttpOnly; SameSite=Strict"
        headers = [(b"set-cookie", cookie.encode())]
        await answer(send, 200, redirect_page(self.folder), content_type="text/html", headers=headers)


def redirect_page(address: str) -> str:
    """An HTML page that opens ``address``."""
    return f'<!doctype html><title>moodlog</title><meta http-equiv="refresh" content="0; url={address}">'


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
