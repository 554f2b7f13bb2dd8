"""Killed before any system call that writes, each program is made whole by running it again.

The long form, with other seeds and more points: ``python -m tests.crashes --points 500 --seed 7``.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flows.server.local_server import local_server
from tests.crashes.driver import Crashes
from tests.crashes.programs import PROGRAMS, shares
from tests.crashes.syscalls import run_until

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

POINTS = shares(66, list(PROGRAMS))


def _kill_and_compare(crashes: Crashes, program: str) -> None:
    points = list(crashes.points(POINTS[program], 1, [program], ["sqlite", "postgresql"]))
    assert len(points) == POINTS[program]
    assert [str(point) for point in points if point.problems] == []


@pytest.mark.parametrize("program", sorted(name for name, program in PROGRAMS.items() if not program.flow))
def test_a_program_killed_at_any_step_is_made_whole_by_the_next_run(crashes: Crashes, program: str) -> None:
    _kill_and_compare(crashes, program)


@pytest.mark.prefect
def test_the_nightly_flow_killed_under_prefect_is_made_whole_by_the_next(crashes: Crashes, tmp_path: Path) -> None:
    with local_server(tmp_path / "prefect") as server:
        server.wait_until_ready()
        crashes.prefect = server.client_environment
        _kill_and_compare(crashes, "run")


def test_every_call_that_writes_is_a_point(tmp_path: Path) -> None:
    """What a child has written when it is killed at its n-th step is what its first n - 1 steps write."""
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        pytest.skip("a measured child also writes its coverage")

    def write() -> int:
        for number in range(5):
            (tmp_path / f"{number}").mkdir()
        return 0

    assert run_until(write).steps == 5
    for path in tmp_path.iterdir():
        path.rmdir()
    for step in range(1, 6):
        ended = run_until(write, kill_at=step)
        assert (ended.code, ended.steps, ended.last) == (-signal.SIGKILL, step, "mkdir")
        assert len(list(tmp_path.iterdir())) == step - 1
        for path in tmp_path.iterdir():
            path.rmdir()
