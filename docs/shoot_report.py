"""Takes docs/images/report.png from a written page: ``python docs/shoot_report.py PAGE.html``. Needs Chromium."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_OUT = Path(__file__).resolve().parent / "images" / "report.png"


def main() -> None:
    """Shoot the top of the page that the first argument names."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme="light")
        page.goto(Path(sys.argv[1]).resolve().as_uri())
        page.screenshot(path=_OUT)
        browser.close()


if __name__ == "__main__":
    main()
