"""The page that asks for the password, for pages behind a reverse proxy."""

from __future__ import annotations

import asyncio
from html import escape
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mood_core.http.loopback import Receive, Scope, Send, answer, refuse
from mood_core.web.access import Access
from mood_core.web.small_form import small_form

PATH = "/sign-in"

_DELAY_S = 1.0
_MOST_AT_ONCE = 5
"""Wrong passwords that wait at once: so many can be tried in a second."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>moodlog</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/assets/page.css">
<link rel="stylesheet" href="/assets/web.css"><link rel="icon" href="/assets/icon.svg">
<script src="/assets/look.js"></script>
<main class="alone"><h1>moodlog</h1>{said}<form class="sign-in" method="post" action="{action}">
<input type="hidden" name="to" value="{to}">
<input name="username" autocomplete="username" value="moodlog" hidden>
<label>Password <input type="password" name="password" autocomplete="current-password" required autofocus></label>
<button>Sign in</button></form></main></html>"""


class SignIn:
    """Asks for the password, and takes it. A wrong one is answered after a second."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._waiting = 0

    async def serve(self, scope: Scope, receive: Receive, send: Send, *, cookie: str) -> None:
        """Serve a browser without the cookie; ``cookie`` is the header that gives it one."""
        if scope["method"] != "POST":
            await self._ask(scope, send)
        elif scope["path"] != PATH:
            await refuse(scope, send, "Sign in first, or send the token.", status=401)
        elif self._waiting >= _MOST_AT_ONCE:
            await answer(send, 429, "Too many wrong passwords. Wait a few seconds.\n", headers=[(b"retry-after", b"5")])
        else:
            await self._take(scope, receive, send, cookie)

    async def _ask(self, scope: Scope, send: Send) -> None:
        """Show the form, at its own address; programs get a status."""
        wants_page = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
        if scope["path"] == PATH:
            await self._show(send, Request(scope).query_params.get("to", "/"), status=200)
        elif wants_page:
            location = f"{PATH}?to={quote(goes_to(scope['path']), safe='')}"
            await answer(send, 303, "", headers=[(b"location", location.encode())])
        else:
            await refuse(scope, send, "Send the token, or sign in with a browser.", status=401)

    async def _take(self, scope: Scope, receive: Receive, send: Send, cookie: str) -> None:
        try:
            form = await small_form(Request(scope, receive))
        except HTTPException as error:
            await answer(send, error.status_code, f"{error.detail}\n")
            return
        to = str(form.get("to", "/"))
        if self._access.knows_password(str(form.get("password", ""))):
            headers = [(b"set-cookie", cookie.encode()), (b"location", goes_to(to).encode())]
            await answer(send, 303, "", headers=headers)
            return
        self._waiting += 1
        try:
            await asyncio.sleep(_DELAY_S)
        finally:
            self._waiting -= 1
        await self._show(send, to, "This is not the password.")

    async def _show(self, send: Send, to: str, said: str = "", *, status: int = 401) -> None:
        shown = f'<p role="alert">{escape(said)}</p>' if said else ""
        page = _PAGE.format(said=shown, action=PATH, to=escape(to))
        await answer(send, status, page, content_type="text/html")


def goes_to(path: str) -> str:
    """``path`` as an address of these pages, percent-encoded; never one of another site."""
    return quote("/" if path == PATH else f"/{path.lstrip('/')}", safe="/~")
