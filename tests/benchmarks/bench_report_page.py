"""The mood page of ten years with 200 listens a day: how long it takes to write, how large it is, how fast it is drawn.

``python -m tests.benchmarks.bench_report_page [KEEP.html]``
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from mood_core.cli.report import write_report
from tests.report_history import add_years, workspace
from tests.sealed import given_path, run_sealed

_READY = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const [page] = performance.getEntriesByType("navigation");
  return [Math.round(page.domComplete), Math.round(performance.now())];
}"""
_SWITCH = """async () => {
  const began = performance.now();
  const period = document.getElementById("period");
  period.value = "30-days";
  period.dispatchEvent(new Event("change"));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return Math.round(performance.now() - began);
}"""


def main() -> None:
    """Print the measurements."""
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as space:
        listens = add_years(space, years=10, a_day=200)
        began = time.process_time()
        file = write_report(space, Path(folder) / "page.html")
        took = time.process_time() - began
        _say(f"{listens} listens: {file.stat().st_size / 1e6:.2f} MB, written in {took:.1f} s of CPU")
        if len(sys.argv) > 1:
            shutil.copy(file, given_path(sys.argv[1]))
        _draw(file)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _draw(file: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(file.as_uri())
            loaded, drawn = page.evaluate(_READY)
            _say(f"{width} px wide: loaded after {loaded} ms, drawn after {drawn} ms")
            _say(f"{width} px wide: another period is drawn in {page.evaluate(_SWITCH)} ms")
        browser.close()


if __name__ == "__main__":
    run_sealed(main)
