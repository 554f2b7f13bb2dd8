"""A run that shares its accounts, without a worker, with a worker that dies, and while the Prefect server is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.states import Pending, Running

import flows.sharing.share
from flows.label_moods import label_moods
from flows.server.local_server import LocalServer
from flows.serving.dead_runs import OWNER, end_dead_runs
from flows.sharing.shards import split
from flows.sync_listens import sync_listens
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import LEASE_S
from mood_core.usecases.nightly.night_report import NightReport
from standin import StandIn
from tests.flows.deployed import MOODLOG, PREFECT, prefect_server_process, run, until
from tests.functional.test_leases import owner_that_has_ended
from tests.many_tracks import add_tracks, asked
from tests.nights import connect_listeners, point_at, workspace_of

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

SHARDS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with prefect_server_process(tmp_path_factory.mktemp("prefect")) as running:
        run(*MOODLOG, "setup")
        run(*PREFECT, "deploy", "--all", "--no-prompt")
        yield running


@pytest.fixture
def listeners(home: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn(seed=8, listeners=12, frozen=True, latency_s=0.3) as standin:
        point_at(standin, monkeypatch)
        monkeypatch.setenv("MOODLOG_SHARDS", str(SHARDS))
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        yield standin


def _pull() -> NightReport:
    state = sync_listens(share=True, return_state=True)
    assert state.name == "Completed", state.message
    report = state.result()
    assert isinstance(report, NightReport)
    return report


def _label() -> NightReport:
    report = label_moods(share=True, return_state=True).result()
    assert isinstance(report, NightReport)
    return report


def _shards(since: float, flow: str = "pull-accounts") -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))
    return [one for one in runs if one.created is not None and one.created.timestamp() >= since]


@contextmanager
def _meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Let ``act`` happen in a thread that knows this one's Prefect server."""
    thread = threading.Thread(target=copy_context().run, args=[act])
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_without_a_worker_it_pulls_every_shard_itself_and_waits_for_nobody(listeners: StandIn) -> None:
    began = time.time()
    assert len(_pull().outcomes) == 12
    assert {shard.state_name for shard in _shards(began)} == {"TakenOver"}
    with workspace_of(listeners) as workspace:
        (pulled,) = workspace.database.rows(query("successes"))
    assert (pulled.step, pulled.until_ms >= began * 1000 - 1) == ("flow sync-listens", True)


def test_a_shard_whose_worker_died_before_it_began_is_taken_back(
    listeners: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.sharing.share, "PENDING_S", 1.0)
    began = time.time()

    def pick_the_first_and_die() -> None:
        first = until(lambda: next((one for one in _shards(began) if one.parameters["label"] == "shard 1"), None))
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(first.id, Pending())

    with _meanwhile(pick_the_first_and_die):
        report = _pull()
    assert len(report.outcomes) == 12
    states = sorted(shard.state_name or "" for shard in _shards(began))
    assert states == ["Crashed", *["TakenOver"] * (len(states) - 1)]


def test_a_run_waits_for_a_server_that_is_away(
    listeners: StandIn, monkeypatch: pytest.MonkeyPatch, server: LocalServer
) -> None:
    back = threading.Timer(10, _restart, [server])

    def stop_and_split(user_ids: Sequence[str], shards: int) -> list[list[str]]:
        server.stop()
        back.start()
        return split(user_ids, shards)

    monkeypatch.setattr("flows.sync_listens.split", stop_and_split)
    try:
        assert len(_pull().outcomes) == 12
    finally:
        back.join()


def test_a_server_that_stays_away_leaves_every_shard_to_the_run(
    listeners: StandIn, monkeypatch: pytest.MonkeyPatch, server: LocalServer
) -> None:
    monkeypatch.setattr("flows.server.retries.OUTAGE_S", 2.0)

    def outage() -> None:
        until(lambda: listeners.calls.count("recently_played"), 300)
        server.stop()
        until(lambda: listeners.calls.count("recently_played") == 12, 300)
        _restart(server)

    with _meanwhile(outage):
        assert len(_pull().outcomes) == 12


def test_without_a_worker_it_does_every_shard_of_tracks_itself(
    listeners: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    monkeypatch.setenv("MOODLOG_TRACKS_IN_SHARD", "80")
    began = time.time()
    with workspace_of(listeners) as workspace:
        add_tracks(workspace, listeners, 330)
    report = _label()
    assert report.features is not None
    assert report.labels is not None
    assert report.features.found.total() == report.labels.labelled > 200
    assert report.labels.drift is not None
    assert set(asked(listeners).values()) == {1}
    assert [one.state_name for one in _shards(began, "label-shards")] == ["TakenOver"] * (SHARDS - 1)
    again = _label()
    assert again.labels is not None
    assert again.labels.labelled == 0
    assert len(_shards(began, "label-shards")) == SHARDS - 1, "no helpers for nothing"


def _restart(server: LocalServer) -> None:
    server.restart(lambda _: None)
    server.wait_until_ready()


def test_what_dead_processes_left_is_ended(listeners: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = owner_that_has_ended()
    with get_client(sync_client=True) as client, workspace_of(listeners) as workspace:
        nightly = client.read_deployment_by_name("run-nightly/nightly")
        night = client.create_flow_run_from_deployment(nightly.id)
        client.update_flow_run_labels(night.id, {OWNER: dead})
        client.set_flow_run_state(night.id, Running(), force=True)
        ids = [account.user_id for account in workspace.accounts.all()]
        workspace.accounts.leases.acquire(ids, f"another-host:7:{night.id}", now=workspace.now(), for_s=LEASE_S)
        picked = client.create_flow_run_from_deployment(nightly.id)
        client.set_flow_run_state(picked.id, Pending(), force=True)
        monkeypatch.setattr("flows.serving.dead_runs.PENDING_LIMIT", timedelta(0))
        assert {one.id for one in end_dead_runs(client)} == {night.id, picked.id}
        assert {client.read_flow_run(one.id).state_name for one in (night, picked)} == {"Crashed"}
        freed = workspace.accounts.leases.acquire(ids, "another-host:8:x", now=workspace.now(), for_s=LEASE_S)
        assert freed == sorted(ids)
