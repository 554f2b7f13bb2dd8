"""A pull shared by one worker and by two, which wait for Spotify most of the time: wall time and its ratio.

    python -m tests.benchmarks.bench_shared_pull [ACCOUNTS] [LATENCY_S]

A cluster on loopback: the database on PostgreSQL, the lake on an S3 server, a Prefect server, workers that run two
shards each at once. The run that shares is no part of a worker, as on a machine of its own.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path

import pytest

from standin import StandIn
from tests.databases import postgres_database, postgres_running
from tests.flows.cluster import cluster, workers
from tests.nights import contents, workspace_of
from tests.sealed import run_sealed

_SHARDS = 8
_AT_ONCE = 2


def main() -> None:
    """Measure both, each on an empty database, and print the ratio."""
    accounts, latency_s = int(sys.argv[1]) if sys.argv[1:] else 400, float(sys.argv[2]) if sys.argv[2:] else 1.0
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    taken = {}
    for names in (["first"], ["first", "second"]):
        taken[len(names)] = _pull(accounts, latency_s, names)
        print(f"{len(names)} worker(s): {taken[len(names)]:.1f} s for {accounts} accounts at {latency_s:g} s a call")  # noqa: T201
    print(f"two against one: {taken[2] / taken[1]:.2f} (at most 0.60 is wanted)")  # noqa: T201


def _pull(accounts: int, latency_s: float, names: list[str]) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="moodlog-shared-") as folder,
        postgres_running() as server,
        postgres_database(server) as database_url,
        StandIn(seed=1, listeners=accounts, frozen=True) as standin,
        cluster(Path(folder), standin, database_url, shards=_SHARDS),
        workers(names, limit=_AT_ONCE),
        pytest.MonkeyPatch.context() as patch,
    ):
        from flows.sharing import share as sharing
        from flows.sync_listens import sync_listens

        patch.setattr(sharing, "PATIENCE_S", 3600.0)  # what waits for a worker is what is measured
        standin.latency_s = latency_s
        time.sleep(15)  # until the workers ask for work
        began = time.perf_counter()
        state = sync_listens(share=True, return_state=True)
        taken_s = time.perf_counter() - began
        standin.latency_s = 0.0
        with workspace_of(standin) as workspace:
            listens = len(contents(workspace)["listens"])
        if state.name != "Completed" or listens == 0:
            raise SystemExit(f"{state.name}: {state.message}")
    return taken_s


if __name__ == "__main__":
    run_sealed(main)
