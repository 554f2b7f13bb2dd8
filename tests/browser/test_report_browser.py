"""The mood page in a real browser: no error, no sideways scrolling, nothing a screen reader stumbles over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import text

from mood_core.cli.report import write_report
from mood_core.records import MOODS
from tests.report_history import USER, add_history, workspace

pytestmark = pytest.mark.slow
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LOOKS = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if _CHROMIUM is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


def _open(browser: Any, page_file: Path, *, width: int = 1280, look: str = "light", bypass_csp: bool = False) -> Any:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=look, bypass_csp=bypass_csp, offline=True
    )
    page = context.new_page()
    page.problems = []
    page.on("console", lambda said: page.problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("dialog", lambda dialog: page.problems.append(f"dialog: {dialog.message}"))
    page.goto(page_file.as_uri())
    return page


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("look", _LOOKS)
@pytest.mark.parametrize("case", ["empty", "one", "one mood", "many"])
def test_page_is_sound(browser: Any, tmp_path: Path, width: int, look: Literal["light", "dark"], case: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    with workspace(tmp_path) as space:
        listens = {"empty": 0, "one": 1, "one mood": 90, "many": 2000}[case]
        add_history(space, listens, MOODS[:1] if case == "one mood" else MOODS)
        file = write_report(space, tmp_path / "page.html")
    page = _open(browser, file, width=width, look=look)
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").inner_text() == USER.display_name
    checked = Axe().run(_open(browser, file, width=width, look=look, bypass_csp=True)).response["violations"]
    assert [found["id"] for found in checked if found["impact"] in ("serious", "critical")] == []


def test_drawn_numbers_are_those_of_sql(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 600)
        file = write_report(space, tmp_path / "page.html")
        with space.database.read() as connection:
            listens = connection.scalar(text("SELECT count(*) FROM mood_history"))
            days = connection.execute(text("SELECT day, mood, listens FROM mood_daily")).all()
            moves = connection.execute(text("SELECT from_mood, to_mood, transitions FROM mood_transitions")).all()
    page = _open(browser, file)
    assert page.locator(".tiles b").first.inner_text() == f"{listens:,}"
    drawn = page.evaluate(
        """() => echarts.getInstanceByDom(document.getElementById("calendar-chart")).getOption()
            .series.flatMap((series) => series.data)"""
    )
    totals: dict[str, int] = {}
    for day, _, count in days:
        totals[day] = totals.get(day, 0) + count
    assert {value[0]: value[2] for value in drawn} == totals
    hours = page.evaluate(
        """() => echarts.getInstanceByDom(document.getElementById("hours-chart")).getOption()
            .series[0].data.reduce((sum, value) => sum + value[2], 0)"""
    )
    assert hours == listens
    cells = page.evaluate(
        """() => echarts.getInstanceByDom(document.getElementById("transitions-chart")).getOption().series[0].data"""
    )
    drawn_moves = {(MOODS[y], MOODS[x]): count for x, y, _, count in cells if count}
    assert moves
    assert drawn_moves == {(row[0], row[1]): row[2] for row in moves}


def test_period_and_look_can_be_switched_by_keyboard(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 600)
        file = write_report(space, tmp_path / "page.html")
    page = _open(browser, file)
    before = page.locator(".tiles b").first.inner_text()
    page.locator("#period").select_option(label="Last 30 days")
    assert page.locator(".tiles b").first.inner_text() != before
    page.locator("#look").select_option("dark")
    assert page.evaluate("document.documentElement.dataset.look") == "dark"
    page.locator("#hours-chart").focus()
    page.keyboard.press("ArrowRight")
    assert "listen" in page.locator("#live").inner_text()
    page.locator("#calendar summary").first.click()
    page.locator("#calendar tbody tr").nth(29).wait_for()
    assert page.problems == []
