"""The asking page: one question after the other, by forms. The address has the sitting, so nothing is kept here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mood_core.app.workspace import Workspace
from mood_core.domain.answers import REASONS, UNDONE, moods_in
from mood_core.domain.sitting import Asked, Sitting
from mood_core.domain.spotify_ids import spotify_link
from mood_core.web.forms import answer_in, take_form
from mood_core.web.people import Person
from mood_core.web.site import Site

_SKIP = "skip"
_LONGEST_IDS = 3_000
"""Most characters of the ids in an address: only those of local files are long."""


@dataclass(frozen=True, slots=True)
class _Track:
    """A track as a question or an answer shows it: never its label by the model. ``answer`` is None without one."""

    track_id: str
    track: str
    artists: str
    listens: int
    link: str | None
    answer: str | None


class AskPage:
    """The page that asks a person about tracks."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """The address, for pages and for forms."""
        return [Route("/{person}/ask", self.show), Route("/{person}/ask", self.take, methods=["POST"])]

    def show(self, request: Request) -> Response:
        """The current question of the sitting in the address; without one, the first question of a new sitting."""
        person, space = self._site.person(request), self._site.workspace
        given = Sitting.from_text(request.query_params.get("sitting", ""))
        sitting = _unanswered(given or _short(space.sitting(person.account.user_id)), space, person)
        asked = sitting.current
        values = {
            "person": person,
            "sitting": sitting,
            "question": None if asked is None else _track(asked, space, person),
            "reason": "" if asked is None else REASONS[asked.because],
            "latest": None if sitting.latest is None else _track(sitting.latest, space, person),
            "elsewhere": request.query_params.get("elsewhere") == "1",
            "learned": () if asked else space.answer_summary(person.account.user_id).sentences(),
            "moods_in": moods_in,
        }
        return self._site.page(request, "ask.html.j2", values)

    async def take(self, request: Request) -> Response:
        """Take an answer, skip or undo, then show the next question. At the redirect the answer is stored durably."""
        return await take_form(self._site, request, self._taken)

    def _taken(self, person: Person, form: FormData) -> Response:
        sitting = Sitting.from_text(str(form.get("sitting", "")))
        if sitting is None:
            return RedirectResponse(f"{person.path}/ask", 303)
        given, user_id, is_other = str(form.get("answer", "")), person.account.user_id, False
        if given == UNDONE:
            sitting = self._site.workspace.take_back(sitting, user_id)
        elif given == _SKIP:
            sitting = sitting.forward(answered=False) if sitting.current else sitting
        else:
            answer = answer_in(form)
            taken = self._site.workspace.take_answer(sitting, user_id, answer)
            if taken is not None:
                sitting, is_other = taken.sitting, taken.counts.answer != answer
        elsewhere = "&elsewhere=1" if is_other else ""
        return RedirectResponse(f"{person.path}/ask?sitting={sitting.to_text()}{elsewhere}", 303)


def _unanswered(sitting: Sitting, space: Workspace, person: Person) -> Sitting:
    """``sitting`` at the next question whose track has no answer yet, and still has a listen."""
    while (asked := sitting.current) is not None:
        track = _track(asked, space, person)
        if track is not None and track.answer is None:
            break
        sitting = sitting.forward(answered=False)
    return sitting


def _track(asked: Asked, space: Workspace, person: Person) -> _Track | None:
    user_id, track_id = person.account.user_id, asked.track_id
    row, latest = space.answer_rows.asked_track(user_id, track_id), space.answer_rows.latest(user_id, track_id)
    if row is None:
        return None
    answer = None if latest is None or latest.answer == UNDONE else latest.answer
    return _Track(track_id, row.track, row.artists, row.listens, spotify_link(track_id), answer)


def _short(sitting: Sitting) -> Sitting:
    """``sitting`` with as many of its questions as an address can have, at least one."""
    lengths = accumulate(len(one.track_id) for one in sitting.asked)
    fitting = sum(length <= _LONGEST_IDS for length in lengths)
    return replace(sitting, asked=sitting.asked[: max(1, fitting)])
