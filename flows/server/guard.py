"""Protects moodlog's own Prefect server: accepts only its own host and origin, and proves its password."""

from __future__ import annotations

import re
from collections.abc import Callable

from flows.server.auth import PROOF_PATH, proof
from mood_core.http.loopback import App, LoopbackGuard, Receive, Scope, Send, answer

_NONCE = re.compile(r"[0-9a-f]{32}")


def guarded(app: App, password: str, port: int) -> App:
    """``app`` behind the guard, on ``port``; a nonce is answered with the proof that this server knows the password."""

    def prove(scope: Scope) -> tuple[int, str]:
        nonce = scope["query_string"].decode("latin-1")
        if _NONCE.fullmatch(nonce):
            return 200, proof(password, nonce, port)
        return 400, "The query must be a nonce of 32 hexadecimal digits.\n"

    return LoopbackGuard(with_route(app, PROOF_PATH, prove))


def with_route(
    app: App, path: str, respond: Callable[[Scope], tuple[int, str]], *, content_type: str = "text/plain"
) -> App:
    """``app`` with the route ``path``: ``respond`` returns the status and the body for a request."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == path:
            await answer(send, *respond(scope), content_type=content_type)
        else:
            await app(scope, receive, send)

    return routed
