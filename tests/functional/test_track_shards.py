"""Features and labels in shards of tracks: several processes at once, nothing asked or labelled twice."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import timedelta
from math import ceil
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.errors import LockLost, StoreBusy
from mood_core.lake.schema import TRACKS
from mood_core.store import Database
from mood_core.store.engine.named_queries import query as named_query
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.track_leases import TrackLeases
from mood_core.usecases.nightly.label_tracks import LabelReport
from standin import Fault, FaultKind, StandIn
from tests.many_tracks import add_recordings, add_tracks, asked
from tests.nights import connect_listeners, contents, settings_for, workspace_of
from tests.store_data import NOW, query, tracks

_DUE = 2**53
_IDS_PER_CALL = 40


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {
        "MOODLOG_FEATURE_SOURCES": "reccobeats",
        "MOODLOG_DATABASE_URL": database_url,
        "MOODLOG_TRACKS_IN_SHARD": "80",
    }
    for name, value in (settings_for(standin) | more).items():
        monkeypatch.setenv(name, value)


def _stored(workspace: Workspace) -> object:
    """Everything that is stored; of labels, the mood alone, because the databases round probabilities differently."""
    found = contents(workspace)
    return found | {"moods": [row[:2] for row in found["moods"]]}


def _work(workspace: Workspace) -> tuple[int, int]:
    """Do all shards here; returns how many there were of features and of labels."""
    done = 0, 0
    while workspace.fetch_shard() is not None:
        done = done[0] + 1, 0
    while workspace.track_shards.label(workspace.classifier, workspace.model_card) is not None:
        done = done[0], done[1] + 1
    return done


def test_shards_store_what_one_run_stores_with_as_many_calls(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 330)
        shards = workspace.track_shards
        assert shards.start_round(workspace.feature_sources(), 100) == ceil(330 / 80)
        assert _work(workspace) == (5, 1)
        workspace.fetch_features(stopped_in_shards=[])
        labels = len(query(workspace.database, "SELECT track_key FROM moods"))
        report = workspace.label(in_shards=LabelReport("m", labelled=labels, uncertain=7))
        assert (report.labelled, report.uncertain, report.drift is not None) == (labels, 7, True)
        assert shards.start_round(workspace.feature_sources(), 100) == 0
        assert workspace.fetch_shard() is None
        in_shards = _stored(workspace)
        assert max(asked(standin).values()) == 1
        assert standin.calls.count("reccobeats_audio_features") == 4 * 2 + 1
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("MOODLOG_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 330)
        workspace.fetch_features()
        workspace.label()
        assert _stored(workspace) == in_shards


@pytest.mark.parametrize("ask_again", [False, True])
def test_recordings_are_looked_up_once_although_their_tracks_are_in_different_shards(
    standin: StandIn, *, ask_again: bool
) -> None:
    with workspace_of(standin) as workspace:
        add_recordings(workspace, standin, 60)
        workspace.track_shards.start_round(workspace.feature_sources(), 100, ask_again=ask_again)
        shards = []
        while (report := workspace.fetch_shard(ask_again=ask_again)) is not None:
            shards.append(report)
        assert len(shards) > 1
        assert sum(one.found.total() for one in shards) == 0
        report = workspace.fetch_features(stopped_in_shards=[], ask_again=ask_again)
        assert report.found["reccobeats:isrc"] >= 20
        assert max(asked(standin).values()) == 1
        assert max(asked(standin, "reccobeats_track").values()) == 1


def test_a_service_that_stopped_in_a_shard_is_not_called_for_recordings(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        add_recordings(workspace, standin, 20)
        workspace.fetch_features(stopped_in_shards=["reccobeats"])
        assert not asked(standin)


def test_a_service_that_fails_is_not_called_again_for_the_tracks_of_this_round(standin: StandIn) -> None:
    standin.faults.add(Fault(FaultKind.FORBIDDEN, "reccobeats_audio_features", times=None))
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 120)
        report = workspace.fetch_shard()
        assert report is not None
        stopped = [stop.service for stop in report.stopped]
        assert stopped == ["reccobeats"]
        assert workspace.fetch_shard(skip=stopped) is None
        assert workspace.fetch_shard() is not None
        assert workspace.fetch_shard() is None  # each track was in a shard of this round
        assert workspace.track_shards.start_round(workspace.feature_sources(), 100) == 2


def test_a_lost_lease_writes_nothing_and_its_tracks_are_free_again(migrated: Database) -> None:
    with Workspace(now=lambda: NOW) as workspace:
        workspace.batches.add(TRACKS, tracks("a", "b", "c"), now=NOW)
        leases, later = TrackLeases(workspace.database), NOW + timedelta(minutes=11)
        first = leases.acquire("_feature_queue", now=NOW, most=2, due=_DUE)
        second = leases.acquire("_feature_queue", now=NOW, most=2, due=_DUE)
        assert first is not None
        assert second is not None
        assert [track.track_id for track in workspace.feature_rows.of_lease(first)] == ["a", "b"]
        assert [track.track_id for track in workspace.feature_rows.of_lease(second)] == ["c"]
        assert leases.acquire("_feature_queue", now=NOW, most=2, due=_DUE) is None
        assert leases.find_lost(NOW) == []
        leases.renew(second, later)
        assert leases.find_lost(later) == leases.find_lost(later) == [first.number]
        leases.free([first.number])
        with leases.held(second):
            workspace.feature_rows.pending.keep({"tracks": (1, "x")})
        with pytest.raises(LockLost, match="the track lock"), leases.held(first):
            workspace.feature_rows.pending.keep({"tracks": (1, "x")})
        with pytest.raises(LockLost, match="another moodlog works on them"):
            leases.renew(first, later)
        again = leases.acquire("_feature_queue", now=NOW, most=5, due=_DUE)
        assert again is not None
        assert [track.track_id for track in workspace.feature_rows.of_lease(again)] == ["a", "b"]


def test_runs_that_share_the_lock_keep_out_one_that_needs_it_alone(migrated: Database) -> None:
    with named_lock(migrated, NamedLock.LABELS, shared=True), named_lock(migrated, NamedLock.LABELS, shared=True):
        migrated.run(named_query("remove_move_marks"))
        with pytest.raises(StoreBusy), named_lock(migrated, NamedLock.LABELS, wait_s=0.3):
            pass
    with (
        named_lock(migrated, NamedLock.LABELS),
        pytest.raises(StoreBusy),
        named_lock(migrated, NamedLock.LABELS, wait_s=0.3, shared=True),
    ):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "workers"), [(1, 2), (2, 3), (3, 3)])
def test_processes_that_are_killed_ask_and_label_nothing_twice(
    standin: StandIn, seed: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, moments = 400, random.Random(seed)
    monkeypatch.setattr("mood_core.usecases.collect_responses.PUBLISH_EVERY", 100)
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, count)
        workspace.track_shards.start_round(workspace.feature_sources(), 100)
        kills = [moments.randint(4, 60) for _ in range(workers - 1)]
        processes = [_process(workspace, commit) for commit in (*kills, 0)]
        _run(processes)
        killed = sum(process.returncode == -9 for process in processes)
        assert processes[-1].returncode == 0
        while workspace.track_shards.others() != "none":
            pass
        _work(workspace)
        calls = asked(standin)
        assert sum(times - 1 for times in calls.values()) <= killed * _IDS_PER_CALL
        assert len(calls) == count
        labelled = query(workspace.database, "SELECT track_key FROM moods")
        assert len(labelled) == len(query(workspace.database, "SELECT track_key FROM audio_features"))
        for dataset in ("moods", "audio_features"):
            rows = [id_ for path in workspace.lake.paths(dataset) for id_ in _ids(workspace, path)]
            assert len(rows) == len(set(rows)) == len(labelled)
        workspace.label()
        workspace.batches.finish(now=workspace.now())
        assert workspace.verify(deep=True).findings == []


@pytest.mark.slow
def test_processes_share_the_budget_of_a_service(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(seed=7, listeners=1, frozen=True, audio_features=True) as standin:
        for name, value in (settings_for(standin) | {"MOODLOG_FEATURE_SOURCES": "spotify"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MOODLOG_SPOTIFY_DAILY_BUDGET", "5")
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
            add_tracks(workspace, standin, 1000)  # 13 shards with a call each
            workspace.track_shards.start_round(workspace.feature_sources(), 100)
            _run([_process(workspace, 0) for _ in range(3)])
            assert standin.calls.count("audio_features") == 5
            assert len(query(workspace.database, "SELECT track_key FROM audio_features")) == 5 * 80
            assert workspace.fetch_shard() is None


def _ids(workspace: Workspace, path: str) -> list[str]:
    _, rows = workspace.lake.read(path)
    return [str(id_) for id_ in rows["track_id"].to_pylist()]


def _process(workspace: Workspace, commit: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.shard_worker", workspace.now().isoformat(), str(commit)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _run(processes: list[subprocess.Popen[str]]) -> None:
    """Let all begin when the last one is ready, and wait until all have ended."""
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            process.wait(timeout=600)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
