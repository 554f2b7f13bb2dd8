"""Takes a person's answers about the moods of tracks, from forms of the own pages."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mood_core.domain.answers import UNDONE, answer_of
from mood_core.http.loopback import Message
from mood_core.web.people import Person
from mood_core.web.site import Site

_LARGEST_FORM = 10_000


class Answers:
    """The addresses that take answers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """The address of a track, for forms."""
        return [Route("/{person}/track/{track:path}", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """Record an answer, then show the track again. At the redirect the answer is stored durably."""
        if self._site.read_only:
            raise HTTPException(403, "These pages are read-only. Start `moodlog web` without --read-only to answer.")
        form = await _small_form(request)
        if not self._site.access.knows_form_token(str(form.get("form_token", ""))):
            raise HTTPException(403, "This form is not from this page. Load the page again.")
        person = await run_in_threadpool(self._site.person, request)
        await run_in_threadpool(self._record, person, request.path_params["track"], form)
        return RedirectResponse(request.url.path, 303)

    def _record(self, person: Person, track_id: str, form: FormData) -> None:
        given, user_id = str(form.get("answer", "")), person.account.user_id
        if given == UNDONE:
            self._site.workspace.undo_answer(user_id, track_id)
            return
        words = [str(form.get(name, "")) for name in ("first", "second")] if given == "two" else [given]
        self._site.workspace.answer(user_id, track_id, answer_of(words))


async def _small_form(request: Request) -> FormData:
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
