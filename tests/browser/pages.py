"""Opens a mood page in a browser, and reads the database that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import text

from mood_core.app.workspace import Workspace


def open_page(
    browser: Any,
    page_file: Path,
    *,
    width: int = 1280,
    look: str = "light",
    bypass_csp: bool = False,
    zone: str | None = None,
) -> Any:
    viewport = {"width": width, "height": 900}
    context = browser.new_context(
        viewport=viewport, color_scheme=look, bypass_csp=bypass_csp, offline=True, timezone_id=zone
    )
    page = context.new_page()
    page.problems = []
    page.asked = []
    page.on("console", lambda said: page.problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("dialog", lambda dialog: page.problems.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(page_file.as_uri())
    page.locator("#made:not(:empty)").wait_for(state="attached")  # a large page is unpacked first
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


def close_page(page: Any) -> None:
    """Close the page and its context."""
    page.context.close()


def rows_of(space: Workspace, sql: str, **values: object) -> list[Any]:
    """The rows of ``sql`` in the database of ``space``."""
    with space.database.read() as connection:
        return list(connection.execute(text(sql), values))
