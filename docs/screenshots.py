"""Takes the pictures in docs/images from a fresh demo: ``make screenshots``. Needs Chromium."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sealed import run_sealed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_HERE = Path(__file__).resolve()
_OUT = _HERE.parent / "images"
DRAWN_FROM = _OUT / "drawn_from.json"
"""What the pictures were drawn from, by file: a test compares it with what is there now."""

_DRAWING = (
    "mood_core/report/assets/*.css",
    "mood_core/report/assets/*.js",
    "mood_core/report/assets/*.j2",
    "mood_core/report/recap_picture.py",
    "mood_core/report/mood_markdown.py",
    "mood_core/domain/mood_style.py",
    "mood_core/saved_models/*/*/model_card.json",
)


def drawn_from() -> dict[str, str]:
    """The files that decide how the pictures look, with the start of their SHA-256."""
    root = _HERE.parents[1]
    paths = sorted({path for pattern in _DRAWING for path in root.glob(pattern)})
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths}


def main() -> None:
    """Run the demo and shoot the mood page, the recap and what a nightly run leaves in Prefect's pages."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no browser is installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "demo"
        moodlog = [sys.executable, "-m", "flows.cli"]
        subprocess.run([*moodlog, "demo", "--listeners", "4", "--home", str(home)], check=True)  # noqa: S603 - our own
        os.environ["MOODLOG_HOME"] = str(home)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            _shoot_page(browser, home / "report.html")
            _shoot_prefect(browser, home)
            browser.close()
        week = str(date.today() - timedelta(days=7))  # noqa: DTZ011 - any day of the last full week
        picture = _OUT / "recap.png"
        picture.unlink(missing_ok=True)
        recap = ["recap", "--user", "Ada", "--week", week, "--out", str(picture)]
        subprocess.run([*moodlog, *recap], check=True)  # noqa: S603
    DRAWN_FROM.write_text(json.dumps(drawn_from(), indent=1) + "\n", encoding="utf-8")


def _shoot_page(browser: Browser, file: Path) -> None:
    looks: list[tuple[str, dict[str, Any]]] = [
        ("report.png", {"viewport": {"width": 1200, "height": 1180}, "color_scheme": "light"}),
        ("report-map.png", {"viewport": {"width": 1200, "height": 1130}, "color_scheme": "dark"}),
    ]
    for name, look in looks:
        page = browser.new_page(**look)
        page.goto(file.as_uri())
        page.locator("#person").select_option(label="Ada")
        if name == "report-map.png":
            page.locator("#hours").evaluate("(one) => one.scrollIntoView()")
        page.screenshot(path=_OUT / name)
        page.close()


def _shoot_prefect(browser: Browser, home: Path) -> None:
    from flows.server.runtime import prefect_runtime

    with prefect_runtime(home) as runtime:
        runtime.wait_until_ready()
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            found = {artifact.key: artifact.id for artifact in client.read_artifacts()}
        page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
        password = os.environ["PREFECT_API_AUTH_STRING"]
        page.add_init_script(f"localStorage.setItem('prefect-password', btoa('{password}'))")  # as the login does
        page.goto(f"{runtime.pages}/artifacts/artifact/{found['moodlog-summary']}")
        page.get_by_text("From the view mood_daily").wait_for()
        page.screenshot(path=_OUT / "prefect.png")
        page.close()


if __name__ == "__main__":
    run_sealed(main)
