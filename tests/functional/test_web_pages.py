"""The live pages show what SQL has, on both databases, and every link leads to a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS
from mood_core.report.page_data import page_data
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import minutes_of
from mood_core.report.recap_period import Unit, period_with
from mood_core.text.format import plural, written_number
from mood_core.web.periods import parse_period
from mood_core.web.shares import reach
from tests.report_history import NOW, USER, add_history, workspace
from tests.served_pages import ServedPages, served
from tests.store_data import users

_PERSON = "/~ada"  # the name of the history's person is markup, so the address is the id


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace(tmp_path_factory.mktemp("pages")) as space:
        add_history(space, 400)
        with space.database.write() as connection:  # as if the bundled model had labelled
            version = space.model_card.model_version
            connection.execute(text("UPDATE models SET model_version = :version"), {"version": version})
        yield space


def _links(html: str) -> set[str]:
    found = {unescape(link) for link in re.findall(r'(?:href|src|action)="([^"]*)"', html)}
    return {link for link in found if link.startswith("/")}


def _one(space: Workspace, sql: str, **values: Any) -> Any:
    with space.database.read() as connection:
        return connection.execute(text(sql), values).one()


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
            todo |= {link for link in _links(answer.text) if "compare?" not in link} - seen
    assert {
        f"{_PERSON}/2026",
        f"{_PERSON}/2026/recap",
        f"{_PERSON}/2026-11",
        f"{_PERSON}/data",
        "/doctor",
        "/compare",
    } <= seen
    assert any("/track/" in path for path in seen)


@pytest.mark.postgresql
def test_both_databases_show_the_same(tmp_path: Path, postgres_url: str, space: Workspace, pages: ServedPages) -> None:
    paths = ["", "/2026", "/2026-11", "/2026-11-20", "/data", "/search?q=band", f"/track/{'0' * 22}", "/week.svg"]
    paths = [f"{_PERSON}{path}" for path in paths] + ["/", "/compare", "/metrics", "/api/people/ada/periods/2026"]
    (tmp_path / "web-token").write_bytes(
        (space.settings.home / "web-token").read_bytes()
    )  # the keys of pictures are the same
    with workspace(tmp_path, postgres_url) as other:
        add_history(other, 400)
        with other.database.write() as connection:
            version = other.model_card.model_version
            connection.execute(text("UPDATE models SET model_version = :version"), {"version": version})
        with served(other) as there:
            for path in paths:
                assert _alike(there, path) == _alike(pages, path), path


def _alike(pages: ServedPages, path: str) -> str:
    """What is at ``path``, without the size of the database."""
    return re.sub(r"(?m)^moodlog_database_bytes .*$", "", pages.client.get(path).text)


def test_a_month_shows_the_views_numbers(space: Workspace, pages: ServedPages) -> None:
    page = pages.client.get(f"{_PERSON}/2026-11").text
    total = _one(space, "SELECT sum(listens) AS n FROM mood_daily WHERE day >= '2026-11-01'").n
    assert f"{total} listens" in page
    day = _one(space, "SELECT day, sum(listens) AS n FROM mood_daily WHERE day = '2026-11-20' GROUP BY day")
    assert re.search(rf'href="{_PERSON}/2026-11-20" aria-label="20 Nov 2026: {day.n} listens', page)
    recap = pages.client.get("/api/people/ada/periods/2026-11").json()
    shown = {share["mood"]: share["listens"] for share in recap["shares"]}
    assert shown == recap["listens"]
    for mood, listens in shown.items():
        assert mood == "Unlabelled" or f"n = {listens}<" in page


def test_a_day_lists_each_listen_with_its_label(space: Workspace, pages: ServedPages) -> None:
    rows = pages.client.get("/api/people/ada/days/2026-11-20").json()["listens"]
    count = _one(space, "SELECT count(*) AS n FROM mood_history WHERE local_day = '2026-11-20'").n
    page = pages.client.get(f"{_PERSON}/2026-11-20").text
    assert len(rows) == count == page.count("<time ")
    for row in rows:
        assert (row["label"]["mood"] is None) == (row["label"]["reason"] == "features not asked for yet")
        assert row["at"][11:16] in page


def test_a_track_shows_the_top_factors_of_its_label(space: Workspace, pages: ServedPages) -> None:
    track = pages.client.get("/api/people/ada/tracks/0000000000000000000001").json()
    listens = _one(space, "SELECT count(*) AS n FROM mood_history WHERE track_id LIKE '%1'").n
    assert track["listens"] == listens == sum(track["months"].values())
    assert len(track["factors"]) == 10
    page = pages.client.get(f"{_PERSON}/track/0000000000000000000001").text
    assert "Top factors" in page
    assert 'href="https://open.spotify.com/track/0000000000000000000001"' in page
    assert pages.client.get(f"{_PERSON}/track/unknown").status_code == 404


_HOSTILE = (
    "/", _PERSON, f"{_PERSON}/2026", f"{_PERSON}/2026/recap", f"{_PERSON}/2026-11", f"{_PERSON}/2026-11-20",
    f"{_PERSON}/search?q=%3Cscript%3Ealert", f"{_PERSON}/data", f"{_PERSON}/ask", "/compare", "/doctor", "/%3Cimg%3E",
    *(f"{_PERSON}/track/{track:022d}" for track in range(6)),
)  # fmt: skip


class _Code(HTMLParser):
    """Collects what in a page would run: attributes that are handlers, and scripts with content that is no data."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "style"]
        self.found += [f"{tag} {value}" for name, value in attrs if (value or "").lower().startswith("javascript:")]
        self._in_script = tag == "script" and ("type", "application/json") not in attrs

    def handle_data(self, data: str) -> None:
        self.found += [data] if self._in_script and data.strip() else []
        self._in_script = False


@pytest.mark.parametrize("path", _HOSTILE)
def test_names_are_text(pages: ServedPages, path: str) -> None:
    page = pages.client.get(path).text
    code = _Code()
    code.feed(page)
    assert code.found == []
    assert "<img src=x" not in page
    for data in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
        json.loads(data)


def test_pictures_with_hostile_names_are_whole(pages: ServedPages) -> None:
    for kind in ("day", "week"):
        root = ET.fromstring(pages.client.get(f"{_PERSON}/{kind}.svg").content)  # noqa: S314 - its own
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "title", "rect", "text", "line"}
        assert USER.display_name[:20] in "".join(root.itertext())


@pytest.mark.parametrize(("words", "found"), [("PLAIN band", 1), ("שלום", 1), ("band", 6), ("nothing", 0), (" ", 0)])
def test_search_finds_titles_and_artists(pages: ServedPages, words: str, found: int) -> None:
    assert len(pages.client.get("/api/people/ada/search", params={"q": words}).json()) == found


def test_links_to_periods_end_where_the_history_ends(pages: ServedPages, space: Workspace) -> None:
    with space.database.read() as connection:
        first, last = reach(connection, "ada") or (date.min, date.max)
    ends = {
        "2026": set(),
        f"{first:%Y-%m}": {"next"},
        f"{last:%Y-%m}": {"prev"},
        str(first): {"next"},
        str(last): {"prev"},
        "2030": {"prev"},
        "2001-05": {"next"},
    }
    found = {path: set(re.findall('rel="(prev|next)"', pages.client.get(f"{_PERSON}/{path}").text)) for path in ends}
    assert found == ends
    assert "Compare with 2025" not in pages.client.get(f"{_PERSON}/2026").text


def test_a_comparison_names_what_differs(pages: ServedPages) -> None:
    page = pages.client.get("/compare?one=~ada&a=2026-10&b=2026-11").text
    assert "October 2026" in page
    assert "Among the 100 most played of both" in page
    assert "is not a year" in pages.client.get("/compare?a=2026-13").text


@pytest.mark.parametrize("path", ["", "/2026", "/2026-11", "/2026-11-20"])
def test_an_interval_is_shown_with_the_expected_share_that_it_contains(pages: ServedPages, path: str) -> None:
    page = pages.client.get(f"{_PERSON}{path}?intervals=1").text
    found = _expected(page)
    assert len(found) == 4
    assert all(low <= share <= high for share, low, high in found)
    assert "For the large share, each listen counts for its most probable mood" in page


def _expected(page: str) -> list[tuple[int, int, int]]:
    """The expected shares of a page with their intervals."""
    found = re.findall(r"expected (\d+)% \((\d+)–(\d+)%\)</span>", page)
    return [(int(share), int(low), int(high)) for share, low, high in found]


def test_a_comparison_judges_by_the_intervals_that_it_shows(pages: ServedPages) -> None:
    page = pages.client.get("/compare?one=~ada&a=2026-10&b=2026-11").text
    found = _expected(page)
    assert len(found) == 8
    assert all(low <= share <= high for share, low, high in found)
    verdicts = re.findall(r">(clear|within the intervals)</div>", page)
    apart = [one[2] < other[1] or other[2] < one[1] for one, other in zip(found[::2], found[1::2], strict=True)]
    assert [verdict == "clear" for verdict in verdicts] == apart
    assert "whisker" not in page


def test_the_switch_of_a_comparison_hides_the_intervals_and_keeps_what_is_compared(pages: ServedPages) -> None:
    chosen = "one=~ada&a=2026-10&b=2026-11"
    page = pages.client.get(f"/compare?{chosen}").text
    switch = re.search(r'id="intervals" role="button" href="([^"]+)"', page)
    assert switch is not None
    assert '<html lang="en" class="intervals">' in page
    hidden = pages.client.get(f"/compare{unescape(switch[1])}").text
    assert '<html lang="en">' in hidden
    assert "October 2026" in hidden


def test_the_page_and_the_recap_have_the_same_minutes(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 400)
        with space.database.write() as connection:
            connection.execute(text("UPDATE listens SET ms_played = 182900"))
        recap = read_recap(space.database, space.accounts.all()[0], period_with(Unit.YEAR, NOW.date()), NOW)
        (person,) = page_data(space.database, space.accounts.all(), now=NOW)["people"]
        with served(space) as pages:
            page = pages.client.get(f"{_PERSON}/2026").text
    this_year = [row["seconds"] for row in person["minutes"] if row["day"] >= "2026"]
    assert recap.minutes == minutes_of(round(1000 * sum(this_year)))  # the static page adds them up in the browser
    assert f"<b>{plural(recap.minutes)}</b><span>minutes of music" in page


def test_numbers_of_pages_are_words_for_people(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 6)
        with served(space) as pages:
            assert "1 listen (17%) has no mood." in pages.client.get(f"{_PERSON}/2026-11").text


@pytest.mark.parametrize(
    ("value", "written"),
    [(318_812.0, "318\u202f812"), (120.25, "120.2"), (-8.0, "-8"), (0.00001, "< 0.0001"), (0, "0")],
)
def test_values_of_features_have_no_powers_of_ten(value: float, written: str) -> None:
    assert written_number(value) == written


def test_few_listens_are_grey_with_their_number(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 4)
        with served(space) as pages:
            page = pages.client.get(f"{_PERSON}/2026-11").text
    assert "Only 4 listens: the shares are grey" in page
    assert 'class="share few"' in page


def test_a_month_without_moods_shows_its_most_played_song_and_where_to_go_on(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 4)
        with space.database.write() as connection:
            connection.execute(text("DELETE FROM moods"))
        with served(space) as pages:
            page = pages.client.get(f"{_PERSON}/2026-11").text
    story = page.partition('id="story"')[2].partition("</section>")[0]
    wanted = ("No moods yet", "Top song", "Top artist", f"{_PERSON}/data")
    assert [words for words in wanted if words not in story] == []
    assert 'class="mood ' not in story, "four cards without a listen"


def test_gaps_and_coverage_are_shown(pages: ServedPages) -> None:
    page = pages.client.get(f"{_PERSON}/data").text
    assert "21 Nov 2026, 13:00" in page
    assert "moodlog run" in page  # what helps
    assert [gap["filled"] for gap in pages.client.get("/api/people/ada/gaps").json()] == [False]


def test_the_api_is_as_described(pages: ServedPages) -> None:
    described = pages.client.get("/api/openapi.json").json()
    values = {"{person}": "ada", "{day}": "2026-11-20", "{period}": "2026", "{track_id}": "0" * 22}
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    query = {"from": "2026-11-01", "to": "2026-11-30", "q": "band"}
    for path, methods in described["paths"].items():
        assert set(methods) == ({"get", "post"} if "/tracks/" in path else {"get"})
        assert all(method["security"] for method in methods.values())
        assert all({"400", "403", "404", "405", "503"} <= set(method["responses"]) for method in methods.values())
        filled = path
        for name, value in values.items():
            filled = filled.replace(name, value)
        answer = pages.client.get(f"/api{filled}", params=query)
        assert answer.status_code == 200, path
        schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json())


def test_the_api_describes_periods_and_coverage(space: Workspace, pages: ServedPages) -> None:
    schemas = pages.client.get("/api/openapi.json").json()["components"]["schemas"]
    for path, name in (("periods/2026", "PeriodInfo"), ("periods/2026-11", "PeriodInfo"), ("coverage", "CoverageInfo")):
        sent = pages.client.get(f"/api/people/ada/{path}").json()
        assert set(sent) <= set(schemas[name]["properties"]), path
    account, period = space.accounts.all(["ada"])[0], parse_period("2026")
    assert period is not None
    recap = read_recap(space.database, account, period, NOW).as_json()
    sent = pages.client.get("/api/people/ada/periods/2026").json()
    assert {name: sent[name] for name in recap} == json.loads(json.dumps(recap))


def test_errors_of_the_api_are_json(pages: ServedPages) -> None:
    for path, status in (("/bob", 404), ("/ada/days/x", 404), ("/ada/days", 422)):
        answer = pages.client.get(f"/api/people{path}")
        assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert pages.client.get("/api/x").json()["detail"]
    assert pages.client.delete("/api/people").json()["detail"]
    with pages.stranger() as client:
        for path in ("/api/people", "/api/x", "/api"):
            assert "web-token" in client.get(path).json()["detail"]


def test_metrics_are_prometheus_text(space: Workspace, pages: ServedPages) -> None:
    families = {one.name: one for one in text_string_to_metric_families(pages.client.get("/metrics").text)}
    (listens,) = families["moodlog_listens"].samples
    assert (listens.labels, listens.value) == ({"user": "ada"}, 400)
    assert families["moodlog_open_gaps"].samples[0].value == 1
    assert families["moodlog_newest_listen_seconds"].samples[0].value == NOW.timestamp()


@pytest.mark.parametrize("kind", ["day", "week"])
def test_pictures_for_dashboards(pages: ServedPages, kind: str) -> None:
    path = f"{_PERSON}/{kind}"
    svg = pages.client.get(f"{path}.svg?look=dark")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "&lt;img src=x" in svg.text
    png = pages.client.get(f"{path}.png")
    assert png.content.startswith(b"\x89PNG")
    assert png.headers["content-type"] == "image/png"


def test_addresses_that_are_no_pages(pages: ServedPages) -> None:
    for path in ("/bob", f"{_PERSON}/2026-13", f"{_PERSON}/2026-02-30", f"{_PERSON}/x", "/assets/x", "/api/people/bob"):
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
            assert _links(pages.client.get("/").text) >= {"/Zo%C3%AB%20B"}
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
            assert {f"/{name}" for name in names[:60]} == {link for link in _links(first) if link.startswith("/P")}
            assert 'name="name"' in first
            found = pages.client.get("/?name=p06").text
            assert {f"/{name}" for name in names[60:]} == {link for link in _links(found) if link.startswith("/P")}
            for nobody in ("/?name=x", "/?name=%00", "/?name=%25"):
                assert "name begins with" in pages.client.get(nobody).text
            assert pages.client.get("/P069").status_code == 200
            assert pages.client.get("/%00").status_code == pages.client.get("/~%2500").status_code == 404
            people = pages.client.get("/api/people?limit=2&skip=68").json()
            assert [one["name"] for one in people] == names[68:]
            assert len(pages.client.get("/api/people?name=P01").json()) == 10
            assert pages.client.get("/api/people?limit=1001").status_code == 422


@pytest.mark.parametrize("user_id", ["local-ünal", "a/b", "100%", "%2F"])
def test_the_id_of_a_person_is_escaped_once(tmp_path: Path, user_id: str) -> None:
    with workspace(tmp_path) as space:
        person = User(user_id, "one / two", "UTC", NOW)
        space.batches.add(USERS, users_table([person], recorded_at=NOW), now=NOW)
        with served(space) as pages:
            path = pages.client.get("/api/people").json()[0]["path"]
            assert path in _links(pages.client.get("/").text)
            assert pages.client.get(path).status_code == 200
            assert path == "/~local-%C3%BCnal" or user_id != "local-ünal"


def test_a_title_of_spaces_is_no_empty_link(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        with space.database.write() as connection:
            connection.execute(text("UPDATE tracks SET name = ' \u200b '"))
        paths = ("", "/2026", "/2026-11", "/2026-11-24", f"/track/{1:022d}", "/ask")
        with served(space) as pages:
            for path in (*(f"{_PERSON}{path}" for path in paths), "/compare"):
                page = pages.client.get(path).text
                assert "(untitled)" in page, path
                assert re.search(r"<bdi>[\s\u200b]*</bdi>", page) is None, path
