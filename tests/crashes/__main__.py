"""``python -m tests.crashes --points 500 --seed 7``: the long form, by hand."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections import Counter
from pathlib import Path

from flows.server.local_server import local_server
from tests.crashes.driver import Crashes
from tests.crashes.homes import standin_for_crashes
from tests.crashes.programs import PROGRAMS
from tests.databases import postgres_running
from tests.sealed import run_sealed


def main() -> int:
    """Kill, compare and report; 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500, help="how many kills, over all programs")
    parser.add_argument("--seed", type=int, default=0, help="decides where")
    parser.add_argument("--program", choices=PROGRAMS, action="append", help="only this one; may be repeated")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="only this one")
    parser.add_argument("--step", type=int, help="kill at this step alone")
    parser.add_argument("--full", action="store_true", help="do not kill: from the step on, the disk is full")
    given = parser.parse_args()
    programs, databases = given.program or list(PROGRAMS), given.database or ["sqlite", "postgresql"]
    begun, bad, done = time.monotonic(), [], Counter[str]()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodlog-crashes-")))
        standin = stack.enter_context(standin_for_crashes())
        postgres = stack.enter_context(postgres_running()) if "postgresql" in databases else None
        crashes = Crashes(folder, standin, postgres)
        stack.callback(crashes.close)
        if any(PROGRAMS[name].flow for name in programs):
            server = stack.enter_context(local_server(folder / "prefect"))
            server.wait_until_ready()
            crashes.prefect = server.client_environment
        if given.step:
            points = iter([crashes.killed(programs[0], databases[0], given.step)])
        else:
            points = crashes.points(given.points, given.seed, programs, databases, full=given.full)
        for point in points:
            done[f"{point.program} on {point.database} ({point.steps} steps)"] += 1
            if point.problems:
                bad.append(point)
                print(point, flush=True)  # noqa: T201
    for name, count in done.items():
        print(f"{count:4} points  {name}")  # noqa: T201
    print(f"{done.total()} points in {time.monotonic() - begun:.0f} s, seed {given.seed}: {len(bad)} not whole")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    run_sealed(main)
