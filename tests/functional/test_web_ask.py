"""The asking page: the rules of `moodlog ask`, by forms; nothing is lost and nothing is stored twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import MOODS
from mood_core.domain.sitting import Sitting
from mood_core.web.server import access_of
from tests.report_history import NOW, add_history, workspace
from tests.served_pages import ServedPages, served

_ASK = "/~ada/ask"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        yield space


@pytest.fixture
def pages(space: Workspace) -> Iterator[ServedPages]:
    with served(space) as running:
        yield running


def _fields(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def _asked(page: str) -> str | None:
    """The id of the track that ``page`` asks about."""
    sitting = Sitting.from_text(_fields(page).get("sitting", ""))
    return sitting.current.track_id if sitting and sitting.current else None


def _send(pages: ServedPages, page: str, answer: str, **more: str) -> str:
    """The page after the answer."""
    sent = pages.client.post(_ASK, data=_fields(page) | {"answer": answer} | more)
    assert sent.status_code == 303, sent.text
    shown = pages.client.get(sent.headers["location"])
    assert shown.status_code == 200
    return shown.text


def _stored(space: Workspace) -> list[tuple[str, str, str]]:
    with space.database.read() as connection:
        rows = connection.execute(
            text("SELECT track_id, answer, asked_because FROM answers ORDER BY answered_at_ms, answer")
        )
        return [tuple(row) for row in rows]


def test_a_sitting_by_forms_alone(space: Workspace, pages: ServedPages) -> None:
    page = pages.client.get(_ASK).text
    asked = [one.track_id for one in space.sitting("ada").asked]
    assert "Question 1 of 5" in page
    assert _asked(page) == asked[0]
    assert f"https://open.spotify.com/track/{asked[0]}" in page
    page = _send(pages, page, "Happy")
    assert "Question 2 of 5" in page
    assert "Undo" in page
    page = _send(pages, page, "two", first="Sad", second="Calm")
    page = _send(pages, page, "skip")
    page = _send(pages, page, "none")
    page = _send(pages, page, "undone")
    assert "Question 4 of 5" in page
    assert _asked(page) == asked[3]
    page = _send(pages, _send(pages, page, "Calm"), "Energetic")
    assert "4 answers stored" in page
    assert "41 more answers" in page.replace("\u202f", " ")
    assert [row[1] for row in _stored(space)] == ["Happy", "Sad|Calm", "none", "undone", "Calm", "Energetic"]
    reasons = {one.track_id: one.because for one in space.sitting("ada").asked}
    assert set(reasons) == {asked[2]}
    assert {row[2] for row in _stored(space) if row[1] != "undone"} <= {"uncertain", "random"}
    last = _send(pages, pages.client.get(_ASK).text, "Sad")
    assert "1 answer stored" in last
    assert "There is no track to ask about" in pages.client.get(_ASK).text


def test_a_question_does_not_lead_the_answer(space: Workspace, pages: ServedPages) -> None:
    page = pages.client.get(_ASK).text
    for _ in range(5):
        question = page.partition('<section class="question"')[2].partition("</section>")[0]
        assert [question.count(f'value="{mood}"') for mood in MOODS] == [1] * 4
        assert "aria-pressed" not in question
        assert "%" not in question
        assert "The model is not certain" in question or "Drawn at random" in question
        page = _send(pages, page, "skip")
    assert "0 answers stored" in page


def test_an_answer_whose_response_was_lost_is_stored_once(space: Workspace, pages: ServedPages) -> None:
    page = pages.client.get(_ASK).text
    for _ in range(2):  # the second time as after a lost response, or by a double click
        after = _send(pages, page, "Happy")
        assert "answered elsewhere" not in after
    assert [row[1] for row in _stored(space)] == ["Happy"]
    assert _asked(_send(pages, after, "undone")) == _asked(page)


def test_two_browsers_that_answer_the_same_questions_at_once(space: Workspace, pages: ServedPages) -> None:
    name, value = pages.access.cookie

    def answer_all(mood: str) -> int:
        with httpx.Client(base_url=pages.url, cookies={name: value}, timeout=60, follow_redirects=True) as client:
            page, stayed = client.get(_ASK).text, 0
            while _asked(page):
                page = client.post(_ASK, data=_fields(page) | {"answer": mood}).text
                stayed += "answered elsewhere" in page
            return stayed

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(answer_all, ["Happy", "Sad"]))
    stored = _stored(space)
    assert len(stored) == len({track for track, _, _ in stored}) == 5


def test_the_first_of_two_answers_counts(space: Workspace, pages: ServedPages) -> None:
    one = other = pages.client.get(_ASK).text
    _send(pages, one, "Happy")
    other = _send(pages, other, "Sad")
    assert "answered elsewhere" in other
    assert "Undo" not in other  # it is not an answer of this sitting
    assert [row[1] for row in _stored(space)] == ["Happy"]


def test_questions_that_were_answered_elsewhere_are_passed_over(space: Workspace, pages: ServedPages) -> None:
    page = pages.client.get(_ASK).text
    sitting = Sitting.from_text(_fields(page)["sitting"])
    assert sitting is not None
    for one in sitting.asked[1:3]:
        space.answer("ada", one.track_id, "Calm")
    after = _send(pages, page, "Happy")
    assert _asked(after) == sitting.asked[3].track_id
    assert "Question 4 of 5" in after


@pytest.mark.parametrize("sitting", ["", "x", "WzAsW10sW11d", "8J-YgA", "x" * 3000, "%00"])
def test_a_strange_sitting_begins_a_new_one(space: Workspace, pages: ServedPages, sitting: str) -> None:
    assert "Question 1 of 5" in pages.client.get(_ASK, params={"sitting": sitting}).text
    form = {"form_token": pages.access.form_token(), "sitting": sitting, "answer": "Sad"}
    assert pages.client.post(_ASK, data=form).headers["location"] == _ASK
    assert _stored(space) == []


def test_a_form_of_another_page_answers_nothing(space: Workspace, pages: ServedPages) -> None:
    fields = _fields(pages.client.get(_ASK).text) | {"answer": "Sad"}
    assert pages.client.post(_ASK, data=fields | {"form_token": "x"}).status_code == 403
    assert pages.client.post(_ASK, data=fields, headers={"origin": "http://evil.example"}).status_code == 403
    assert pages.client.post(_ASK, data=fields | {"answer": "Angry"}).status_code == 400
    with served(space, read_only=True) as closed:
        assert "without --read-only" in closed.client.get(_ASK).text
        assert closed.client.post(_ASK, data=fields).status_code == 403
        assert _ASK not in closed.client.get("/~ada").text
    assert _stored(space) == []


@pytest.mark.postgresql
def test_two_processes_store_one_first_answer(tmp_path: Path, postgres_url: str) -> None:
    with workspace(tmp_path, postgres_url) as one, workspace(tmp_path, postgres_url) as other:
        add_history(one, 60)
        sitting = one.sitting("ada")
        for _ in sitting.asked:
            with ThreadPoolExecutor(2) as pool:
                taken = list(
                    pool.map(
                        lambda pair: pair[0].take_answer(sitting, "ada", pair[1]),  # noqa: B023 - awaited in the loop
                        [(one, "Happy"), (other, "Sad")],
                    )
                )
            assert len({found.counts.answer for found in taken if found}) == 1
            sitting = sitting.forward(answered=True)
        assert len(_stored(one)) == len(sitting.asked)


@pytest.mark.slow
def test_a_server_that_is_killed_during_each_answer_loses_none(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        name, value = access_of(space).cookie
    environment = os.environ | {
        "MOODLOG_HOME": str(tmp_path),
        "MOODLOG_DATABASE_URL": f"sqlite:///{tmp_path}/moodlog.db",
    }
    files = tmp_path / "lake" / "mood_answers"
    address, answered = _ASK, 0
    while answered < 3:
        with _server(environment) as (url, process), httpx.Client(base_url=url, cookies={name: value}) as client:
            page = client.get(address, timeout=60).text
            before = len(list(files.rglob("*.parquet")))
            with ThreadPoolExecutor(1) as pool:
                sent = pool.submit(client.post, _ASK, data=_fields(page) | {"answer": "Happy"}, timeout=60)
                while len(list(files.rglob("*.parquet"))) == before and not sent.done():
                    time.sleep(0.001)
                process.kill()  # the file is there, the row perhaps not
            with suppress(httpx.HTTPError):
                sent.result()
        with _server(environment) as (url, _), httpx.Client(base_url=url, cookies={name: value}) as client:
            again = client.post(_ASK, data=_fields(page) | {"answer": "Happy"}, timeout=60)
            assert again.status_code == 303
            address, answered = again.headers["location"], answered + 1
    with workspace(tmp_path) as space:
        space.batches.finish(now=NOW)
        with space.database.read() as connection:
            latest = connection.execute(text("SELECT track_id, answer FROM answers WHERE is_latest = 1")).all()
        assert len({row.track_id for row in latest}) == len(latest) == 3
        assert {row.answer for row in latest} == {"Happy"}
        assert space.answer_summary("ada").tracks == 3
        assert space.verify(deep=True).findings == []


@contextmanager
def _server(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "flows.cli", "web", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().partition("/?code")[0], process
        finally:
            process.kill()
