"""Refuses a request before a page or the API gets it: in a sentence, as JSON under /api."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mood_core.http.loopback import Header, Scope, Send, answer

API = "/api"
"""Where the API is mounted."""


def is_api(scope: Scope) -> bool:
    """Whether the request is for the API."""
    return bool(f"{scope['path']}/".startswith(f"{API}/"))


async def refuse(scope: Scope, send: Send, status: int, said: str, *, headers: Sequence[Header] = ()) -> None:
    """Respond with ``status`` and what is wrong, as the API itself does under its address."""
    if is_api(scope):
        text, kind = json.dumps({"detail": said}), "application/json"
    else:
        text, kind = f"{said}\n", "text/plain"
    await answer(send, status, text, content_type=kind, headers=headers)
