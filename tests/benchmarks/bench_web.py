"""The CPU time of each page and of answers: ``python -m tests.benchmarks.bench_web [YEARS [A_DAY]]``.

Takes ten years of 200 listens a day by default. Prints milliseconds, the least of three requests, and bytes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from mood_core.app.workspace import Workspace
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.counted import count_people
from tests.benchmarks.bench_store_load import say
from tests.report_history import add_years, workspace
from tests.sealed import run_sealed
from tests.served_pages import served


def paths(track_id: str, person: str, year: int) -> list[str]:
    """The pages, pictures and answers that are measured."""
    periods = ["", f"/{year}", f"/{year}-03", f"/{year}-03-10", "/search?q=e", "/data", "/ask", f"/{year}/recap"]
    compared = [f"a={year}-02&b={year}-03", f"a={year}&b={year - 1}"]
    api = [f"periods/{year}", f"days/{year}-03-10", f"days?from={year}-01-01&to={year}-12-31", "coverage", "gaps"]
    api += [f"tracks/{track_id}", "search?q=e"]
    return [
        "/",
        *(f"/{person}{part}" for part in periods),
        f"/{person}/track/{track_id}",
        *(f"/compare?one={person}&{part}" for part in compared),
        *(f"/{person}/{name}" for name in ("day.svg", "week.svg", "day.png")),
        *("/api/people", "/api/findings", f"/api/people/{person}"),
        *(f"/api/people/{person}/{part}" for part in api),
        "/doctor",
        "/metrics",
    ]


def main(space: Workspace, person: str, year: int) -> None:
    """Ask for each path three times."""
    (account,) = space.accounts.all([person])
    top = space.database.rows(query("web_top_tracks"), {"user": account.user_id, "most": 1})
    with served(space) as pages:
        for path in paths(top[0].track_id, person, year):
            best = float("inf")
            for _ in range(3):
                began = time.process_time()
                answer = pages.client.get(path)
                best = min(best, time.process_time() - began)
            say(f"{1000 * best:6.0f} ms {answer.status_code} {len(answer.content):8} bytes {path}")
        form = {"form_token": pages.access.form_token()}
        for mood in ("Sad", "Happy", "undone"):
            began = time.process_time()
            path = f"/{person}/track/{top[0].track_id}"
            answer = pages.client.post(path, data=form | {"answer": mood})
            say(f"{1000 * (time.process_time() - began):6.0f} ms {answer.status_code} answer {mood}")


def start() -> None:
    """Take years and listens a day from the command line."""
    years, a_day = (int(word) for word in [*sys.argv[1:], *("10", "200")[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as space:
        say(f"{add_years(space, years=years, a_day=a_day)} listens")
        with space.database.write() as connection:
            count_people(connection)  # as every night
        main(space, "ada", 2026)


if __name__ == "__main__":
    run_sealed(start)
