"""Addresses of the live pages: every link leads to a page, and every name and id has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS
from tests.report_history import NOW, PERSON, USER, add_history, labelled_workspace, workspace
from tests.served_pages import ServedPages, links, served
from tests.store_data import users


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with labelled_workspace(tmp_path_factory.mktemp("pages"), 400) as space:
        yield space


def test_every_link_leads_to_a_page(pages: ServedPages) -> None:
    seen, todo, days = set(), {"/"}, 0
    while todo:
        path = todo.pop()
        seen.add(path)
        is_day = re.search(r"/\d{4}-\d\d-\d\d$", path) is not None
        if is_day and days == 2:  # the others are alike
            continue
        days += is_day
        answer = pages.client.get(path)
        assert answer.status_code == 200, path
        far = re.search(r"/(?!2026)\d{4}(-\d\d)*$|/2026-0\d", path)  # earlier ones are alike
        if "html" in answer.headers["content-type"] and not far and "/track/" not in path:
            todo |= {link for link in links(answer.text) if "compare?" not in link} - seen
    assert {
        f"{PERSON}/2026",
        f"{PERSON}/2026/recap",
        f"{PERSON}/2026-11",
        f"{PERSON}/data",
        "/doctor",
        "/compare",
    } <= seen
    assert any("/track/" in path for path in seen)


def test_addresses_that_are_no_pages(pages: ServedPages) -> None:
    for path in ("/bob", f"{PERSON}/2026-13", f"{PERSON}/2026-02-30", f"{PERSON}/x", "/assets/x", "/api/people/bob"):
        assert pages.client.get(path).status_code == 404, path
    assert pages.client.get("/api/people/ada/days?from=2026-11-02&to=2026-11-01").status_code == 400


def test_an_empty_installation_has_pages(tmp_path: Path) -> None:
    with workspace(tmp_path) as space, served(space) as pages:
        assert "No account is connected yet" in pages.client.get("/").text
        assert pages.client.get("/compare").status_code == 303
        assert pages.client.get("/api/people").json() == []
        assert pages.client.get("/metrics").status_code == 200
        assert pages.client.get("/health").json() == {"status": "ok"}


def test_the_name_of_a_person_is_the_address(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 0)
        with space.database.write() as connection:
            connection.execute(text("UPDATE users SET display_name = 'Zoë B', name_key = 'zoë b'"))
        with served(space) as pages:
            assert links(pages.client.get("/").text) >= {"/Zo%C3%AB%20B"}
            for path in ("/Zo%C3%AB%20B", "/zoe%CC%88%20b", "/ada", "/~ada"):
                assert pages.client.get(path).status_code == 200, path
            assert "No listens are stored yet" in pages.client.get("/ada").text
            assert urlsplit(pages.url).hostname == "127.0.0.1"
            assert USER.user_id == "ada"


def test_of_many_people_the_first_by_name_are_shown_and_others_are_searched(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        names = [f"P{number:03}" for number in range(70)]
        space.batches.add(USERS, users(*((name, "UTC") for name in names)), now=NOW)
        with served(space) as pages:
            first = pages.client.get("/").text
            assert {f"/{name}" for name in names[:60]} == {link for link in links(first) if link.startswith("/P")}
            assert 'name="name"' in first
            found = pages.client.get("/?name=p06").text
            assert {f"/{name}" for name in names[60:]} == {link for link in links(found) if link.startswith("/P")}
            for nobody in ("/?name=x", "/?name=%00", "/?name=%25"):
                assert "name begins with" in pages.client.get(nobody).text
            assert pages.client.get("/P069").status_code == 200
            assert pages.client.get("/%00").status_code == pages.client.get("/~%2500").status_code == 404
            assert _pages_of(pages, "/api/people?limit=7") == [names[at : at + 7] for at in range(0, 70, 7)]
            assert _pages_of(pages, "/api/people?limit=4&name=P01") == [names[10:14], names[14:18], names[18:20]]
            assert pages.client.get("/api/people?after=nobody").status_code == 400
            assert len(pages.client.get("/api/people?name=P01").json()) == 10
            assert pages.client.get("/api/people?limit=1001").status_code == 422


def test_every_person_is_on_one_page_of_the_list_for_programs(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        names = ["p2", "p10", "É", "e", "F", "p1", "same", "Z", "&/?#"]
        people = [User(f"{number}&=ü", name, "UTC", NOW) for number, name in enumerate([*names, "same"])]
        space.batches.add(USERS, users_table(people, recorded_at=NOW), now=NOW)
        with served(space) as pages:
            found = _pages_of(pages, "/api/people?limit=3")
            assert [len(page) for page in found] == [3, 3, 3, 1]
            assert sorted(name for page in found for name in page) == sorted([*names, "same"])


def _pages_of(pages: ServedPages, address: str) -> list[list[str]]:
    """The names in an answer and in those that follow by the header Link; the last may be empty and is left out."""
    found = []
    while True:
        response = pages.client.get(address)
        assert response.status_code == 200
        found.append([one["name"] for one in response.json()])
        if "next" not in response.links:
            return [page for page in found if page]
        address = "/api/people" + response.links["next"]["url"]


@pytest.mark.parametrize("user_id", ["local-ünal", "a/b", "100%", "%2F"])
def test_the_id_of_a_person_is_escaped_once(tmp_path: Path, user_id: str) -> None:
    with workspace(tmp_path) as space:
        person = User(user_id, "one / two", "UTC", NOW)
        space.batches.add(USERS, users_table([person], recorded_at=NOW), now=NOW)
        with served(space) as pages:
            path = pages.client.get("/api/people").json()[0]["path"]
            assert path in links(pages.client.get("/").text)
            assert pages.client.get(path).status_code == 200
            assert path == "/~local-%C3%BCnal" or user_id != "local-ünal"


def test_a_title_of_spaces_is_no_empty_link(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        with space.database.write() as connection:
            connection.execute(text("UPDATE tracks SET name = ' \u200b '"))
        paths = ("", "/2026", "/2026-11", "/2026-11-24", f"/track/{1:022d}", "/ask")
        with served(space) as pages:
            for path in (*(f"{PERSON}{path}" for path in paths), "/compare"):
                page = pages.client.get(path).text
                assert "(untitled)" in page, path
                assert re.search(r"<bdi>[\s\u200b]*</bdi>", page) is None, path
