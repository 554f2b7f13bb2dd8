"""The ASGI application: pages, API, pictures, metrics and assets behind the guard."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from mood_core.app.workspace import Workspace
from mood_core.errors import InputError, MoodlogError
from mood_core.http.loopback import API, App
from mood_core.store.engine.named_queries import query
from mood_core.web.access import Access
from mood_core.web.answers import Answers
from mood_core.web.api import api
from mood_core.web.ask import AskPage
from mood_core.web.guard import ICON, guarded
from mood_core.web.metrics import CONTENT_TYPE, metrics
from mood_core.web.pages import Pages
from mood_core.web.pictures import FORMATS, PICTURES, as_png, as_svg
from mood_core.web.proxy import Proxy
from mood_core.web.site import Site
from mood_core.web.small_form import with_small_bodies
from mood_core.web.static import assets

log = logging.getLogger(__name__)

_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}


def create_app(workspace: Workspace, access: Access, proxy: Proxy | None = None, *, read_only: bool = False) -> App:
    """The pages of ``workspace`` for those who have ``access``; with ``read_only`` they take no answers."""
    site = Site(workspace, access, read_only=read_only, users=proxy.users if proxy else None)
    other = _Other(site)
    inner = api(site)
    inner.add_exception_handler(MoodlogError, _json_problem)
    inner.add_exception_handler(Exception, _json_failure)
    app = Starlette(
        routes=[
            Route("/health", other.health),
            Route("/metrics", other.metrics),
            Route("/assets/{name}", other.asset),
            Route(ICON, other.icon),
            Mount(API, with_small_bodies(inner)),
            *[Route(f"/{{person}}/{kind}.{form}", other.picture) for kind in PICTURES for form in FORMATS],
            *Answers(site).routes(),
            *AskPage(site).routes(),
            *Pages(site).routes(),
        ],
        exception_handlers={HTTPException: other.refused, MoodlogError: other.failed, Exception: other.broken},
    )
    return guarded(app, access, proxy)


class _Other:
    """What is not a page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def health(self, request: Request) -> Response:  # noqa: ARG002
        """Whether the database can be read; names nobody."""
        try:
            self._site.workspace.database.scalar(query("count_people"), {"most": 1})
        except MoodlogError:
            return JSONResponse({"status": "problem", "problems": ["the database cannot be read"]}, 503)
        return JSONResponse({"status": "ok"})

    def metrics(self, request: Request) -> Response:
        """Numbers for Prometheus."""
        self._site.refuse_limited(request)
        return Response(metrics(self._site.workspace), media_type=CONTENT_TYPE)

    def asset(self, request: Request) -> Response:
        """A script or style."""
        found = assets().get(request.path_params["name"])
        if found is None:
            raise HTTPException(404, "There is no such file.")
        return Response(found.content, media_type=found.media_type, headers=_FOREVER)

    def icon(self, request: Request) -> Response:  # noqa: ARG002
        """The icon, for pages that do not name it."""
        found = assets()["icon.svg"]
        return Response(found.content, media_type=found.media_type, headers={"cache-control": "public, max-age=86400"})

    def picture(self, request: Request) -> Response:
        """The newest day or week of a person."""
        person = self._site.person(request)
        kind, _, form = request.url.path.rpartition("/")[2].partition(".")
        look = "dark" if request.query_params.get("look") == "dark" else "light"
        drawn = PICTURES[kind](self._site.database, person.account, self._site.today(person), look)
        content = as_png(drawn) if form == "png" else as_svg(drawn).encode()
        return Response(content, media_type=FORMATS[form])

    def refused(self, request: Request, error: Exception) -> Response:
        """A page for an HTTP error, such as an address that does not exist."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        return self._problem(request, error.status_code, error.detail)

    def failed(self, request: Request, error: Exception) -> Response:
        """A page for an error of moodlog: 400 if other input helps, otherwise 503."""
        assert isinstance(error, MoodlogError)  # noqa: S101 - registered for it
        return self._problem(request, 400 if isinstance(error, InputError) else 503, error.message)

    def broken(self, request: Request, error: Exception) -> Response:
        """A page for an unexpected error, which is logged without the address: addresses name people."""
        log.error("a page failed", exc_info=error)
        return self._problem(request, 500, "This page failed. The log of moodlog says why.")

    def _problem(self, request: Request, status: int, said: str) -> Response:
        heading = HTTPStatus(status).phrase
        return self._site.page(request, "problem.html.j2", {"heading": heading, "said": said}, status=status)


def _json_problem(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, MoodlogError)  # noqa: S101 - registered for it
    return JSONResponse({"detail": error.message}, 400 if isinstance(error, InputError) else 503)


def _json_failure(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the server logs the error
    return JSONResponse({"detail": "This request failed. The log of moodlog says why."}, 500)
