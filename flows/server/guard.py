"""Protects moodlog's own Prefect server: accepts only its own host and origin, and proves its password."""

from __future__ import annotations

import re

from flows.server.auth import PROOF_PATH, proof
from mood_core.http.loopback import App, LoopbackGuard, Receive, Scope, Send, answer

_NONCE = re.compile(r"[0-9a-f]{32}")


def guarded(app: App, password: str, port: int) -> App:
    """``app`` behind the guard, on ``port``."""
    return LoopbackGuard(_Proof(app, password, port))


class _Proof:
    """Answers a nonce with the proof that this server knows the password; ``app`` answers all other requests."""

    def __init__(self, app: App, password: str, port: int) -> None:
        self._app = app
        self._password = password
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PROOF_PATH:
            await self._app(scope, receive, send)
            return
        nonce = scope["query_string"].decode("latin-1")
        if _NONCE.fullmatch(nonce):
            await answer(send, 200, proof(self._password, nonce, self._port))
        else:
            await answer(send, 400, "The query must be a nonce of 32 hexadecimal digits.\n")
