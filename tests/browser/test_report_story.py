"""The mood page's story, address, saved pictures and print, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.cli.report import write_report
from mood_core.domain.records import Listen, ListenSource, User
from mood_core.lake import schema
from mood_core.lake.arrow_tables import to_table, users_table
from tests.browser.pages import close_page, open_page, rows_of
from tests.report_history import NOW, add_history, workspace

pytestmark = pytest.mark.slow

_KEPT = """[...document.querySelectorAll(".track, .track span, .sign")]
  .map((one) => getComputedStyle(one).printColorAdjust)"""
_CUT = """[...document.querySelectorAll(".chart canvas")]
  .filter((one) => one.clientWidth > one.closest("section").clientWidth).map((one) => one.closest(".chart").id)"""


def test_the_address_names_person_and_period_and_the_way_back_works(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 400)
        user = User("bob&co", "Bob", "UTC", NOW)
        space.batches.add(schema.USERS, users_table([user], recorded_at=NOW), now=NOW)
        play = Listen(user.user_id, NOW - timedelta(days=1), f"{0:022d}", ListenSource.EXTENDED_HISTORY)
        space.batches.add(schema.LISTENS, to_table(schema.LISTENS, [play]), now=NOW)
        file = write_report(space, tmp_path / "page.html")
    page = open_page(browser, file)
    everything = page.locator("#headline").inner_text()
    page.locator("#period").select_option(label="Last 30 days")
    newest = page.locator("#headline").inner_text()
    assert newest != everything
    assert "period=30-days" in page.url
    page.locator("#person").select_option(label="Bob")
    assert "Bob listened once" in page.locator("#headline").inner_text()
    page.go_back()
    page.wait_for_function("(words) => document.getElementById('headline').innerText === words", arg=newest)
    assert page.locator("#period").input_value() == "30-days"
    page.locator("#parts a", has_text="Map").click()
    page.wait_for_function("document.activeElement.id === 'map'")
    assert page.locator("#headline").inner_text() == newest
    again = page.url
    page.go_back()
    page.go_back()
    page.wait_for_function("(words) => document.getElementById('headline').innerText === words", arg=everything)
    page.goto("about:blank")
    page.goto(again)
    page.wait_for_function("document.activeElement.id === 'map'")
    assert page.locator("#headline").inner_text() == newest
    page.goto("about:blank")
    page.goto(f"{file.as_uri()}#person=nobody&period=never&part=made")
    page.locator("#story").wait_for()
    assert page.locator("#headline").inner_text() == everything
    assert page.problems == []
    close_page(page)


def test_every_chart_and_the_story_can_be_saved_as_pictures(browser: Any, history: tuple[Workspace, Path]) -> None:
    _, file = history
    for width in (1280, 390):
        page = open_page(browser, file, width=width)
        buttons = page.get_by_role("button", name="Save picture").all()
        assert len(buttons) == page.locator(".chart").count() + 1 == 5
        for button in buttons:
            with page.expect_download() as saved:
                button.click()
            assert saved.value.suggested_filename.startswith("moodlog-")
            header = Path(saved.value.path()).read_bytes()[:24]
            assert header.startswith(b"\x89PNG")
            assert int.from_bytes(header[16:20]) >= 600, "too small to read"
        assert page.problems == []
        close_page(page)


def test_on_paper_the_page_is_light_and_its_colours_and_charts_are_kept(
    browser: Any, history: tuple[Workspace, Path]
) -> None:
    _, file = history
    page = open_page(browser, file, look="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.look") == "light"
    assert set(page.evaluate(_KEPT)) == {"exact"}
    assert not any(control.is_visible() for control in page.locator("select, button").all())
    assert page.evaluate(_CUT) == []
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.look") == "dark"
    assert page.problems == []
    close_page(page)


def test_tracks_are_links_to_spotify_where_the_id_is_spotifys(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        with space.database.write() as connection:
            connection.execute(text("UPDATE tracks SET track_id = 'local:1' WHERE name = '\U0001f600\U0001f3a7'"))
        page = open_page(browser, write_report(space, tmp_path / "page.html"))
    links = page.locator("#tracks a").all()
    assert {link.get_attribute("href") for link in links} == {
        f"https://open.spotify.com/track/{index:022d}" for index in (0, 1, 3)
    }
    assert {link.get_attribute("rel") for link in links} == {"noopener noreferrer"}
    close_page(page)


def test_a_period_is_compared_with_the_one_before(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 600)
        page = open_page(browser, write_report(space, tmp_path / "page.html"))
        counts = [
            rows_of(
                space,
                "SELECT count(*) AS n FROM mood_history WHERE local_day BETWEEN :first AND :last",
                first=str(NOW.date() - timedelta(days=ago)),
                last=str(NOW.date() - timedelta(days=ago - 29)),
            )[0].n
            for ago in (29, 59)
        ]
    change = round(100 * (counts[0] - counts[1]) / counts[1])
    words = f"{abs(change)}% {'more' if change > 0 else 'fewer'} than" if change else "as many as"
    assert page.locator("#comparison").inner_text().startswith(f"In the last 30 days: {counts[0]} listens, {words} in")
    page.locator("#period").select_option(label="Last 30 days")
    assert page.locator("#comparison").inner_text().startswith(f"{counts[0]} listens, {words} in the 30 days before")
    close_page(page)


@pytest.mark.parametrize("labelled", [True, False])
def test_listens_without_moods_have_a_story_and_the_next_command(browser: Any, tmp_path: Path, labelled: bool) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        if not labelled:
            with space.database.write() as connection:
                connection.execute(text("DELETE FROM moods"))
        page = open_page(browser, write_report(space, tmp_path / "page.html"))
    cards = page.locator("#story .moods > li")
    assert cards.count() == (4 if labelled else 1)
    assert page.locator("#moodless").count() == (0 if labelled else 1)
    if not labelled:
        assert "Top song" in cards.inner_text()
        assert "Top artist" in cards.inner_text()
        assert page.locator("#moodless").inner_text().startswith("No moods yet")
        assert "moodlog run" in page.locator("#moodless code").first.inner_text()
        with page.expect_download():
            page.get_by_role("button", name="Save picture: the story").click()
    assert page.problems == []
    close_page(page)


def test_one_listen_makes_a_page_that_claims_no_more_than_it_knows(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 1)
        file = write_report(space, tmp_path / "page.html")
    page = open_page(browser, file)
    assert "Calm music led on 24\N{NO-BREAK SPACE}Nov" in page.locator("#calendar .finding").inner_text()
    assert page.locator("#uncertain li").count() == 0
    assert "interval" not in page.locator("#coverage .finding").first.inner_text()
    assert page.problems == []
    close_page(page)
