"""Killed at any step and run again, database and lake hold exactly what an undisturbed night gives."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mood_core.bootstrap import Workspace
from mood_core.lake import open_lake
from mood_core.schema import DATASETS
from mood_core.standin import StandIn
from tests.conftest import NOW
from tests.nights import connect_listeners, contents, settings_for, workspace_of

ROOT = Path(__file__).resolve().parents[2]


def _night(home: Path, kill_at: int | None = None) -> subprocess.CompletedProcess[str]:
    arguments = [NOW.isoformat(), *([str(kill_at)] if kill_at else [])]
    return subprocess.run(
        [sys.executable, "-m", "tests.functional.night_child", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _lake_rows(home: Path) -> dict[str, list[str]]:
    """By dataset, every row of the lake, sorted: a row that stands in two files stands here twice."""
    lake = open_lake(str(home / "lake"))
    return {
        name: sorted(str(row) for path in lake.paths(name) for row in lake.read(path)[1].to_pylist())
        for name in DATASETS
    }


def _state(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, list[str]]]:
    monkeypatch.setenv("MOODLOG_HOME", str(home))
    with Workspace(now=lambda: NOW) as workspace:
        return contents(workspace), _lake_rows(home)


@pytest.fixture
def connected(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose listeners are connected and have not been pulled yet."""
    for name, value in settings_for(standin).items():
        monkeypatch.setenv(name, value)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
    return home


def _crash_everywhere(connected: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, points: int) -> None:
    def copy(name: str) -> Path:
        shutil.copytree(connected, tmp_path / name)
        monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / name))
        return tmp_path / name

    calm = copy("calm")
    night = _night(calm)
    assert night.returncode == 0, night.stderr
    steps = int(night.stdout)
    expected = _state(calm, monkeypatch)
    assert len(expected[0]["listens"]) > 100
    for point in sorted({1 + index * (steps - 1) // (points - 1) for index in range(points)}):
        home = copy(f"killed-at-{point}")
        killed = _night(home, kill_at=point)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = _night(home)
        assert again.returncode == 0, f"after a kill at step {point} of {steps}: {again.stderr}"
        assert _state(home, monkeypatch) == expected, f"after a kill at step {point} of {steps}"
        shutil.rmtree(home)


def test_a_night_killed_anywhere_is_made_whole_by_the_next(
    connected: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _crash_everywhere(connected, monkeypatch, tmp_path, points=6)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_night_killed_at_many_steps_is_made_whole_by_the_next(
    connected: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _crash_everywhere(connected, monkeypatch, tmp_path, points=80)
