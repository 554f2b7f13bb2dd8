"""A night without news: what Prefect adds to plain mood_core, on a server that runs, beyond importing Prefect.

    python -m tests.benchmarks.bench_night_overhead [ACCOUNTS]

Wall time and this process's CPU time: on a busy machine, trust the latter. A flow waits up to a second for its own
heartbeat to end, so that a night under Prefect has a floor of one second.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flows.server.local_server import local_server
from standin import StandIn
from tests.nights import connect_listeners, one_night, settings_for, workspace_of
from tests.sealed import run_sealed

Times = tuple[float, float]
"""Wall and CPU seconds."""

_TIMES = 3


def main() -> None:
    """Print both for each step."""
    accounts = int(sys.argv[1]) if sys.argv[1:] else 5
    with tempfile.TemporaryDirectory() as folder, StandIn(seed=4, listeners=accounts, frozen=True) as standin:
        os.environ.update(settings_for(standin), MOODLOG_HOME=folder, PREFECT_HOME=f"{folder}/prefect")
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
            one_night(workspace)
            plain = min(_taken(lambda: one_night(workspace)) for _ in range(_TIMES))
        with local_server(Path(folder) / "prefect") as server:
            os.environ.update(server.client_environment)
            server.wait_until_ready()
            _under_prefect(plain)


def _under_prefect(plain: Times) -> None:
    _print("importing Prefect", _taken(_import_prefect))
    imported = _taken(_import_flow)
    _print("importing the flow", imported)
    from flows.run_nightly import run_nightly

    first = _taken(run_nightly)
    _print("the first night of a process", first)
    _print("a later one", min(_taken(run_nightly) for _ in range(_TIMES)))
    _print("a night, plain mood_core", plain)
    overhead = (imported[0] + first[0] - plain[0], imported[1] + first[1] - plain[1])
    _print("overhead over importing Prefect", overhead)


def _import_prefect() -> None:
    import prefect  # noqa: F401 - its import is what is measured


def _import_flow() -> None:
    import flows.run_nightly  # noqa: F401 - as above


def _taken(step: Callable[[], object]) -> Times:
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - cpu


def _print(what: str, times: Times) -> None:
    print(f"{what:34} {times[0]:6.2f} s, CPU {times[1]:5.2f} s")  # noqa: T201


if __name__ == "__main__":
    run_sealed(main)
