"""The README's ways to run on schedules: a server with a pool and a worker, and ``moodlog serve``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows.deployments import read_deployments
from mood_core.app.workspace import utc_now
from mood_core.classifier.model_card import read_card
from standin import StandIn
from standin.faults import Fault, FaultKind
from tests.flows.cluster import workers
from tests.flows.deployed import MOODLOG, PREFECT, prefect_server, run, until
from tests.labelled_tracks import made_up_tracks
from tests.nights import connect_listeners, point_at, workspace_of

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def _prefect(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(*PREFECT, *arguments, ok=False)


def test_set_up_deploy_work_and_run_by_hand(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(seed=3, listeners=2) as standin, prefect_server(tmp_path / "prefect"):
        point_at(standin, monkeypatch)
        with workspace_of(standin) as workspace:
            connected = connect_listeners(workspace, standin)

        run(*MOODLOG, "setup")
        run(*PREFECT, "deploy", "--all", "--no-prompt")
        listed = _prefect("deployment", "ls").stdout
        assert all(deployment.name in listed for deployment in read_deployments())

        with workers(["only"], limit=2):
            standin.faults.add(Fault(FaultKind.RATE_LIMITED, "reccobeats_audio_features", retry_after_s=7200))
            began = utc_now()
            done = _prefect("deployment", "run", "run-nightly/run-now", "-p", "dry_run=false", "--watch")
            assert done.returncode == 0, done.stdout + done.stderr
            _assert_labelling_runs_later(began)
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


def _runs_of(flow: str) -> list[FlowRun]:
    """The runs of a flow that no schedule has made."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))
    return [run for run in runs if not run.auto_scheduled]


def _assert_labelling_runs_later(began: datetime) -> None:
    (night,) = _runs_of("run-nightly")
    assert night.state is not None
    assert (night.state.name, "deferred features run at" in str(night.state.message)) == ("Degraded", True)
    (later,) = _runs_of("label-moods")
    assert (later.name, later.parameters) == ("deferred features", {})
    _assert_due_in_two_hours(later, began)


def _assert_due_in_two_hours(later: FlowRun, began: datetime) -> None:
    assert later.expected_start_time is not None
    waits_s = later.expected_start_time.timestamp() - began.timestamp()
    assert 7200 <= waits_s < 7200 + 300


def _assert_the_rest_runs_later(user_id: str, began: datetime) -> None:
    runs = _runs_of("run-nightly")
    # Whether the other account was asked before Spotify said this to the whole app is a matter of milliseconds.
    reported = next(
        run.state for run in runs if run.state is not None and "deferred accounts run at" in str(run.state.message)
    )
    assert reported.name in {"Degraded", "Failed"}
    later = next(run for run in runs if run.name == "deferred accounts")
    assert user_id in later.parameters["people"]
    _assert_due_in_two_hours(later, began)


def test_serve_runs_the_same_deployments(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        password = run(*MOODLOG, "serve", "--show-password").stdout.strip()
        assert password not in "".join(said)
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", password)
        monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
        deadline = time.monotonic() + 600
        names = [deployment.name for deployment in read_deployments()]
        while not all(name in _prefect("deployment", "ls").stdout for name in names):
            assert time.monotonic() < deadline, "the deployments do not appear"
        done = _prefect("deployment", "run", "label-moods/label", "--watch")
        assert done.returncode == 0, done.stdout + done.stderr
        here = {PREFECT_API_URL: f"{address}/api", PREFECT_API_AUTH_STRING: password}
        with temporary_settings(here):  # this process read its settings before
            _assert_what_no_schema_refuses_does_nothing()
            _assert_training_ends(made_up_tracks(tmp_path / "labelled.csv"), tmp_path / "models")
    finally:
        serving.terminate()
        last_words, _ = serving.communicate(timeout=600)
    assert serving.returncode == 0
    assert "Warning" not in last_words


def _assert_what_no_schema_refuses_does_nothing() -> None:
    """What Prefect's server cannot see is wrong ends the run before its first task, and says what it is."""
    swapped = {"first_day": "2026-11-05", "last_day": "2026-11-01"}
    wrong: dict[str, dict[str, Any]] = {
        "the first day, 2026-11-05,": swapped,
        "nobody": {"people": ["nobody"]},
        "peple": {"peple": ["ada"]},
    }
    with get_client(sync_client=True) as client:
        night = client.read_deployment_by_name("run-nightly/run-now")
        made = {
            named: client.create_flow_run_from_deployment(night.id, parameters=parameters)
            for named, parameters in wrong.items()
        }
        for named, flow_run in made.items():
            ended = until(lambda id_=flow_run.id: _ended(client.read_flow_run(id_)), 120)  # type: ignore[misc]
            assert ended.state is not None
            assert ended.state.type in {StateType.FAILED, StateType.CRASHED}
            kept = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run.id]))
            until(lambda kept=kept, named=named: _reported(client, kept, named))  # type: ignore[misc]
            own = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
            assert client.read_task_runs(flow_run_filter=own) == []


def _reported(client: SyncPrefectClient, kept: LogFilter, named: str) -> bool:
    return any(named in log.message for log in client.read_logs(log_filter=kept))


def _ended(flow_run: FlowRun) -> FlowRun | None:
    return flow_run if flow_run.state is not None and flow_run.state.is_final() else None


def _assert_training_ends(data: Path, out: Path) -> None:
    pytest.importorskip("tensorflow", reason="the extra train is not installed")
    given = {"data": data, "out": out, "folds": 2, "repeats": 1, "baselines": "false"}
    parameters = [part for name, value in given.items() for part in ("-p", f"{name}={value}")]
    done = _prefect("deployment", "run", "train-model/train", *parameters, "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    (trained,) = _runs_of("train-model")
    assert trained.state is not None
    assert "moodlog promote" in str(trained.state.message)
    assert read_card(out / "my-moods" / "1").model_version == "my-moods/1"
