"""Answers on the live pages: only forms of the pages are accepted; an answer is stored before the redirect."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.web.server import access_of
from tests.report_history import add_history, workspace
from tests.served_pages import ServedPages, served

_API = f"/api/people/ada/tracks/{1:022d}"
_TRACK = f"/~ada/track/{1:022d}"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        yield space


@pytest.fixture
def pages(space: Workspace) -> Iterator[ServedPages]:
    with served(space) as running:
        yield running


def _form(pages: ServedPages, answer: str, **more: str) -> dict[str, str]:
    return {"form_token": pages.access.form_token(), "answer": answer, **more}


def _label(pages: ServedPages, track: int = 1) -> Any:
    return pages.client.get(f"/api/people/ada/tracks/{track:022d}").json()["label"]


def test_an_answer_is_the_label_everywhere_at_once_and_can_be_undone(pages: ServedPages) -> None:
    before = _label(pages)
    assert before["mood"] == "Energetic"
    answered = pages.client.post(_TRACK, data=_form(pages, "Sad"))
    assert (answered.status_code, answered.headers["location"]) == (303, _TRACK)
    assert _label(pages)["mood"] == "Sad"
    page = pages.client.get(_TRACK).text
    assert "Your answer" in page
    assert "The model says energetic" in page
    day = pages.client.get("/api/people/ada/days/2026-11-24").json()
    assert {one["label"]["mood"] for one in day["listens"] if one["label"]["track_id"] == f"{1:022d}"} == {"Sad"}
    pages.client.post(_TRACK, data=_form(pages, "two", first="Happy", second="Calm"))
    assert set(_label(pages)["mood_set"]) == {"Happy", "Calm"}
    pages.client.post(_TRACK, data=_form(pages, "none"))
    assert _label(pages)["mood"] is None
    pages.client.post(_TRACK, data=_form(pages, "undone"))
    assert _label(pages) == before


@pytest.mark.parametrize("token", ["", "x", "cookie"])
def test_a_form_of_another_page_changes_nothing(pages: ServedPages, token: str) -> None:
    given = pages.access.cookie[1] if token == "cookie" else token
    refused = pages.client.post(_TRACK, data={"form_token": given, "answer": "Sad"})
    assert refused.status_code == 403
    foreign = pages.client.post(_TRACK, data=_form(pages, "Sad"), headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert _label(pages)["mood"] == "Energetic"


@pytest.mark.parametrize(
    ("path", "answer", "status"),
    [(_TRACK, "Angry", 400), (_TRACK, "", 400), ("/~ada/track/unknown", "Sad", 400), ("/~bob/track/x", "Sad", 404)],
)
def test_an_unknown_answer_is_refused(pages: ServedPages, path: str, answer: str, status: int) -> None:
    assert pages.client.post(path, data=_form(pages, answer)).status_code == status


def test_a_large_or_strange_form_is_refused(pages: ServedPages) -> None:
    assert pages.client.post(_TRACK, data=_form(pages, "Sad" * 10_000)).status_code == 413
    assert pages.client.post(_TRACK, json=_form(pages, "Sad")).status_code == 415
    assert pages.client.post(_TRACK, files={"answer": b"Sad"}).status_code == 415


def test_read_only_pages_take_no_answer(space: Workspace) -> None:
    with served(space, read_only=True) as pages:
        assert '<form class="answer"' not in pages.client.get(_TRACK).text
        assert pages.client.post(_TRACK, data=_form(pages, "Sad")).status_code == 403
        assert _label(pages)["mood"] == "Energetic"


def _program(pages: ServedPages, space: Workspace) -> httpx.Client:
    token = (space.settings.home / "web-token").read_text(encoding="ascii").strip()
    return httpx.Client(base_url=pages.url, headers={"authorization": f"Bearer {token}"}, timeout=60)


def _stored(space: Workspace) -> int:
    with space.database.read() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM mood_answers")) or 0)


def test_a_program_answers_by_the_api_and_takes_the_answer_back(space: Workspace, pages: ServedPages) -> None:
    before = _label(pages)
    with _program(pages, space) as client:
        for _ in range(2):  # the same answer again changes nothing
            answered = client.post(_API, json={"answer": "Happy|Calm"})
            assert answered.status_code == 200
            assert answered.json()["label"] == _label(pages)
            assert set(_label(pages)["mood_set"]) == {"Happy", "Calm"}
            assert _stored(space) == 1
        assert client.post(_API, json={"answer": "none"}).json()["label"]["mood"] is None
        for _ in range(2):
            assert client.post(_API, json={"answer": "undone"}).json()["label"] == before
        assert _stored(space) == 3
        for refused, status in (({"answer": "Angry"}, 400), ({}, 422), ({"answer": "Sad", "x": 1}, 422)):
            assert client.post(_API, json=refused).status_code == status
        assert (
            client.post(_API, content=b'{"answer": "Sad"}', headers={"content-type": "text/plain"}).status_code == 422
        )
        assert client.post(_API, json={"answer": "Sad" * 10_000}).status_code == 413
        assert client.post("/api/people/ada/tracks/unknown", json={"answer": "Sad"}).status_code == 400
        assert client.post("/api/people/bob/tracks/x", json={"answer": "Sad"}).json()["detail"]
        foreign = client.post(_API, json={"answer": "Sad"}, headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403
    assert _label(pages) == before


def test_a_cookie_is_not_enough_for_the_api(space: Workspace, pages: ServedPages) -> None:
    refused = pages.client.post(_API, json={"answer": "Sad"})
    assert refused.status_code == 403
    assert "Authorization: Bearer" in refused.json()["detail"]
    with pages.stranger() as client:
        assert client.post(_API, json={"answer": "Sad"}).status_code == 403
    assert _stored(space) == 0


def test_read_only_pages_take_no_answer_of_a_program(space: Workspace) -> None:
    with served(space, read_only=True) as pages, _program(pages, space) as client:
        refused = client.post(_API, json={"answer": "Sad"})
        assert refused.status_code == 403
        assert "--read-only" in refused.json()["detail"]
    assert _stored(space) == 0


def test_two_browsers_that_answer_at_once_lose_nothing(pages: ServedPages) -> None:
    name, value = pages.access.cookie
    wanted = {1: "Sad", 2: "Calm", 3: "Happy", 4: "none"}

    def answer(browser: int) -> list[int]:
        with httpx.Client(base_url=pages.url, cookies={name: value}, timeout=60) as client:
            order = list(wanted.items())[:: 1 if browser else -1]
            return [
                client.post(f"/~ada/track/{track:022d}", data=_form(pages, mood)).status_code for track, mood in order
            ]

    with ThreadPoolExecutor(2) as pool:
        statuses = [status for found in pool.map(answer, range(2)) for status in found]
    assert statuses == [303] * 8
    for track, mood in wanted.items():
        assert _label(pages, track)["mood"] == (None if mood == "none" else mood)


@pytest.mark.slow
def test_an_answer_survives_a_killed_server(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        access = access_of(space)
    name, value = access.cookie
    environment = os.environ | {
        "MOODLOG_HOME": str(tmp_path),
        "MOODLOG_DATABASE_URL": f"sqlite:///{tmp_path}/moodlog.db",
    }
    for track, mood in ((1, "Sad"), (2, "Calm")):
        command = [sys.executable, "-m", "flows.cli", "web", "--port", "0"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            link = re.match(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            assert link is not None
            with httpx.Client(base_url=link.group(), cookies={name: value}, timeout=60) as client:
                form = {"form_token": access.form_token(), "answer": mood}
                assert client.post(f"/~ada/track/{track:022d}", data=form).status_code == 303
            server.send_signal(signal.SIGKILL)
    with workspace(tmp_path) as space, served(space) as pages:
        assert [_label(pages, track)["mood"] for track in (1, 2)] == ["Sad", "Calm"]
