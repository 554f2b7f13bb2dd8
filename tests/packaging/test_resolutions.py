"""The oldest and the newest packages that ``pyproject.toml`` allows, from the wheel: schedules start runs with both."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.schedules import IntervalSchedule

from standin import StandIn
from tests.flows.deployed import until
from tests.flows.serving import NIGHTS, rows, serving
from tests.nights import connect_listeners, point_at, workspace_of
from tests.sealed import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.prefect, pytest.mark.timeout(1200)]

_OFFLINE = ("error sending request", "failed to fetch", "dns error", "network connectivity is disabled")


def _uv() -> str:
    own = ROOT / ".uv" / "bin" / "uv"
    found = os.environ.get("UV") or shutil.which("uv") or (str(own) if own.is_file() else None)
    if found is None or shutil.which(found) is None:
        pytest.skip("uv is not installed; make fetches it")
    return found


def _pythons(uv: str) -> list[str]:
    """The versions of Python that moodlog allows and this machine has, the oldest first."""
    wanted = ("3.11", "3.12", "3.13", "3.14")
    return [version for version in wanted if _has(uv, version)]


def _has(uv: str, version: str) -> bool:
    command = [uv, "python", "find", "--no-python-downloads", "--no-project", version]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def connected(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with two connected listeners."""
    with StandIn(seed=5, listeners=2) as standin:
        point_at(standin, monkeypatch)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        yield home


def _installed(uv: str, resolution: str, python: str, folder: Path) -> Path:
    """An environment with the wheel of a copy of this checkout and the packages of ``resolution``."""
    copy, environment = folder / "copy", folder / "environment"
    for name in ("flows", "mood_core", "sql", "standin"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "prefect.yaml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    options = ["--resolution", resolution, "--no-dev", "--no-editable", "--python", python, "--no-python-downloads"]
    done = subprocess.run(
        [uv, "sync", *options],
        cwd=copy,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(part in done.stderr.lower() for part in _OFFLINE):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return environment


@pytest.mark.parametrize(("resolution", "place"), [("lowest-direct", 0), ("highest", -1)])
def test_a_schedule_starts_runs(resolution: str, place: int, connected: Path, tmp_path: Path) -> None:
    uv = _uv()
    python = _pythons(uv)[place]
    environment = _installed(uv, resolution, python, tmp_path)
    with serving(connected, moodlog=(str(environment / "bin" / "moodlog"),)) as serve:
        until(lambda: serve.health()[0] == 200 or None)
        with serve.client() as client:
            nightly = client.read_deployment_by_name("run-nightly/nightly")
            often = IntervalSchedule(interval=timedelta(seconds=20))
            client.update_deployment_schedule(nightly.id, nightly.schedules[0].id, schedule=often)
        assert until(lambda: serve.rows(NIGHTS), 400)[0] == ("Completed",), f"{resolution} on Python {python}"
        assert rows(connected / "moodlog.db", "SELECT count(mood) > 0 FROM mood_history") == [(1,)]
    _still_runs_when_slim(environment, tmp_path / "slim")


def _still_runs_when_slim(environment: Path, folder: Path) -> None:
    """What docs/deploy/slim.sh deletes for the container is not missed by a demo."""
    folder.mkdir()
    subprocess.run([ROOT / "docs" / "deploy" / "slim.sh", environment], check=True)
    assert not list(environment.rglob("*flight*.so*"))
    command = [str(environment / "bin" / "moodlog"), "demo", "--days", "2", "--listeners", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
