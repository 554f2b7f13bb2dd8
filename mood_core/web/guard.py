"""Lets only the person who runs moodlog in: ASGI middleware with the secrets of :mod:`mood_core.web.access`."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from mood_core.http.loopback import App, LoopbackGuard, Message, Receive, Scope, Send, answer
from mood_core.web.access import Access
from mood_core.web.peer import is_another_users

_OPEN = ("/health", "/assets/")
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
_NO_ENTRY = """<!doctype html><html lang="en"><meta charset="utf-8"><title>moodlog</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/assets/page.css">
<link rel="stylesheet" href="/assets/web.css"><main class="alone"><h1>This page needs a link</h1>
<p>These pages show what people listened to, so a browser gets in only with a link from moodlog. A link works once.</p>
<p><code>moodlog web --link</code> prints a new one. <a href="/">Try again</a></p></main></html>"""


def guarded(app: App, access: Access) -> App:
    """``app`` for browsers with the cookie, programs with the token, and pictures with their key."""
    name, value = access.cookie
    cookie = f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000"

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_another_users(scope.get("client"), scope.get("server")):
            await answer(send, 403, "Another user of this machine may not see these pages.\n")
        elif scope["type"] != "http" or scope["path"].startswith(_OPEN) or _may_enter(scope, access):
            await app(scope, receive, send if scope["path"].startswith("/assets/") else _uncached(send))
        elif access.take_code(_query(scope).get("code", "")):
            # A page that redirects: after an HTTP redirect from elsewhere, browsers do not send a strict cookie yet.
            goes_to = quote(f"/{scope['path'].lstrip('/')}", safe="/~")
            page = f'<!doctype html><title>moodlog</title><meta http-equiv="refresh" content="0; url={goes_to}">'
            await answer(send, 200, page, content_type="text/html", headers=[(b"set-cookie", cookie.encode())])
        else:
            await answer(send, 403, _NO_ENTRY, content_type="text/html")

    return LoopbackGuard(gated, policy=_HEADERS)


def _uncached(send: Send) -> Send:
    async def uncached(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"cache-control", b"no-store")]
        await send(message)

    return uncached


def _may_enter(scope: Scope, access: Access) -> bool:
    headers = _headers(scope)
    if access.knows_cookie(_cookie(headers, access.cookie[0])):
        return True
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and access.knows_token(token.strip()):
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
