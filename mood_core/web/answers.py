"""Takes a person's answer about the mood of a track from the form on the track's page."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mood_core.domain.answers import UNDONE
from mood_core.web.forms import answer_in, take_form
from mood_core.web.people import Person
from mood_core.web.site import Site


class Answers:
    """The address that takes a correction."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """The address of a track, for forms."""
        return [Route("/{person}/track/{track:path}", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """Record an answer, then show the track again. At the redirect the answer is stored durably."""

        def record(person: Person, form: FormData) -> Response:
            user_id, track_id = person.account.user_id, request.path_params["track"]
            if form.get("answer") == UNDONE:
                self._site.workspace.undo_answer(user_id, track_id)
            else:
                self._site.workspace.answer(user_id, track_id, answer_in(form))
            return RedirectResponse(request.url.path, 303)

        return await take_form(self._site, request, record)
