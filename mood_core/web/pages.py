"""The pages for people, by address."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mood_core.report.cards import drawn_cards, shown_period
from mood_core.report.read_recap import read_recap
from mood_core.report.recap_period import Period, Unit, compared_days, period_with, up_to
from mood_core.store.queries.forecast import forecast, what_helps
from mood_core.web.calendars import FEW_A_DAY, calendar
from mood_core.web.compare import compare
from mood_core.web.findings import local_findings
from mood_core.web.labels import most_played
from mood_core.web.people import Person
from mood_core.web.periods import after, parse_day, parse_period
from mood_core.web.pictures import FORMATS, PICTURES
from mood_core.web.read_day import read_day
from mood_core.web.read_overview import MOST_PEOPLE, read_glances, read_overview
from mood_core.web.read_period import read_gaps, read_period
from mood_core.web.search import LONGEST, search
from mood_core.web.site import Site

_NO_PAGE = "There is no such page."
_MOST_TO_CHOOSE = 500
"""The most people in a list of a form; an address can name others."""


class Pages:
    """The pages; each method answers one kind of address."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """The addresses, those with fixed words first."""
        return [
            Route("/", self.home),
            Route("/doctor", self.doctor),
            Route("/compare", self.compare),
            Route("/{person}", self.person),
            Route("/{person}/search", self.search),
            Route("/{person}/data", self.data),
            Route("/{person}/track/{track:path}", self.track),
            Route("/{person}/{when}/recap", self.recap),
            Route("/{person}/{when}", self.when),
        ]

    def home(self, request: Request) -> Response:
        """The last 30 days of the first people by name, or of those whose name begins with what was searched for."""
        words = request.query_params.get("name", "")[:LONGEST]
        people = self._site.people(request, MOST_PEOPLE + 1, prefix=words)
        today = max(map(self._site.today, people), default=self._site.workspace.now().date())
        glances = read_glances(self._site.database, people, today)
        values = {"glances": glances, "words": words, "more": len(people) > MOST_PEOPLE}
        return self._site.page(request, "home.html.j2", values)

    def doctor(self, request: Request) -> Response:
        """What is wrong, and what to do."""
        self._site.refuse_limited(request)
        return self._site.page(request, "doctor.html.j2", {"findings": local_findings(self._site.workspace)})

    def person(self, request: Request) -> Response:
        """A person's whole history."""
        person = self._site.person(request)
        overview = read_overview(self._site.database, person.account)
        return self._site.page(request, "person.html.j2", {"person": person, "overview": overview})

    def when(self, request: Request) -> Response:
        """A year, a month or a day."""
        person, when = self._site.person(request), request.path_params["when"]
        period, day = parse_period(when), parse_day(when)
        if period is not None:
            return self._period(request, person, period)
        if day is None:
            raise HTTPException(404, _NO_PAGE)
        view = read_day(self._site.database, person.account, day)
        values = {
            "person": person,
            "view": view,
            "month": period_with(Unit.MONTH, day),
            "before": day - timedelta(days=1),
            "after": day + timedelta(days=1),
        }
        return self._site.page(request, "day.html.j2", values)

    def _period(self, request: Request, person: Person, period: Period) -> Response:
        view = read_period(self._site.database, person.account, period, self._site.today(person))
        values = {
            "person": person,
            "view": view,
            "period": period,
            "months": calendar(period, view.days, view.gaps),
            "before": period.before,
            "compared": compared_days(period.before.dates, view.until),
            "so_far": up_to(view.until),
            "after": after(period),
            "few_a_day": FEW_A_DAY,
            "most_played": most_played,
            "YEAR": Unit.YEAR,
            "charts": True,
        }
        return self._site.page(request, "period.html.j2", values)

    def recap(self, request: Request) -> Response:
        """A year in review."""
        person, period = self._site.person(request), parse_period(request.path_params["when"])
        if period is None or period.unit is not Unit.YEAR:
            raise HTTPException(404, _NO_PAGE)
        recap = read_recap(self._site.database, person.account, period, self._site.workspace.now())
        return self._site.page(
            request,
            "recap.html.j2",
            {"person": person, "period": period, "shown": shown_period(recap), "cards": drawn_cards(recap)},
        )

    def track(self, request: Request) -> Response:
        """A track as a person knows it."""
        person = self._site.person(request)
        view = self._site.tracks.read(person.account, request.path_params["track"])
        if view is None:
            raise HTTPException(404, f"{person.name} has not played a track with this id.")
        return self._site.page(request, "track.html.j2", {"person": person, "view": view})

    def search(self, request: Request) -> Response:
        """Tracks by title and artist."""
        person = self._site.person(request)
        words = request.query_params.get("q", "")[:LONGEST]
        found = search(self._site.database, person.account.user_id, words)
        return self._site.page(request, "search.html.j2", {"person": person, "words": words, "found": found})

    def data(self, request: Request) -> Response:
        """Gaps, and the share of listens with a mood."""
        person = self._site.person(request)
        with self._site.database.read() as connection:
            gaps = read_gaps(connection, person.account)
        coverage = forecast(self._site.database, [person.account.user_id])
        # The key is for the path as the server decodes it.
        paths = [f"{person.path}/{kind}.{form}" for kind in PICTURES for form in FORMATS]
        pictures = [(path, self._site.access.picture_key(unquote(path))) for path in paths]
        values = {
            "person": person,
            "gaps": gaps,
            "coverage": coverage,
            "helps": what_helps(coverage),
            "pictures": pictures,
        }
        return self._site.page(request, "data.html.j2", values)

    def compare(self, request: Request) -> Response:
        """Two periods of one or two people."""
        people, given = self._site.people(request, _MOST_TO_CHOOSE), request.query_params
        if not people:
            return RedirectResponse("/", 303)
        one = self._site.called(request, given["one"]) if given.get("one") else people[0]
        other = self._site.called(request, given["other"]) if given.get("other") else one
        this_month = period_with(Unit.MONTH, self._site.today(one))
        periods = [parse_period(text) if (text := given.get(name)) else None for name in ("a", "b")]
        wrong = [given[name] for name, period in zip("ab", periods, strict=True) if given.get(name) and period is None]
        sides = [(one, periods[0] or this_month.before), (other, periods[1] or this_month)]
        found = None if wrong else compare(self._site.database, sides, self._site.today)
        listed = {person.path: person for person in (*people, one, other)}
        values = {"people": listed.values(), "sides": sides, "found": found, "wrong": wrong, "shows_intervals": "1"}
        return self._site.page(request, "compare.html.j2", values)
