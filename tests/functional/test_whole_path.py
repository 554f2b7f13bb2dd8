"""The main path on both databases: what Spotify shows is stored once and labelled from recorded features."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.domain.records import FEATURES
from mood_core.lake import open_lake
from mood_core.lake.schema import DATASETS
from standin import Fault, FaultKind, StandIn
from tests.nights import connect_listeners, contents, one_night, settings_for, truth, workspace_of


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (settings_for(standin) | {"MOODLOG_DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)


def test_a_night_stores_what_is_visible_and_labels_what_has_features(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        report = one_night(workspace)
        stored = contents(workspace)
    seen = truth(standin)
    assert {user: {row[1] for row in stored["listens"] if row[0] == user} for user in ids} == seen
    assert report.new_listens == sum(map(len, seen.values()))
    assert report.verdict.value == "Completed"
    features = {row[0]: row for row in stored["features"]}
    labels = {row[0]: row for row in stored["moods"] if row[1] is not None}
    assert labels.keys() == features.keys()
    assert 0 < len(labels) < len(stored["tracks"])
    assert all(abs(sum(row[2:6]) - 1) < 1e-4 and row[7] == features[row[0]][-1] for row in labels.values())


def test_a_second_night_with_nothing_new_changes_and_asks_nothing(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        before = contents(workspace)
        asked = standin.calls.count("reccobeats_audio_features")
        report = one_night(workspace)
        assert (report.new_listens, report.labels and report.labels.labelled) == (0, 0)
        assert contents(workspace) == before
        assert standin.calls.count("reccobeats_audio_features") == asked


def test_the_next_day_adds_only_what_is_new(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        before = contents(workspace)
        standin.clock.advance(timedelta(hours=5))
        report = one_night(workspace)
        after = contents(workspace)
    assert report.new_listens > 0
    assert set(before["listens"]) < set(after["listens"])
    assert set(before["moods"]) - set(after["moods"]) <= {row for row in before["moods"] if row[1] is None}


def test_one_persons_trouble_is_their_own(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        unlucky = standin.listeners[0]
        standin.faults.add(
            Fault(FaultKind.MALFORMED_JSON, endpoint="recently_played", listener=unlucky.listener_id, times=None)
        )
        report = one_night(workspace)
        troubled = {account.user_id: account.last_problem for account in workspace.accounts.all()}
    by_user = {outcome.user_id: outcome for outcome in report.outcomes}
    assert by_user[unlucky.account_id].problem
    assert troubled[unlucky.account_id] == by_user[unlucky.account_id].problem
    assert all(by_user[user].new > 0 for user in ids if user != unlucky.account_id)
    assert report.verdict.value == "Degraded"


def test_when_nobody_can_be_pulled_the_run_has_failed(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        for listener in standin.listeners:
            standin.revoke(listener.listener_id)
        report = one_night(workspace)
        states = {account.state for account in workspace.accounts.all()}
    assert (report.verdict.value, report.exit_code) == ("Failed", 77)
    assert states == {"needs_reauthorisation"}


def test_a_catalogue_gives_features_from_its_own_file(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace_of(standin) as workspace:
        someone = connect_listeners(workspace, standin)[0]
        played = workspace.spotify.for_user(someone).recently_played().tracks
    track_ids = [track.track_id for track in played if len(track.track_id) == 22][:3]
    catalog = tmp_path / "mine.csv"
    with catalog.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "length", *FEATURES[:-1]])
        rows.writerows([track_id, 200_000, 0.9, 0.4, 0.2, 0.8, 0.1, -20.0, 0.04, 90.0, 0.2] for track_id in track_ids)
    monkeypatch.setenv("MOODLOG_CATALOG", str(catalog))
    with workspace_of(standin) as workspace:
        one_night(workspace)
        features = {row[0]: row for row in contents(workspace)["features"]}
    for track_id in track_ids:
        assert features[track_id][1:] == (0.9, 0.4, 0.2, 0.8, 0.1, -20.0, 0.04, 90.0, 0.2, 200_000, "catalog:mine.csv")


def test_what_an_earlier_run_published_but_did_not_load_is_loaded(standin: StandIn, home: Path) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        undisturbed = contents(workspace)
        # A run that died after publishing: its listens are in the lake and neither in the ledger nor in SQL.
        with workspace.database.write() as connection:
            connection.execute(text("DELETE FROM listens"))
            connection.execute(text("DELETE FROM _batches WHERE dataset = 'listens'"))
        assert contents(workspace) != undisturbed
        assert workspace.batches.finish(now=workspace.now()) == 1
        assert contents(workspace) == undisturbed


def test_the_lake_holds_every_row_that_sql_holds(standin: StandIn, home: Path) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        stored = contents(workspace)
    lake = open_lake(str(home / "lake"))
    rows = {name: sum(lake.read(path)[0].row_count for path in lake.paths(name)) for name in DATASETS}
    assert rows["listens"] == len(stored["listens"])
    assert rows["audio_features"] == len(stored["features"])
    assert rows["feature_misses"] == len(stored["misses"])
    assert rows["moods"] == sum(row[1] is not None for row in stored["moods"])
