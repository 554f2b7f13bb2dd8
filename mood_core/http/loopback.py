"""Protects HTTP servers on loopback against web pages: only own host and origin, no frames, no CORS.

A browser sends requests to 127.0.0.1 for any page, and a page whose DNS name resolves to 127.0.0.1 (DNS rebinding) can
even read the responses. The browser sets Host, Origin and Sec-Fetch-Site, so a page cannot forge them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

Header = tuple[bytes, bytes]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/api"
"""Where the servers mount their API."""

_LOOPBACK = re.compile(rb"(127(\.[0-9]{1,3}){3}|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_HARDENING: tuple[Header, ...] = (
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)
# A foreign script could read the password that Prefect's pages store; they need no foreign scripts.
_PREFECT_PAGES: tuple[Header, ...] = (
    (
        b"content-security-policy",
        b"script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; connect-src 'self'; object-src 'none'; "
        b"base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"same-origin"),
)


def refusal(headers: Iterable[Header], *, is_get: bool, public: str | None = None) -> str | None:
    """Why to refuse a request with these ``headers``; None for requests of local programs and own pages.

    Another origin may only link here, that is, navigate a whole tab with GET. ``public`` is the origin of a reverse
    proxy, such as https://moods.example.org, whose host is accepted as well.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value.strip())
    hosts = found.get(b"host", [])
    own = _own_origin(hosts[0].lower(), public) if len(hosts) == 1 else None
    if own is None:
        other = f", or {public.partition('://')[2]} from the reverse proxy" if public else ""
        return f"The Host header must be 127.0.0.1 or localhost{other}. Open the address that moodlog printed."
    if any(origin.lower() != own for origin in found.get(b"origin", [])):
        return "Requests from pages of another origin are refused."
    if not set(found.get(b"sec-fetch-site", [])) <= {b"same-origin", b"none"}:
        links = found.get(b"sec-fetch-mode") == [b"navigate"] and found.get(b"sec-fetch-dest") == [b"document"]
        if not (is_get and links):
            return "Requests from pages of another origin are refused."
    return None


def _own_origin(host: bytes, public: str | None) -> bytes | None:
    """The origin of pages at ``host``; None for a foreign host."""
    if public is not None and host == public.partition("://")[2].encode():
        return public.encode()
    return b"http://" + host if _LOOPBACK.fullmatch(host) else None


class LoopbackGuard:
    """ASGI middleware that applies ``refusal`` to HTTP and WebSocket requests and adds security headers.

    ``policy`` are the headers that depend on the pages: the content security policy and the referrer policy.
    """

    def __init__(self, app: App, *, policy: Sequence[Header] = _PREFECT_PAGES, public: str | None = None) -> None:
        self._app = app
        self._headers = (*_HARDENING, *policy)
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        is_get = scope.get("method", "GET") in {"GET", "HEAD"}
        why = refusal(scope["headers"], is_get=is_get, public=self._public)
        if why is None:
            await self._app(scope, receive, self._hardened(send))
        else:
            await refuse(scope, send, why)

    def _hardened(self, send: Send) -> Send:
        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_without_cors(message.get("headers", ())), *self._headers]
            await send(message)

        return hardened


def _without_cors(headers: Iterable[Header]) -> list[Header]:
    return [(name, value) for name, value in headers if not name.lower().startswith(b"access-control-")]


async def refuse(scope: Scope, send: Send, why: str, *, status: int = 403, headers: Sequence[Header] = ()) -> None:
    """Respond with ``status`` and ``why``: as JSON under /api, else as text.

    A WebSocket is closed before it opens, for which uvicorn sends 403.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
    elif is_api(scope):
        detail = json.dumps({"detail": why})
        await answer(send, status, detail, content_type="application/json", headers=headers)
    else:
        await answer(send, status, why + "\n", headers=headers)


def is_api(scope: Scope) -> bool:
    """Whether the request is for the API."""
    return bool(f"{scope['path']}/".startswith(f"{API}/"))


async def answer(
    send: Send, status: int, text: str, *, content_type: str = "text/plain", headers: Sequence[Header] = ()
) -> None:
    """Send a complete response that must not be cached."""
    body = text.encode()
    fixed = [
        (b"content-type", f"{content_type}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
