"""Takes forms of the own pages: short, with the pages' token, and only where answers are taken."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mood_core.domain.answers import answer_of
from mood_core.http.loopback import Message
from mood_core.web.people import Person
from mood_core.web.site import Site

_LARGEST_FORM = 20_000


async def take_form(site: Site, request: Request, take: Callable[[Person, FormData], Response]) -> Response:
    """The response of ``take`` to the form of ``request`` about the person in its address.

    Raises:
        HTTPException: The pages are read-only, the form is not from the own pages, or there is no such person.
    """
    if site.read_only:
        raise HTTPException(403, "These pages are read-only. Start `moodlog web` without --read-only to answer.")
    form = await small_form(request)
    if not site.access.knows_form_token(str(form.get("form_token", ""))):
        raise HTTPException(403, "This form is not from this page. Load the page again.")
    person = await run_in_threadpool(site.person, request)
    return await run_in_threadpool(take, person, form)


def answer_in(form: FormData) -> str:
    """The answer in a form: one mood, two moods or none.

    Raises:
        InputError: There is no such answer.
    """
    given = str(form.get("answer", ""))
    return answer_of([str(form.get(name, "")) for name in ("first", "second")] if given == "two" else [given])


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
        if size > _LARGEST_FORM:
            raise HTTPException(413, "This form is too long.")
        return message

    return await Request(request.scope, limited).form()
