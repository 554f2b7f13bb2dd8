"""Reads forms and other bodies of a limited length."""

from __future__ import annotations

from fastapi import HTTPException  # FastAPI reports another exception in a body as 400
from starlette.datastructures import FormData
from starlette.requests import Request

from mood_core.http.loopback import App, Message, Receive, Scope, Send

_LARGEST = 20_000


async def small_form(request: Request) -> FormData:
    """The form of ``request``, which is short.

    Raises:
        HTTPException: 413 if it is long, 415 if it has another media type.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Send a form.")
    return await Request(request.scope, _limited(request.receive)).form()


def with_small_bodies(app: App) -> App:
    """``app`` whose requests have short bodies; reading a long one raises HTTPException 413."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, _limited(receive), send)

    return limited


def _limited(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > _LARGEST:
            raise HTTPException(413, f"What is sent must be at most {_LARGEST:,} bytes long.")
        return message

    return limited
