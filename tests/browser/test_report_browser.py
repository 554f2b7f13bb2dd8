"""The mood page in a real browser: what is drawn is what SQL says, and it is sound to look at and to type at."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.cli.report import write_report
from mood_core.domain.records import ALL_MOODS, MOODS, UNLABELLED
from tests.browser.looks import BROKEN_DATES, CUT_TEXT, DRAWN, IN_PICTURES, TEXT_ON_TEXT
from tests.browser.pages import close_page, open_page, rows_of
from tests.report_history import NAMES, NOW, USER, add_history, add_years, workspace

pytestmark = pytest.mark.slow
_WIDTHS = (1280, 390)
_LOOKS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def _written(day: date) -> str:
    """A day as the page writes it: on one line, however narrow."""
    return f"{day.day} {day:%b %Y}".replace(" ", "\N{NO-BREAK SPACE}")


def _assert_sound(browser: Any, file: Path, width: int, look: str, *, opened: bool = True) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    page = open_page(browser, file, width=width, look=look)
    assert page.problems == []
    assert [url for url in page.asked if not url.startswith("data:")] == [file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for check in (CUT_TEXT, TEXT_ON_TEXT, IN_PICTURES, BROKEN_DATES):
        assert page.evaluate(check) == []
    close_page(page)
    with_axe = open_page(browser, file, width=width, look=look, bypass_csp=True)
    if opened:  # everything that can be
        with_axe.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    with_axe.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    assert with_axe.evaluate("document.documentElement.scrollWidth") <= width
    assert with_axe.evaluate(CUT_TEXT) + with_axe.evaluate(TEXT_ON_TEXT) == []
    violations = Axe().run(with_axe).response["violations"]
    assert [found["id"] for found in violations if found["impact"] in ("serious", "critical")] == []
    close_page(with_axe)


@pytest.mark.parametrize("case", ["nobody", "empty", "one", "one mood", "many"])
def test_page_is_sound_at_every_width_in_every_look(browser: Any, tmp_path: Path, case: str) -> None:
    with workspace(tmp_path) as space:
        listens = {"nobody": 0, "empty": 0, "one": 1, "one mood": 90, "many": 2000}[case]
        if case != "nobody":
            add_history(space, listens, MOODS[:1] if case == "one mood" else MOODS)
        file = write_report(space, tmp_path / "page.html")
    for width in _WIDTHS:
        for look in _LOOKS:
            _assert_sound(browser, file, width, look, opened=look == "light")


@pytest.mark.parametrize("name", ["x" * 300, "שלום " * 60, "😀" * 150, "</script><b>", "a 'b' \"c\" & d"])
def test_any_name_of_a_person_is_shown_as_it_is(browser: Any, tmp_path: Path, name: str) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 30)
        with space.database.write() as connection:
            connection.execute(text("UPDATE users SET display_name = :name"), {"name": name})
        file = write_report(space, tmp_path / "page.html")
    _assert_sound(browser, file, min(_WIDTHS), "light")
    page = open_page(browser, file)
    if page.locator("h1 summary").count():
        page.locator("h1 summary").click()
    assert name.strip() in page.locator("h1").inner_text()
    assert page.title() == f"Moods of {' '.join(name.split())}"
    close_page(page)


def test_hovering_a_day_reports_its_moods(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    (day,) = rows_of(space, "SELECT day, sum(listens) AS n FROM mood_daily WHERE day = '2026-11-10' GROUP BY day")
    page = open_page(browser, file)
    at = page.evaluate(
        """(day) => {
          const place = document.getElementById("calendar-chart");
          place.scrollIntoView({ block: "center" });
          const [x, y] = echarts.getInstanceByDom(place).convertToPixel({ calendarIndex: 0 }, day);
          const box = place.getBoundingClientRect();
          return [box.left + x, box.top + y];
        }""",
        day.day,
    )
    page.mouse.move(at[0] - 3, at[1])
    page.mouse.move(*at)
    page.locator("#calendar-chart .tip").wait_for()
    reported = page.locator("#calendar-chart .tip").inner_text()
    assert reported.startswith(f"Tuesday {_written(date(2026, 11, 10))}: {day.n} listens")
    assert "Calm" in reported
    box = page.locator("#calendar-chart .tip").bounding_box()
    assert box is not None
    covered = box["x"] <= at[0] <= box["x"] + box["width"] and box["y"] <= at[1] <= box["y"] + box["height"]
    assert not covered, "the words hide the day that they are about"
    close_page(page)


def test_ten_years_make_a_sound_page(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_years(space, years=10, a_day=20)
        file = write_report(space, tmp_path / "page.html")
    assert file.stat().st_size < 3_000_000
    for width in _WIDTHS:
        _assert_sound(browser, file, width, "light", opened=False)


def test_the_calendar_draws_the_views_days(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    page = open_page(browser, file)
    drawn = {day[0]: day[1:] for series in page.evaluate(DRAWN, "calendar")[:1] for day in series["data"]}
    days: dict[str, Counter[str]] = {}
    for row in rows_of(space, "SELECT day, mood, listens FROM mood_daily"):
        days.setdefault(row.day, Counter())[row.mood] = row.listens
    led = {row.day: row for row in rows_of(space, _LED)}
    assert set(drawn) == set(days)
    for day, (mood, total, leading, without) in drawn.items():
        assert total == days[day].total()
        assert without == days[day][UNLABELLED]
        assert (ALL_MOODS[mood], leading) == (led[day].mood, led[day].listens)
    marked = {series["id"]: [day for (day,) in series["data"]] for series in page.evaluate(DRAWN, "calendar")[1:]}
    assert marked["gaps-0"] == ["2026-11-21", "2026-11-22"]
    weeks = [str(date(2026, 9, 21) + timedelta(days=at)) for at in range(70)]
    assert marked["outside-0"] == [day for day in weeks if not min(days) <= day <= max(days)]
    assert "listens may be missing" in page.locator("#calendar .finding").inner_text()
    close_page(page)


_LED = """SELECT day, mood, listens FROM (
  SELECT day, mood, listens, row_number() OVER (PARTITION BY day ORDER BY listens DESC, mood) AS place
  FROM mood_daily WHERE mood <> 'Unlabelled') WHERE place = 1"""


def test_the_shares_are_the_views(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    page = open_page(browser, file)
    drawn = {one["name"]: one["data"] for one in page.evaluate(DRAWN, "share") if one["name"] in ALL_MOODS}
    for mood in ALL_MOODS:
        shares = {
            row.day: row.share for row in rows_of(space, "SELECT * FROM mood_daily WHERE mood = :mood", mood=mood)
        }
        days = [row.day for row in rows_of(space, "SELECT DISTINCT day FROM mood_daily ORDER BY day")]
        assert drawn[mood] == pytest.approx([100 * shares.get(day, 0) for day in days], abs=0.051)
    page.locator("#smooth").select_option("7")
    smooth = {one["name"]: one["data"] for one in page.evaluate(DRAWN, "share") if one["name"] in ALL_MOODS}
    (week,) = rows_of(
        space,
        "SELECT sum(CASE mood WHEN 'Calm' THEN listens ELSE 0 END) * 100.0 / sum(listens) AS share FROM mood_daily"
        " WHERE day > (SELECT date(max(day), '-7 days') FROM mood_daily)",
    )
    assert smooth["Calm"][-1] == pytest.approx(week.share, abs=0.051)
    close_page(page)


def test_the_hours_are_the_views(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    page = open_page(browser, file)
    cells = page.evaluate(DRAWN, "hours")[0]["data"]
    hours, weekdays = Counter[int](), Counter[int]()
    for hour, weekday, count in cells:
        hours[hour] += count
        weekdays[weekday + 1] += count
    by_hour = rows_of(space, "SELECT hour, sum(listens) AS n FROM mood_by_hour GROUP BY hour")
    by_weekday = rows_of(space, "SELECT weekday, sum(listens) AS n FROM mood_by_weekday GROUP BY weekday")
    assert hours == {row.hour: row.n for row in by_hour}
    assert weekdays == {row.weekday: row.n for row in by_weekday}
    close_page(page)


def test_the_busiest_hour_is_the_same_on_a_phone(browser: Any, history: tuple[Workspace, Path]) -> None:
    said = []
    for width in (1280, 390):
        page = open_page(browser, history[1], width=width)
        said.append(page.locator("#hours .finding").first.inner_text())
        close_page(page)
    assert said[0] == said[1]


def test_the_time_of_the_page_is_that_of_its_reader(browser: Any, history: tuple[Workspace, Path]) -> None:
    page = open_page(browser, history[1], zone="America/Los_Angeles")
    assert (
        "on 24\N{NO-BREAK SPACE}Nov\N{NO-BREAK SPACE}2026, 04:00 (PST). " in page.locator("#made").inner_text()
    )  # NOW is 12:00 UTC
    close_page(page)


def test_a_page_without_labels_has_no_share_of_uncertain_ones(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        space.mood_rows.set_current("other/1")  # which has labelled nothing
        page = open_page(browser, write_report(space, tmp_path / "page.html"))
    said = page.locator("#coverage .finding").first.inner_text()
    assert said.startswith("0% of the listens have a mood. ")
    close_page(page)


def test_the_map_draws_every_labelled_listen(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    page = open_page(browser, file)
    drawn = {series["id"]: series["data"] for series in page.evaluate(DRAWN, "map")}
    assert (
        sum(cell["value"][2] for cell in drawn["cells"]) == rows_of(space, "SELECT count(mood) FROM mood_history")[0][0]
    )
    close_page(page)


def test_tiles_lists_and_coverage_are_the_views(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    page = open_page(browser, file)
    (totals,) = rows_of(
        space, "SELECT count(*) AS n, count(mood) AS labelled, count(DISTINCT track_id) AS heard FROM mood_history"
    )
    tiles = page.locator(".tiles b").all_inner_texts()
    assert tiles[0] == f"{totals.n}"
    assert tiles[2] == f"{totals.heard}"
    tops = rows_of(space, "SELECT mood, track, listens FROM top_tracks_by_mood ORDER BY mood, place")
    shown = page.locator("#tracks li").all()
    assert len(shown) == len(tops)
    for item, row in zip(shown, tops, strict=True):
        assert item.locator(".count").inner_text() == f"{row.listens} ×"
        assert item.locator(".name bdi").first.inner_text().rstrip("…") == row.track[:60]
    (streak,) = rows_of(space, "SELECT mood, days FROM mood_streaks ORDER BY days DESC, first_day LIMIT 1")
    run = f"the longest run is {streak.days} {streak.mood.lower()} days"
    assert run in page.locator("#calendar .finding").inner_text()
    top = {row.mood: row for row in reversed(tops)}
    for mood, card in zip(MOODS, page.locator(".mood").all(), strict=True):
        (share,) = rows_of(space, "SELECT count(*) AS n FROM mood_history WHERE mood = :mood", mood=mood)
        assert card.locator(".share b").inner_text() == f"{100 * share.n / totals.n:.0f}%"
        assert f"{top[mood].listens}\N{NO-BREAK SPACE}×" in card.locator(".top-one").first.inner_text()
    unlabelled = rows_of(space, "SELECT unlabelled_reason, count(*) AS n FROM unlabelled_listens GROUP BY 1")
    cells = page.locator("#coverage table").first.locator("tbody td").all_inner_texts()
    assert cells == [str(value) for row in unlabelled for value in row]
    assert page.locator("#confident li").count() == len(NAMES) - 1
    assert page.locator("#uncertain li").count() == 0  # each of these few labels is already shown as confident
    assert "No other labels" in page.locator("#uncertain").inner_text()
    close_page(page)


def test_every_query_on_the_page_runs_as_it_stands(browser: Any, history: tuple[Workspace, Path]) -> None:
    space, file = history
    page = open_page(browser, file)
    seen = 0
    for place in page.locator("section").all():
        shown = place.locator("summary", has_text="uer")
        shown.click()
        views = shown.inner_text().split(": ")[1].replace(" with ", ", ").split(", ")
        place.locator("pre").first.wait_for()
        queries = place.locator("pre").all_text_contents()
        assert queries
        assert all(any(view in sql for sql in queries) for view in views)
        for sql in queries:
            seen += 1
            with space.database.read() as connection:
                assert connection.exec_driver_sql(sql).all()
    assert seen >= 13
    close_page(page)


def test_period_look_and_pictures_work_by_keyboard(browser: Any, history: tuple[Workspace, Path]) -> None:
    _, file = history
    page = open_page(browser, file)
    before = page.locator(".tiles b").first.inner_text()
    page.locator("#period").select_option(label="Last 30 days")
    assert page.locator(".tiles b").first.inner_text() != before
    page.locator("#look").select_option("dark")
    assert page.evaluate("document.documentElement.dataset.look") == "dark"
    said = page.locator("#live")
    page.locator("#calendar-chart").focus()
    page.keyboard.press("ArrowRight")
    assert _written(date(2026, 10, 26)) in said.inner_text()
    page.keyboard.press("ArrowRight")
    assert _written(date(2026, 11, 2)) in said.inner_text()
    page.keyboard.press("ArrowDown")
    assert _written(date(2026, 11, 3)) in said.inner_text()
    page.keyboard.press("End")
    assert _written(NOW.date()) in said.inner_text()
    assert page.locator("#calendar-chart .tip").is_visible()
    page.keyboard.press("Escape")
    page.locator("#share-chart").focus()
    page.keyboard.press("End")  # even where it is the first key
    assert _written(NOW.date()) in said.inner_text()
    for name in ("share", "hours", "map"):
        page.locator(f"#{name}-chart").focus()
        seen = set()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "End"):
            page.keyboard.press(key)
            seen.add(said.inner_text())
        assert len(seen) >= 3, name
    page.locator("#calendar summary").first.focus()
    page.keyboard.press("Enter")
    page.locator("#calendar tbody tr").nth(29).wait_for()
    assert page.problems == []
    close_page(page)


def test_names_are_text_and_long_ones_can_be_read_whole(browser: Any, history: tuple[Workspace, Path]) -> None:
    _, file = history
    page = open_page(browser, file)
    assert page.locator("h1").inner_text() == USER.display_name
    assert page.locator("main img").count() == 0
    shown = page.locator("#tracks").inner_text()
    assert all(name in shown for name in NAMES[:4])
    long = page.locator("#tracks .long").first
    long.locator("summary").click()
    assert "x" * 300 in long.inner_text()
    assert page.problems == []
    close_page(page)


def test_without_people_there_is_nothing_to_choose(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        page = open_page(browser, write_report(space, tmp_path / "page.html"))
    ways = page.locator("#lead code").all_inner_texts()
    assert ways == ["moodlog import FILE", "moodlog connect"]
    assert not any(choice.is_visible() for choice in page.locator("select").all())
    close_page(page)


def test_days_without_listens_are_said(browser: Any, history: tuple[Workspace, Path], tmp_path: Path) -> None:
    space, _ = history
    page = open_page(browser, write_report(space, tmp_path / "page.html", first_day=date(2030, 1, 1)))
    assert page.locator("#lead").inner_text() == f"No listens are stored from {_written(date(2030, 1, 1))} on."
    assert page.problems == []
    close_page(page)


def test_a_large_page_is_packed_and_drawn_the_same(
    browser: Any, history: tuple[Workspace, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, file = history
    monkeypatch.setattr("mood_core.report.page._MOST_PLAIN", 0)
    packed = write_report(space, tmp_path / "packed.html")
    assert packed.stat().st_size < file.stat().st_size
    drawn = []
    for each in (file, packed):
        page = open_page(browser, each)
        page.wait_for_selector("#story")
        assert page.problems == []
        drawn.append([page.evaluate(DRAWN, chart) for chart in ("calendar", "share", "hours", "map")])
        close_page(page)
    assert drawn[0] == drawn[1]
