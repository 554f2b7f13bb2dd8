"""Lets only the person who runs moodlog in, and users of their reverse proxy: ASGI middleware.

The secrets are those of :mod:`mood_core.web.access`, the proxy that of :mod:`mood_core.web.proxy`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Address
from urllib.parse import parse_qs

from mood_core.http.loopback import App, LoopbackGuard, Message, Receive, Scope, Send, answer, is_api, refuse
from mood_core.web.access import Access
from mood_core.web.peer import owners_of
from mood_core.web.proxy import Proxy
from mood_core.web.sign_in import PATH as SIGN_IN
from mood_core.web.sign_in import SignIn, goes_to

READER = "moodlog.reader"
"""The key of the scope that has the user of the reverse proxy; missing for those who may see everybody."""

PROGRAM = "moodlog.program"
"""The key of the scope of a request with the token, which no browser sends by itself; missing for others."""

ICON = "/favicon.ico"
"""What a browser asks for on pages that do not name their icon, such as pictures."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    # With no-referrer, browsers send forms of the own pages with the origin null. Other sites get no referrer.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_HOW_TO_ENTER = (
    "Send the token in HOME/web-token as `Authorization: Bearer TOKEN`. A browser gets in with a link:"
    " `moodlog web --link` prints one."
)
_NO_ENTRY = """<!doctype html><html lang="en"><meta charset="utf-8"><title>moodlog</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/assets/page.css">
<link rel="stylesheet" href="/assets/web.css"><link rel="icon" href="/assets/icon.svg">
<main class="alone"><h1>This page needs a link</h1>
<p>These pages show what people listened to, so a browser gets in only with a link from moodlog. A link works once.</p>
<p><code>moodlog web --link</code> prints a new one. <a href="/">Try again</a></p></main></html>"""


def guarded(app: App, access: Access, proxy: Proxy | None = None) -> App:
    """``app`` for browsers with the cookie, programs with the token, pictures with their key, and the proxy's users."""
    return LoopbackGuard(_Guard(app, access, proxy), policy=_HEADERS, public=proxy.public if proxy else None)


class _Guard:
    """Serves requests whose host and origin are right."""

    def __init__(self, app: App, access: Access, proxy: Proxy | None) -> None:
        self._app, self._access, self._proxy = app, access, proxy
        self._sign_in = SignIn(access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        is_proxied = self._proxy is not None and headers.get("host", "").lower() == self._proxy.host
        refusal = self._refusal(scope, is_proxied=is_proxied)
        if refusal:
            await refuse(scope, send, refusal)
        elif _is_open(scope):
            await self._app(scope, receive, _uncached(send) if scope["path"] == "/health" else send)
        elif is_proxied and self._proxy and self._proxy.header in headers and self._proxy.header:
            await self._serve_user(headers[self._proxy.header], scope, receive, send)
        else:
            await self._serve(scope, headers, receive, send)

    def _refusal(self, scope: Scope, *, is_proxied: bool) -> str:
        """Why the other end of the connection may not see the pages; empty if it may."""
        client, server = scope.get("client"), scope.get("server")
        if client is None:
            return ""
        is_proxy = self._proxy is not None and self._proxy.includes(client[0])
        if not IPv4Address(client[0]).is_loopback:
            return "" if is_proxy and is_proxied else "Only the reverse proxy may connect from another machine."
        owners, me = owners_of(client, server), os.geteuid()
        system_user = self._proxy.system_user if self._proxy else None
        if is_proxied:
            # A header that names the user counts only if the system knows whose connection it is.
            is_its_user = owners == {me if system_user is None else system_user}
            allowed = is_proxy and (is_its_user or not (owners or (self._proxy and self._proxy.header)))
            return "" if allowed else "Only the reverse proxy may connect with this Host header."
        if owners <= {me}:
            return ""
        if owners == {system_user}:
            return "The reverse proxy must send the Host header of MOODLOG_WEB_PUBLIC_URL."
        return "Another user of this machine may not see these pages."

    async def _serve_user(self, user: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a user whom the reverse proxy has logged in."""
        assert self._proxy is not None  # noqa: S101 - it sent the user
        if user not in self._proxy.users:
            await refuse(scope, send, "MOODLOG_WEB_USERS has no person for this user.")
            return
        scope[READER] = user
        await self._app(scope, receive, _uncached(send))

    async def _serve(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        """Serve a browser or a program on this machine, or one that the reverse proxy has not logged in."""
        cookie = self._cookie(headers)
        if scope["path"] == SIGN_IN and self._access.has_password:
            await self._sign_in.serve(scope, receive, send, cookie=cookie)
        elif _sends_token(headers, self._access):
            scope[PROGRAM] = True
            await self._app(scope, receive, _uncached(send))
        elif _may_enter(scope, headers, self._access):
            await self._app(scope, receive, _uncached(send))
        elif self._access.take_code(_query(scope).get("code", "")):
            # A page that redirects: after an HTTP redirect from elsewhere, browsers do not send a strict cookie yet.
            page = (
                '<!doctype html><html lang="en"><title>moodlog</title><link rel="icon" href="/assets/icon.svg">'
                f'<meta http-equiv="refresh" content="0; url={goes_to(scope["path"])}"></html>'
            )
            await answer(send, 200, page, content_type="text/html", headers=[(b"set-cookie", cookie.encode())])
        elif self._access.has_password:
            await self._sign_in.serve(scope, receive, send, cookie=cookie)
        elif is_api(scope):
            await refuse(scope, send, _HOW_TO_ENTER)
        else:
            await answer(send, 403, _NO_ENTRY, content_type="text/html")

    def _cookie(self, headers: Mapping[str, str]) -> str:
        name, value = self._access.cookie
        is_secure = self._proxy is not None and self._proxy.is_secure and headers["host"].lower() == self._proxy.host
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000{'; Secure' if is_secure else ''}"


def _is_open(scope: Scope) -> bool:
    """Whether everybody may read the address: exactly these, as people can be called health2 or have the id assets."""
    path = scope["path"]
    is_asset = path.startswith("/assets/") and path.count("/") == 2
    return scope["method"] in {"GET", "HEAD"} and (path in {"/health", ICON} or is_asset)


def _uncached(send: Send) -> Send:
    async def uncached(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"cache-control", b"no-store")]
        await send(message)

    return uncached


def _sends_token(headers: Mapping[str, str], access: Access) -> bool:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and access.knows_token(token.strip())


def _may_enter(scope: Scope, headers: Mapping[str, str], access: Access) -> bool:
    if access.knows_cookie(_cookie(headers, access.cookie[0])):
        return True
    key = _query(scope).get("key", "")
    return scope["method"] in {"GET", "HEAD"} and bool(key) and access.knows_picture_key(scope["path"], key)


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; repeated ones are joined as cookies are."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def _query(scope: Scope) -> dict[str, str]:
    """The first value of each parameter."""
    given: bytes = scope["query_string"]
    try:
        return {name: values[0] for name, values in parse_qs(given.decode("latin-1"), max_num_fields=50).items()}
    except ValueError:
        return {}


def _cookie(headers: Mapping[str, str], name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
