"""The live pages in a real browser: sound at every width in every look, and usable by keyboard up to an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.answers import AskedBecause
from mood_core.domain.mood_style import SIGNS
from mood_core.domain.sitting import Asked, Sitting
from mood_core.settings import Settings
from tests.browser.looks import BROKEN_DATES, TEXT_ON_TEXT
from tests.report_history import NOW, add_history, workspace
from tests.served_pages import ServedPages, served

pytestmark = pytest.mark.slow
_ASKED = tuple(Asked(f"{track:022d}", AskedBecause.RANDOM) for track in range(5))
_SITTINGS = [Sitting(_ASKED, place) for place in range(6)]
_PATHS = (
    "/",
    "/~ada",
    "/~ada/2026",
    "/~ada/2026/recap",
    "/~ada/2026-11?intervals=1",
    "/~ada/2026-11-20",
    f"/~ada/track/{1:022d}",
    f"/~ada/track/{4:022d}",
    *(f"/~ada/ask?sitting={sitting.to_text()}" for sitting in (_SITTINGS[4], _SITTINGS[5])),
    "/~ada/search?q=band",
    "/~ada/data",
    "/compare?one=~ada&a=2026-10&b=2026-11&intervals=1",
    "/doctor",
    "/nobody",
)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace(tmp_path_factory.mktemp("web")) as space:
        add_history(space, 400)
        yield space


def _context(browser: Any, pages: ServedPages, width: int = 1280, look: str = "light", **options: Any) -> Any:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=look, **options)
    name, value = pages.access.cookie
    context.add_cookies([{"name": name, "value": value, "url": pages.url}])
    context.problems = []
    context.on(
        "console", lambda said: context.problems.append(said.text) if said.type in ("error", "warning") else None
    )
    context.on("weberror", lambda error: context.problems.append(str(error.error)))
    context.on("dialog", lambda dialog: context.problems.append(dialog.message))
    return context


def _drawn(page: Any) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_sound(browser: Any, pages: ServedPages, width: int, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    context = _context(browser, pages, width, look)
    page = context.new_page()
    for path in _PATHS:
        context.problems.clear()
        page.goto(f"{pages.url}{path}")
        _drawn(page)
        missing = ["Failed to load resource: the server responded with a status of 404 (Not Found)"]
        assert context.problems == (missing if path == "/nobody" else []), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        for check in (TEXT_ON_TEXT, BROKEN_DATES):
            assert page.evaluate(check) == [], path
    context.close()
    context = _context(browser, pages, width, look, bypass_csp=True)
    page = context.new_page()
    for path in _PATHS:
        page.goto(f"{pages.url}{path}")
        _drawn(page)
        violations = Axe().run(page).response["violations"]
        serious = [(found["id"], found["nodes"][0]["html"]) for found in violations if _is_serious(found)]
        assert serious == [], path
    context.close()


_SERIOUS = ("serious", "critical")


def _is_serious(found: Any) -> bool:
    return found["impact"] in _SERIOUS or found["id"] == "landmark-unique"


def test_a_comparison_of_long_names_fits_a_phone(browser: Any, tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 400)
        with space.database.write() as connection:
            connection.execute(text("UPDATE users SET display_name = :name"), {"name": "Maximiliane" * 5})
        with served(space) as pages:
            context = _context(browser, pages, 390)
            page = context.new_page()
            page.goto(f"{pages.url}/compare?intervals=1")
            widths = page.evaluate(
                "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('.scroller'))"
            )
            assert widths[0] <= widths[1]
            context.close()


def test_days_of_a_year_have_signs_and_can_be_touched_on_a_phone(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages, 390)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/2026")
    november = page.locator(".month.small").nth(10)
    assert november.inner_text().split()[:7] == list("MTWTFSS")
    day = november.locator("a").nth(19)
    assert day.inner_text() in SIGNS.values()
    box = day.bounding_box()
    assert min(box["width"], box["height"]) >= 24
    context.close()


def test_a_usual_comparison_fits_a_phone_and_breaks_no_word(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages, 390)
    page = context.new_page()
    page.goto(f"{pages.url}/compare?one=~ada&a=2026-10&b=2026-11&intervals=1")
    scroller = page.locator(".scroller")
    assert scroller.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    word = """() => {
      const node = document.querySelectorAll(".compared thead a")[1].lastChild;
      const range = document.createRange();
      range.setStart(node, node.textContent.indexOf("November"));
      range.setEnd(node, node.textContent.indexOf("November") + "November".length);
      return range.getClientRects().length;
    }"""
    assert page.evaluate(word) == 1
    context.close()


def test_a_printed_page_has_no_search_box(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/2026")
    assert page.locator("#q").is_visible()
    page.emulate_media(media="print")
    assert not page.locator("#q").is_visible()
    assert page.locator("#calendar").is_visible()
    context.close()


def test_paper_is_light_and_a_dark_page_has_dark_pictures(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages, look="dark")
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/data")
    assert page.locator("img.picture").first.evaluate("(image) => image.currentSrc").endswith("look=dark")
    for path in ("/~ada/2026-11", "/~ada/2026/recap"):
        page.goto(f"{pages.url}{path}")
        _drawn(page)
        assert page.evaluate("document.documentElement.dataset.look") == "dark"
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 245, 242)"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("document.documentElement.dataset.look") == "dark"
    context.close()


def test_the_cards_of_a_year_are_whole_on_a_wide_window(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/2026/recap")
    edges = page.locator(".story li").evaluate_all("(cards) => cards.map((card) => card.getBoundingClientRect().right)")
    assert max(edges) <= 1280
    context.close()


def test_the_keyboard_leads_from_a_person_to_an_answer(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages)
    page = context.new_page()
    page.goto(pages.url)
    for target in ("/~ada", "/~ada/2026", "/~ada/2026-11", "/~ada/2026-11-20", f"/~ada/track/{1:022d}"):
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.getAttribute('href')") == target:
                break
        page.keyboard.press("Enter")
        page.wait_for_url(f"{pages.url}{target}")
    page.wait_for_load_state()  # the keys need the script
    page.keyboard.press("4")
    page.get_by_text("Your answer").wait_for()
    assert page.locator(".verdict").inner_text().replace("\n", " ").startswith("▽")
    page.keyboard.press("u")
    page.locator(".answer button[value=undone]").wait_for(state="detached")
    assert context.problems == []
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_sitting_by_keys_alone(browser: Any, pages: ServedPages, width: int) -> None:
    context = _context(browser, pages, width)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/ask?sitting={_SITTINGS[0].to_text()}")
    for number, keys in enumerate(["3", "Space", "tc3", "h", "n"], 1):
        page.get_by_text(f"Question {number} of 5").wait_for()
        page.wait_for_load_state()  # the keys need the script
        assert page.evaluate("document.activeElement.tagName") == "H1"
        for key in [keys] if keys == "Space" else keys:
            page.keyboard.press(key)
    page.get_by_text("4 answers stored").wait_for()
    for number in (5, 4, 3, 1):
        page.wait_for_load_state()
        page.keyboard.press("u")
        page.get_by_text(f"Question {number} of 5").wait_for()
    assert context.problems == []
    context.close()


def test_u_leaves_the_choice_of_two_moods(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/ask?sitting={_SITTINGS[0].to_text()}")
    page.keyboard.press("3")
    page.get_by_text("Question 2 of 5").wait_for()
    page.wait_for_load_state()
    for key in "thu":
        page.keyboard.press(key)
    assert page.locator("details.two").get_attribute("open") is None
    page.keyboard.press("4")  # one mood
    page.get_by_text("Question 3 of 5").wait_for()
    for number in (2, 1):
        page.wait_for_load_state()
        page.keyboard.press("u")
        page.get_by_text(f"Question {number} of 5").wait_for()
    context.close()


def test_a_sitting_by_touch_and_without_scripts(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages, 390, has_touch=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/ask?sitting={_SITTINGS[0].to_text()}")
    for name in ("Calm", "Skip"):
        button = page.get_by_role("button", name=name)
        box = button.bounding_box()
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 900  # without scrolling
        button.tap()
    page.get_by_text("Two moods").tap()
    page.get_by_label("and also").select_option("Sad")
    page.get_by_role("button", name="Save").tap()
    page.get_by_text("Question 4 of 5").wait_for()
    for number in (3, 1):
        page.get_by_role("button", name="Undo").tap()
        page.get_by_text(f"Question {number} of 5").wait_for()
    context.close()


def test_a_link_gets_a_browser_in(browser: Any, pages: ServedPages) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(pages.url)
    assert "This page needs a link" in page.locator("h1").inner_text()
    page.goto(f"{pages.url}/?code={pages.access.new_code()}")
    page.get_by_role("heading", name="What was listened to").wait_for()
    assert "code" not in page.url
    context.close()


@pytest.mark.parametrize(("width", "look"), [(390, "dark"), (1280, "light")])
def test_the_password_is_asked_for_by_a_sound_page(browser: Any, tmp_path: Path, width: int, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    settings = Settings(
        home=tmp_path,
        database_url=SecretStr(f"sqlite:///{tmp_path}/moodlog.db"),
        web_public_url="https://moods.example.org",
        web_password=SecretStr("correct horse battery"),
    )
    with Workspace(settings, now=lambda: NOW) as space:
        add_history(space, 10)
        with served(space) as pages:
            context = _context(browser, pages, width, look, bypass_csp=True)
            context.clear_cookies()
            page = context.new_page()
            page.goto(f"{pages.url}/~ada")
            violations = Axe().run(page).response["violations"]
            assert [found["id"] for found in violations if found["impact"] in _SERIOUS] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.keyboard.type("correct horse battery")  # the field has the focus
            page.keyboard.press("Enter")
            page.get_by_role("heading", name="Years and months").wait_for()
            assert page.url == f"{pages.url}/~ada"
            assert context.problems == []
            context.close()


def test_cards_fit_and_are_saved_by_one_click(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages, 390)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/2026/recap")
    page.wait_for_load_state()
    outside = """() => [...document.querySelectorAll(".story text")].filter((one) => {
      const box = one.getBBox();
      return box.x < 0 || box.x + box.width > 1080;
    }).map((one) => one.textContent)"""
    assert page.evaluate(outside) == []
    for number, button in enumerate(page.get_by_role("button", name="Save picture").all(), 1):
        with page.expect_download() as saved:
            button.click()
        assert saved.value.suggested_filename == f"moodlog-2026-{number}.png"
        with Image.open(saved.value.path()) as picture:
            assert picture.size == (1080, 1350)
    assert context.problems == []
    context.close()


def test_intervals_and_keys(browser: Any, pages: ServedPages) -> None:
    context = _context(browser, pages)
    page = context.new_page()
    page.goto(f"{pages.url}/~ada/2026-11")
    page.locator("#share-chart canvas").wait_for()
    interval = page.locator(".share .interval").first
    assert not interval.is_visible()
    page.locator("#intervals").click()
    assert interval.is_visible()
    page.locator("body").press("ArrowLeft")
    page.wait_for_url(f"{pages.url}/~ada/2026-10")
    assert page.locator(".share .interval").first.is_visible()
    page.locator("body").press("/")
    page.keyboard.type("plain")
    page.keyboard.press("Enter")
    page.get_by_text("1 track with").wait_for()
    assert context.problems == []
    context.close()
