"""The live pages show what SQL has, on both databases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.report.page_data import page_data
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import minutes_of
from mood_core.report.recap_period import Unit, period_with
from mood_core.text.format import plural, written_number
from mood_core.web.shares import reach
from tests.report_history import NOW, PERSON, USER, add_history, labelled_workspace, workspace
from tests.served_pages import ServedPages, served


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with labelled_workspace(tmp_path_factory.mktemp("pages"), 400) as space:
        yield space


def _one(space: Workspace, sql: str, **values: Any) -> Any:
    with space.database.read() as connection:
        return connection.execute(text(sql), values).one()


@pytest.mark.postgresql
def test_both_databases_show_the_same(tmp_path: Path, postgres_url: str, space: Workspace, pages: ServedPages) -> None:
    paths = ["", "/2026", "/2026-11", "/2026-11-20", "/data", "/search?q=band", f"/track/{'0' * 22}", "/week.svg"]
    paths = [f"{PERSON}{path}" for path in paths] + ["/", "/compare", "/metrics", "/api/people/ada/periods/2026"]
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
    page = pages.client.get(f"{PERSON}/2026-11").text
    total = _one(space, "SELECT sum(listens) AS n FROM mood_daily WHERE day >= '2026-11-01'").n
    assert f"{total} listens" in page
    day = _one(space, "SELECT day, sum(listens) AS n FROM mood_daily WHERE day = '2026-11-20' GROUP BY day")
    assert re.search(rf'href="{PERSON}/2026-11-20" aria-label="20 Nov 2026: {day.n} listens', page)
    recap = pages.client.get("/api/people/ada/periods/2026-11").json()
    shown = {share["mood"]: share["listens"] for share in recap["shares"]}
    assert shown == recap["listens"]
    for mood, listens in shown.items():
        assert mood == "Unlabelled" or f"n = {listens}<" in page


def test_a_month_that_is_not_over_names_the_days_that_are_compared(space: Workspace, pages: ServedPages) -> None:
    counted = "SELECT sum(listens) AS n FROM mood_daily WHERE day BETWEEN '2026-{0}-01' AND '2026-{0}-{1}'"
    same_days, october = (_one(space, counted.format(10, last)).n for last in (24, 31))
    assert same_days < october
    now = _one(space, counted.format(11, 24)).n
    page = " ".join(pages.client.get(f"{PERSON}/2026-11").text.split())
    assert f"{now} listens up to 24 Nov, {same_days} in the same days of October 2026." in page
    assert re.search(r"\d+% in the same days of October 2026<", page)
    assert f"{october} in" not in page
    compared = pages.client.get("/compare", params={"a": "2026-10", "b": "2026-11"}).text
    assert f"{october} listens<" in compared
    assert f"{now} listens up to 24 Nov<" in compared


def test_a_review_of_a_year_that_is_not_over_says_so(pages: ServedPages) -> None:
    page = unescape(pages.client.get(f"{PERSON}/2026/recap").text)
    assert "2026, up to 24 Nov: a story of" in page
    assert f"{USER.display_name} · 2026, up to 24 Nov" in page
    assert "listens up to 24 Nov</text>" in page


def test_a_day_lists_each_listen_with_its_label(space: Workspace, pages: ServedPages) -> None:
    rows = pages.client.get("/api/people/ada/days/2026-11-20").json()["listens"]
    count = _one(space, "SELECT count(*) AS n FROM mood_history WHERE local_day = '2026-11-20'").n
    page = pages.client.get(f"{PERSON}/2026-11-20").text
    assert len(rows) == count == page.count("<time ")
    for row in rows:
        assert (row["label"]["mood"] is None) == (row["label"]["reason"] == "features not asked for yet")
        assert row["at"][11:16] in page


def test_a_track_shows_the_top_factors_of_its_label(space: Workspace, pages: ServedPages) -> None:
    track = pages.client.get("/api/people/ada/tracks/0000000000000000000001").json()
    listens = _one(space, "SELECT count(*) AS n FROM mood_history WHERE track_id LIKE '%1'").n
    assert track["listens"] == listens == sum(track["months"].values())
    assert len(track["factors"]) == 10
    page = pages.client.get(f"{PERSON}/track/0000000000000000000001").text
    assert "Top factors" in page
    assert 'href="https://open.spotify.com/track/0000000000000000000001"' in page
    assert pages.client.get(f"{PERSON}/track/unknown").status_code == 404


_HOSTILE = (
    "/", PERSON, f"{PERSON}/2026", f"{PERSON}/2026/recap", f"{PERSON}/2026-11", f"{PERSON}/2026-11-20",
    f"{PERSON}/search?q=%3Cscript%3Ealert", f"{PERSON}/data", f"{PERSON}/ask", "/compare", "/doctor", "/%3Cimg%3E",
    *(f"{PERSON}/track/{track:022d}" for track in range(6)),
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
        root = ET.fromstring(pages.client.get(f"{PERSON}/{kind}.svg").content)  # noqa: S314 - its own
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
    found = {path: set(re.findall('rel="(prev|next)"', pages.client.get(f"{PERSON}/{path}").text)) for path in ends}
    assert found == ends
    assert "Compare with 2025" not in pages.client.get(f"{PERSON}/2026").text


def test_a_comparison_names_what_differs(pages: ServedPages) -> None:
    page = pages.client.get("/compare?one=~ada&a=2026-10&b=2026-11").text
    assert "October 2026" in page
    assert "Among the 100 most played of both" in page
    assert "is not a year" in pages.client.get("/compare?a=2026-13").text


@pytest.mark.parametrize("path", ["", "/2026", "/2026-11", "/2026-11-20"])
def test_an_interval_is_shown_with_the_expected_share_that_it_contains(pages: ServedPages, path: str) -> None:
    page = pages.client.get(f"{PERSON}{path}?intervals=1").text
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
            page = pages.client.get(f"{PERSON}/2026").text
    this_year = [row["seconds"] for row in person["minutes"] if row["day"] >= "2026"]
    assert recap.minutes == minutes_of(round(1000 * sum(this_year)))  # the static page adds them up in the browser
    assert f"<b>{plural(recap.minutes)}</b><span>minutes of music" in page


def test_numbers_of_pages_are_words_for_people(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 6)
        with served(space) as pages:
            assert "1 listen (17%) has no mood." in pages.client.get(f"{PERSON}/2026-11").text


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
            page = pages.client.get(f"{PERSON}/2026-11").text
    assert "Only 4 listens: the shares are grey" in page
    assert 'class="share few"' in page


def test_a_month_without_moods_shows_its_most_played_song_and_where_to_go_on(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 4)
        with space.database.write() as connection:
            connection.execute(text("DELETE FROM moods"))
        with served(space) as pages:
            page = pages.client.get(f"{PERSON}/2026-11").text
    story = page.partition('id="story"')[2].partition("</section>")[0]
    wanted = ("No moods yet", "Top song", "Top artist", f"{PERSON}/data")
    assert [words for words in wanted if words not in story] == []
    assert 'class="mood ' not in story, "four cards without a listen"


def test_gaps_and_coverage_are_shown(pages: ServedPages) -> None:
    page = pages.client.get(f"{PERSON}/data").text
    assert "21 Nov 2026, 13:00" in page
    assert "moodlog run" in page  # what helps
    assert [gap["filled"] for gap in pages.client.get("/api/people/ada/gaps").json()] == [False]
