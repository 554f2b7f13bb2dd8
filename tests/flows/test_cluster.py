"""Two workers on PostgreSQL and S3 share a night; one dies in the midst of a shard, and nothing is lost or twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

from standin import StandIn
from tests.flows.cluster import cluster, kill, worker_of, workers
from tests.flows.deployed import MOODLOG, run, until
from tests.many_tracks import add_tracks, asked
from tests.nights import contents, truth, workspace_of

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.slow,
    pytest.mark.postgresql,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them"),
]


@pytest.fixture
def night(home: Path, tmp_path: Path, postgres_url: str) -> Iterator[StandIn]:
    with (
        StandIn(seed=8, listeners=24, frozen=True, latency_s=1.0) as standin,
        cluster(tmp_path, standin, postgres_url, shards=4),
    ):
        yield standin


def test_a_worker_dies_in_mid_shard_and_another_finishes(night: StandIn) -> None:
    with get_client(sync_client=True) as client, workers(["first", "second"], limit=3) as running:
        nightly = client.read_deployment_by_name("run-nightly/nightly")
        parent = client.create_flow_run_from_deployment(nightly.id, parameters={"share": True})
        host = until(lambda: _worker_of(client.read_flow_run(parent.id)), 300)
        doomed = next(process for process in running.values() if process.pid != host)
        until(lambda: any(_is_running(shard) and _worker_of(shard) == doomed.pid for shard in _shards(client)), 300)
        victims = [shard for shard in _shards(client) if _worker_of(shard) == doomed.pid]
        kill(doomed)
        for victim in victims:  # what the automation "a run has died" does, some minutes later
            client.set_flow_run_state(victim.id, Crashed(message="its process sends no heartbeat any more"), force=True)
        ended = until(lambda: _ended(client, parent), 400)
        assert ended.state is not None
        assert ended.state.name == "Completed", ended.state.message
        assert len(_shards(client)) == 4 + len(victims)

    with workspace_of(night) as workspace:
        listens = contents(workspace)["listens"]
    expected = {(user_id, moment) for user_id, moments in truth(night).items() for moment in moments}
    assert sorted((user_id, at) for user_id, at, *_ in listens) == sorted(expected), "every listen, and each once"
    verified = json.loads(run(*MOODLOG, "verify", "--deep", "--json").stdout)
    assert not verified["findings"]


def test_a_worker_dies_in_mid_shard_of_tracks_and_nothing_is_asked_or_labelled_twice(
    night: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    monkeypatch.setenv("MOODLOG_TRACKS_IN_SHARD", "80")
    with workspace_of(night) as workspace:
        add_tracks(workspace, night, 1600)
    with get_client(sync_client=True) as client, workers(["first", "second"], limit=2) as running:
        deployment = client.read_deployment_by_name("label-moods/label")
        parent = client.create_flow_run_from_deployment(deployment.id, parameters={"share": True})
        host = until(lambda: _worker_of(client.read_flow_run(parent.id)), 300)
        doomed = next(process for process in running.values() if process.pid != host)
        until(lambda: any(_is_running(one) and _worker_of(one) == doomed.pid for one in _helpers(client)), 300)
        calls = night.calls.count("reccobeats_audio_features")
        until(lambda: night.calls.count("reccobeats_audio_features") > calls + 3, 300)
        kill(doomed)
        ended = until(lambda: _ended(client, parent), 400)
        assert ended.state is not None
        assert ended.state.name == "Completed", ended.state.message
    counts = asked(night)
    assert len(counts) == 1600
    assert sum(times - 1 for times in counts.values()) <= 2 * 40, "what the killed processes had under way"
    with workspace_of(night) as workspace:
        stored = contents(workspace)
        in_lake = [workspace.lake.read(path)[1].num_rows for path in workspace.lake.paths("moods")]
        labelled = [row for row in stored["moods"] if row[1] is not None]
        assert len(labelled) == len(stored["features"]) == sum(in_lake)
    assert not json.loads(run(*MOODLOG, "verify", "--deep", "--json").stdout)["findings"]


def _shards(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["pull-accounts"])))


def _helpers(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["label-shards"])))


def _worker_of(flow_run: FlowRun) -> int | None:
    pid = (flow_run.infrastructure_pid or "").rpartition(":")[2]
    return worker_of(int(pid)) if pid.isdecimal() else None


def _is_running(flow_run: FlowRun) -> bool:
    return flow_run.state is not None and flow_run.state.is_running()


def _ended(client: SyncPrefectClient, flow_run: FlowRun) -> FlowRun | None:
    read = client.read_flow_run(flow_run.id)
    return read if read.state is not None and read.state.is_final() else None
