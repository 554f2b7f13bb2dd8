"""The README's ways to run on schedules: a server with a pool and a worker, and ``moodlog serve``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.deployments import read_deployments
from flows.local_server import local_server
from mood_core.standin import StandIn
from tests.nights import connect_listeners, settings_for, workspace_of

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
PREFECT = [sys.executable, "-m", "prefect"]


@pytest.fixture
def server(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real Prefect server, set as a person sets theirs."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    with local_server(tmp_path / "prefect") as running:
        running.wait_until_ready()
        monkeypatch.setenv("PREFECT_API_URL", running.api_url)
        yield running.api_url


def _prefect(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PREFECT, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240, env=os.environ
    )


def test_deploy_work_and_run_by_hand(server: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(seed=3, listeners=2) as standin:
        for name, value in settings_for(standin).items():
            monkeypatch.setenv(name, value)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)

        created = _prefect("work-pool", "create", "moodlog", "--type", "process")
        assert created.returncode == 0, created.stderr
        deployed = _prefect("deploy", "--all", "--no-prompt")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        listed = _prefect("deployment", "ls").stdout
        assert all(deployment.name in listed for deployment in read_deployments())

        worker = subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", "moodlog"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(2)
            done = _prefect("deployment", "run", "run-nightly/run-now", "-p", "dry_run=false", "--watch")
            assert done.returncode == 0, done.stdout + done.stderr
            said = subprocess.run(
                [sys.executable, "-m", "flows.cli", "doctor", "--json"], capture_output=True, text=True, check=False
            ).stdout
            schedule = next(line for line in map(json.loads, said.splitlines()) if line["what"] == "schedule")
            assert (schedule["level"], "last succeeded" in schedule["said"]) == ("ok", True), schedule
            refused = _prefect("deployment", "run", "run-nightly/run-now", "-p", "first_day=yesterday")
            assert refused.returncode == 1
            assert "first_day" in refused.stdout + refused.stderr
        finally:
            worker.terminate()
            worker.wait(timeout=60)
        with workspace_of(standin) as workspace:
            assert workspace.mood_rows.current_version() is not None
            assert all(account.last_pulled_at for account in workspace.accounts.all())


def test_serve_runs_the_same_deployments(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    serving = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve", "--port", "4299"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert serving.stdout is not None
        said = list(iter(serving.stdout.readline, "Stop with Ctrl-C.\n"))
        address = next(line.split()[-1] for line in said if "pages" in line)
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
        deadline = time.monotonic() + 60
        names = [deployment.name for deployment in read_deployments()]
        while not all(name in _prefect("deployment", "ls").stdout for name in names):
            assert time.monotonic() < deadline, "the deployments do not appear"
        done = _prefect("deployment", "run", "label-moods/label", "--watch")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        serving.terminate()
        serving.wait(timeout=60)
