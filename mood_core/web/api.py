"""The JSON API: what the pages show, for programs, and answers. /api/openapi.json describes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response, Security
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from mood_core.domain.answers import UNDONE
from mood_core.domain.records import MOODS
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import no_listens
from mood_core.store.queries.accounts import last_of_page
from mood_core.store.queries.forecast import forecast, what_helps
from mood_core.web.api_schemas import (
    CoverageInfo,
    DayInfo,
    DayMoods,
    Factor,
    FindingInfo,
    Found,
    GapInfo,
    Label,
    ListenInfo,
    NewAnswer,
    PeriodInfo,
    PersonInfo,
    Problem,
    Share,
    TrackInfo,
)
from mood_core.web.findings import local_findings
from mood_core.web.guard import PROGRAM, READER
from mood_core.web.labels import TrackLabel
from mood_core.web.periods import parse_day, parse_period
from mood_core.web.read_day import read_day
from mood_core.web.read_period import read_gaps
from mood_core.web.search import LONGEST, search
from mood_core.web.shares import MoodShare, mood_shares, read_days
from mood_core.web.site import ABOUT, Site

_MOST_DAYS = 4_000
_TOKEN = HTTPBearer(auto_error=False, scheme_name="token", description="The token in HOME/web-token.")
"""Describes what the guard has checked already."""

_TRACK = "/people/{person}/tracks/{track_id:path}"
_PROBLEMS: dict[int | str, str] = {
    400: "A value is invalid.",
    401: "The pages have a password, and the token is missing.",
    403: "The token is missing, or the request is not allowed.",
    404: "There is no such person, day, period or track.",
    405: "This address does not take this method.",
    503: "The database cannot be read.",
}
_MOST_PEOPLE = 1_000


def api(site: Site) -> FastAPI:
    """The API of ``site``, to be mounted at /api."""
    app = FastAPI(
        title="moodlog",
        description=ABOUT,
        version="1",
        docs_url=None,
        redoc_url=None,
        dependencies=[Security(_TOKEN)],
        responses={status: {"model": Problem, "description": words} for status, words in _PROBLEMS.items()},
    )
    app.include_router(_Api(site).router())
    return app


class _Api:
    """The addresses; each method answers one."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """The routes with their descriptions."""
        router = APIRouter()
        answers: dict[str, Callable[..., Any]] = {
            "/people": self.people,
            "/findings": self.findings,
            "/people/{person}": self.one,
            "/people/{person}/days": self.days,
            "/people/{person}/days/{day}": self.day,
            "/people/{person}/periods/{period}": self.period,
            _TRACK: self.track,
            "/people/{person}/search": self.search,
            "/people/{person}/gaps": self.gaps,
            "/people/{person}/coverage": self.coverage,
        }
        for path, answer in answers.items():
            router.add_api_route(path, answer, methods=["GET"], response_model_exclude_unset=True)
        too_long: dict[int | str, Any] = {413: {"model": Problem, "description": "The body is too long."}}
        router.add_api_route(_TRACK, self.answer, methods=["POST"], responses=too_long)
        return router

    def people(
        self,
        request: Request,
        response: Response,
        name: Annotated[str, Query(description="how the name begins", max_length=LONGEST)] = "",
        limit: Annotated[int, Query(ge=1, le=_MOST_PEOPLE, description="the most people in one answer")] = _MOST_PEOPLE,
        after: Annotated[str, Query(description="the id after which the answer begins")] = "",
    ) -> list[PersonInfo]:
        """People by name, at most 1,000 in one answer. The header Link has the address of the next ones."""
        people = self._site.people(request, limit, after=after, prefix=name)
        if len(people) == limit:
            last = last_of_page(one.account for one in people)
            response.headers["Link"] = f'<?{request.url.include_query_params(after=last).query}>; rel="next"'
        return [PersonInfo(**asdict(one.account) | {"name": one.name, "path": one.path}) for one in people]

    def findings(self, request: Request) -> list[FindingInfo]:
        """What the doctor finds without asking another service."""
        self._site.refuse_limited(request)
        return [FindingInfo(**asdict(one)) for one in local_findings(self._site.workspace)]

    def one(self, request: Request, person: str) -> PersonInfo:
        """One person, by name or id."""
        found = self._site.called(request, person)
        return PersonInfo(**asdict(found.account) | {"name": found.name, "path": found.path})

    def days(
        self,
        request: Request,
        person: str,
        first: Annotated[date, Query(alias="from", description="the first local day")],
        last: Annotated[date, Query(alias="to", description="the last local day, included")],
    ) -> list[DayMoods]:
        """The listens of each day by mood."""
        account = self._site.called(request, person).account
        if not 0 <= (last - first).days <= _MOST_DAYS:
            raise HTTPException(400, f"`to` must be 0 to {_MOST_DAYS} days after `from`.")
        with self._site.database.read() as connection:
            rows = read_days(connection, account.user_id, first, last)
        days: dict[date, dict[str, int]] = {}
        for row in rows:
            days.setdefault(row.day, no_listens())[row.mood] += row.listens
        return [DayMoods(day=day, listens=listens) for day, listens in sorted(days.items())]

    def day(self, request: Request, person: str, day: str) -> DayInfo:
        """One day with every listen."""
        account, wanted = self._site.called(request, person).account, parse_day(day)
        if wanted is None:
            raise HTTPException(404, "A day is written as 2026-11-24.")
        view = read_day(self._site.database, account, wanted)
        listens = [ListenInfo(at=one.at, ms_played=one.ms_played, label=_label(one.label)) for one in view.listens]
        return DayInfo(day=wanted, shares=_shares(view.shares), listens=listens)

    def period(self, request: Request, person: str, period: str) -> PeriodInfo:
        """A year (2026) or a month (2026-11): the recap as `moodlog recap --json` writes it, and the shares."""
        account, wanted = self._site.called(request, person).account, parse_period(period)
        if wanted is None:
            raise HTTPException(404, "A period is a year such as 2026 or a month such as 2026-11.")
        recap = read_recap(self._site.database, account, wanted, self._site.workspace.now())
        with self._site.database.read() as connection:
            days = read_days(connection, account.user_id, wanted.first, wanted.last)
        return PeriodInfo(**recap.as_json(), shares=_shares(mood_shares(days)))

    def track(self, request: Request, person: str, track_id: str) -> TrackInfo:
        """A track that the person has played: its label, top factors and listens."""
        view = self._site.tracks.read(self._site.called(request, person).account, track_id)
        if view is None:
            raise HTTPException(404, "This person has not played a track with this id.")
        return TrackInfo(
            label=_label(view.label),
            model_version=view.model_version,
            feature_source=view.feature_source,
            factors=[
                Factor(feature=one.feature, value=None if one.value != one.value else one.value, weight=one.weight)
                for one in view.factors
            ],
            months=view.months,
            listens=view.label.listens,
        )

    def answer(self, request: Request, person: str, track_id: str, given: NewAnswer) -> TrackInfo:
        """Record the person's answer, or take it back (`undone`). The same answer again changes nothing.

        The answer becomes the label of all their listens of the track. It is stored before the response. It needs the
        token or a user of the reverse proxy: a browser sends its cookie by itself, so that is not enough.
        """
        if self._site.read_only:
            raise HTTPException(403, self._site.read_only_words)
        if not {PROGRAM, READER} & request.scope.keys():
            raise HTTPException(403, "A cookie is not enough: send the token as `Authorization: Bearer TOKEN`.")
        user_id = self._site.called(request, person).account.user_id
        if given.answer == UNDONE:
            self._site.workspace.undo_answer(user_id, track_id)
        else:
            self._site.workspace.answer(user_id, track_id, given.answer)
        return self.track(request, person, track_id)

    def search(
        self, request: Request, person: str, q: Annotated[str, Query(max_length=LONGEST, description="words")]
    ) -> list[Found]:
        """The most played tracks whose title and artists contain all words."""
        account = self._site.called(request, person).account
        return [Found(**asdict(one)) for one in search(self._site.database, account.user_id, q)]

    def gaps(self, request: Request, person: str) -> list[GapInfo]:
        """Times in which listens may be missing, the newest first."""
        account = self._site.called(request, person).account
        with self._site.database.read() as connection:
            return [GapInfo(**gap) for gap in read_gaps(connection, account)]

    def coverage(self, request: Request, person: str) -> CoverageInfo:
        """The share of the newest listens with a mood, by year of release and by source, and what raises it."""
        found = forecast(self._site.database, [self._site.called(request, person).account.user_id])
        return CoverageInfo(**asdict(found), remedies=what_helps(found))


def _shares(shares: list[MoodShare]) -> list[Share]:
    return [
        Share(
            mood=one.mood,
            listens=one.listens,
            share=round(one.share, 4),
            expected=None if one.expected is None else round(one.expected, 4),
            low=None if one.interval is None else round(one.interval[0], 4),
            high=None if one.interval is None else round(one.interval[1], 4),
        )
        for one in shares
    ]


def _label(label: TrackLabel) -> Label:
    return Label(
        track_id=label.track_id,
        track=label.track,
        artists=label.artists,
        mood=label.mood,
        probabilities={mood: round(label.chances[mood], 6) for mood in MOODS if mood in label.chances},
        mood_set=list(label.mood_set),
        uncertain=label.uncertain,
        reason=label.reason,
    )
