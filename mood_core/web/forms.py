"""Takes forms of the own pages: short, with the pages' token, and only where answers are taken."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mood_core.domain.answers import answer_of
from mood_core.web.people import Person
from mood_core.web.site import Site
from mood_core.web.small_form import small_form


async def take_form(site: Site, request: Request, take: Callable[[Person, FormData], Response]) -> Response:
    """The response of ``take`` to the form of ``request`` about the person in its address.

    Raises:
        HTTPException: The pages are read-only, the form is not from the own pages, or there is no such person.
    """
    if site.read_only:
        raise HTTPException(403, site.read_only_words)
    form = await small_form(request)
    if not site.knows_form_token(request, str(form.get("form_token", ""))):
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
