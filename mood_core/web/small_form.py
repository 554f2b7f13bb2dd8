"""Reads a form of a limited length."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mood_core.http.loopback import Message

_LARGEST = 20_000


async def small_form(request: Request) -> FormData:
    """The form of ``request``, which is short.

    Raises:
        HTTPException: 413 if it is long, 415 if it has another media type.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Send a form.")
    size = 0
    receive = request.receive

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > _LARGEST:
            raise HTTPException(413, "This form is too long.")
        return message

    return await Request(request.scope, limited).form()
