"""What all pages share: the workspace, the templates, and how a page is found, rendered or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mood_core.app.workspace import Workspace
from mood_core.classifier.headline import headline
from mood_core.domain.days import WEEKDAYS
from mood_core.domain.intervals import FEW
from mood_core.domain.mood_style import SIGNS
from mood_core.domain.records import ALL_MOODS, MOODS
from mood_core.report.page import data_json
from mood_core.report.recap_period import up_to
from mood_core.text.format import plural, shown_title, written_number
from mood_core.text.names import name_key
from mood_core.text.sanitise import without_bidi
from mood_core.web.access import Access
from mood_core.web.guard import READER
from mood_core.web.people import Person, find_person, people_called, people_page
from mood_core.web.proxy import EVERYBODY
from mood_core.web.read_track import TrackReader
from mood_core.web.shares import leading
from mood_core.web.static import assets

ABOUT = "A mood is a model's estimate of how the music sounds. It says what was listened to, not how somebody felt."


class Site:
    """The pages' shared parts, for all requests.

    With ``read_only``, no answers are taken. ``users`` has the person of each user of the reverse proxy, by id or name.
    """

    def __init__(
        self, workspace: Workspace, access: Access, *, read_only: bool = False, users: Mapping[str, str] | None = None
    ) -> None:
        self.workspace = workspace
        self.read_only = read_only
        self.access = access
        self.database = workspace.reading
        self.tracks = TrackReader(workspace)
        self._users = users or {}
        self._templates = _templates()

    @property
    def read_only_words(self) -> str:
        """Why no answers are taken, and what to do."""
        by_setting = "Remove MOODLOG_WEB_READ_ONLY from the settings and start `moodlog web` again"
        remedy = by_setting if self.workspace.settings.web_read_only else "Start `moodlog web` without --read-only"
        return f"These pages are read-only. {remedy} to answer."

    def people(self, request: Request, most: int, *, after: str = "", prefix: str = "") -> list[Person]:
        """Up to ``most`` people whom the reader of ``request`` may see, by name: see :func:`people_page`."""
        if self.sees_everybody(request):
            return people_page(self.workspace.accounts, most, after=after, prefix=prefix)
        own = [one for one in self._own(request) if name_key(one.name).startswith(name_key(prefix))]
        return [] if after else own[:most]

    def _own(self, request: Request) -> list[Person]:
        """The one person whom a limited reader may see."""
        user = self._users[request.scope[READER]]
        found = find_person(people_called(self.workspace.accounts, user), user)
        return [] if found is None else [found]

    def sees_everybody(self, request: Request) -> bool:
        """Whether the reader of ``request`` may see all people, and what is about the installation."""
        user = request.scope.get(READER)
        return user is None or self._users.get(user) == EVERYBODY

    def refuse_limited(self, request: Request) -> None:
        """Refuse a reader who may not see everybody.

        Raises:
            HTTPException: 403.
        """
        if not self.sees_everybody(request):
            raise HTTPException(403, "Only users who may see all people may see this page.")

    def form_token(self, request: Request) -> str:
        """What forms on the pages of this reader send."""
        return self.access.form_token(request.scope.get(READER, ""))

    def knows_form_token(self, request: Request, value: str) -> bool:
        """Whether ``value`` is from a form on a page of this reader."""
        return self.access.knows_form_token(value, request.scope.get(READER, ""))

    def person(self, request: Request) -> Person:
        """The person in the address of ``request``.

        Raises:
            HTTPException: 404 if there is nobody with this address.
        """
        return self.called(request, request.path_params["person"])

    def called(self, request: Request, segment: str) -> Person:
        """The person called ``segment`` in an address.

        Raises:
            HTTPException: 404 if there is nobody with this address.
        """
        everybody = self.sees_everybody(request)
        people = people_called(self.workspace.accounts, segment) if everybody else self._own(request)
        found = find_person(people, segment)
        if found is None:
            raise HTTPException(404, "Nobody with this name or id has a history here.")
        return found

    def today(self, person: Person) -> date:
        """The current local day of a person."""
        return self.workspace.now().astimezone(ZoneInfo(person.account.timezone)).date()

    def page(self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        """The page made of ``template``."""
        shared = {
            "request": request,
            "intervals": request.query_params.get("intervals", values.get("shows_intervals", "0")) == "1",
            "sees_everybody": self.sees_everybody(request),
            "form_token": self.form_token(request),
            "may_answer": not self.read_only,
            "read_only_words": self.read_only_words,
            "quality": headline(self.workspace.model_card),
        }
        content = self._templates.get_template(template).render({**shared, **values})
        return HTMLResponse(content, status)


def _templates() -> Environment:
    loader = PackageLoader("mood_core.web", "templates")
    found = Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: without_bidi(value) if type(value) is str else value,
    )
    found.globals.update(
        MOODS=MOODS,
        ALL=ALL_MOODS,
        SIGNS=SIGNS,
        WEEKDAYS=WEEKDAYS,
        FEW=FEW,
        ABOUT=ABOUT,
        asset=lambda name: assets()[name].address,
        leading=leading,
        names=[f"{date(2000, month, 1):%B}" for month in range(1, 13)],
    )
    filters: dict[str, Callable[..., Any]] = {
        "plural": plural,
        "title": shown_title,
        "percent": percent,
        "day": lambda day: f"{day.day} {day:%b %Y}",
        "long_day": lambda day: f"{day:%A}, {day.day} {day:%B %Y}",
        "minute": written_minute,
        "part": lambda text: quote(text, safe="~"),
        "interval": interval_words,
        "number": written_number,
        "data": lambda data: Markup(data_json(data)),  # noqa: S704 - it has no markup characters
        "decoded": unquote,
        "up_to": up_to,
    }
    found.filters.update(filters)
    return found


def percent(share: float) -> str:
    """A share (0-1) in whole percents; a small one is not 0%."""
    return "< 1%" if 0 < share < 0.005 else f"{share:.0%}"


def interval_words(interval: tuple[float, float] | None) -> str:
    """A 90% interval (0-1) in whole percents: 28–41%."""
    return "" if interval is None else f"{100 * interval[0]:.0f}–{100 * interval[1]:.0f}%"


def written_minute(text: str) -> str:
    """A local time, YYYY-MM-DD HH:MM, for people."""
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - a local time
    return f"{moment.day} {moment:%b %Y, %H:%M}"
