"""The README's ways to run on schedules: a server with a pool and a worker, and ``moodlog serve``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName

from flows.deployments import read_deployments
from mood_core.bootstrap import utc_now
from mood_core.standin import StandIn
from mood_core.standin.faults import Fault, FaultKind
from tests.flows.cluster import workers
from tests.flows.deployed import MOODLOG, PREFECT, prefect_server, run
from tests.nights import connect_listeners, settings_for, workspace_of

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(600)]


def _prefect(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(*PREFECT, *arguments, ok=False)


def test_set_up_deploy_work_and_run_by_hand(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(seed=3, listeners=2) as standin, prefect_server(tmp_path / "prefect"):
        for name, value in settings_for(standin).items():
            monkeypatch.setenv(name, value)
        with workspace_of(standin) as workspace:
            connected = connect_listeners(workspace, standin)

        run(*MOODLOG, "setup")
        run(*PREFECT, "deploy", "--all", "--no-prompt")
        listed = _prefect("deployment", "ls").stdout
        assert all(deployment.name in listed for deployment in read_deployments())

        with workers(["only"], limit=2):
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
            with workspace_of(standin) as workspace:
                assert workspace.mood_rows.current_version() is not None
                assert all(account.last_pulled_at for account in workspace.accounts.all())

            asked_to_wait = Fault(
                FaultKind.RATE_LIMITED, "recently_played", connected[0], times=None, retry_after_s=7200
            )
            standin.faults.add(asked_to_wait)
            began = utc_now()
            _prefect("deployment", "run", "run-nightly/run-now", "--watch")
        _assert_the_rest_runs_later(connected[0], began)


def _assert_the_rest_runs_later(user_id: str, began: datetime) -> None:
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["run-nightly"])))
    # Whether the other account was asked before Spotify said this to the whole app is a matter of milliseconds.
    told = next(run.state for run in runs if run.state is not None and "the rest of" in str(run.state.message))
    assert told.name in {"Degraded", "Failed"}
    later = next(run for run in runs if run.name == "what was put off (accounts)")
    assert user_id in later.parameters["people"]
    assert later.expected_start_time is not None
    waits_s = later.expected_start_time.timestamp() - began.timestamp()
    assert 7200 <= waits_s < 7200 + 300


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
