"""``moodlog doctor`` and ``status``: what is wrong is named with its remedy, and the exit code shows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.app.demo_home import mark_demo_home
from standin import Fault, FaultKind, StandIn
from tests.nights import connect_listeners, one_night, point_at, workspace_of


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in that lives at this very moment, as the command line does."""
    with StandIn(seed=11, listeners=3) as running:
        yield running


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(standin, monkeypatch)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(home / "no-profile"))


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _findings(result: Result) -> dict[str, dict[str, Any]]:
    return {line["what"]: line for line in map(json.loads, result.stdout.splitlines())}


def test_a_healthy_home_has_nothing_broken(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
    done = _moodlog("doctor", "--json")
    findings = _findings(done)
    assert done.exit_code == 0, done.output
    assert findings["model"]["level"] == findings["database"]["level"] == findings["lake"]["level"] == "ok"
    # Spotify refuses its features to this app, which is dated and no trouble of a run.
    assert findings["features from spotify"]["level"] == "warning"
    assert f"{standin.clock.now():%Y-%m-%d}" in findings["features from spotify"]["said"]
    assert (findings["clock"]["level"], findings["schedule"]["level"]) == ("ok", "ok")
    assert "the last pull was" in findings["schedule"]["said"]


def test_the_home_of_a_demo_is_named_as_such(home: Path) -> None:
    def notes() -> list[str]:
        shown = [_moodlog("status").output, _moodlog("run", "--dry-run").output]
        return [*shown, _findings(_moodlog("doctor", "--json")).get("home", {}).get("said", "")]

    assert not any("of a demo:" in note for note in notes())
    own = home / "moodlog.db"
    mark_demo_home(home)
    assert not any("of a demo:" in note for note in notes()), f"{own} was there before a demo"
    own.unlink()
    mark_demo_home(home)
    assert all("is the home of a demo: its people and listens are invented" in note for note in notes())


def test_the_pages_of_a_large_database_are_left_to_verify(home: Path) -> None:
    assert "integrity check passed" in _findings(_moodlog("doctor", "--json"))["database"]["said"]
    with closing(sqlite3.connect(home / "moodlog.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE free AS SELECT zeroblob(130 * 1024 * 1024)")
        connection.execute("DROP TABLE free")
    finding = _findings(_moodlog("doctor", "--json"))["database"]
    assert finding["level"] == "ok"
    assert "integrity" not in finding["said"]
    assert "`moodlog verify`" in finding["said"]
    (home / "moodlog.db").unlink()


def test_a_feature_service_that_fails_is_not_in_use(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    assert _findings(_moodlog("doctor", "--json"))["features from reccobeats"]["level"] == "ok"
    standin.faults.add(Fault(FaultKind.SERVER_ERROR, "reccobeats_audio_features", times=None))
    finding = _findings(_moodlog("doctor", "--json"))["features from reccobeats"]
    assert finding["level"] == "warning"
    assert "503" in finding["said"]


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (timedelta(minutes=3), "warning", "behind"),
        (timedelta(hours=2), "broken", "120 minutes behind"),
        (timedelta(hours=-2), "broken", "120 minutes ahead of"),
    ],
)
def test_a_wrong_clock_is_reported(standin: StandIn, ahead: timedelta, level: str, said: str) -> None:
    standin.clock.advance(ahead)
    clock = _findings(_moodlog("doctor", "--json"))["clock"]
    assert clock["level"] == level
    assert said in clock["said"]
    assert "NTP" in clock["remedy"]


def test_an_imported_history_alone_needs_no_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_ID", "")
    findings = _findings(_moodlog("doctor", "--json"))
    assert (findings["app"]["level"], findings["clock"]["level"]) == ("warning", "ok")
    play = {"ts": "2024-05-01T12:00:00Z", "ms_played": 180000, "spotify_track_uri": f"spotify:track:{'a' * 22}"}
    export = tmp_path / "Streaming_History_Audio_2024.json"
    export.write_text(json.dumps([play]), encoding="utf-8")
    assert _moodlog("import", str(export)).exit_code == 0
    done = _moodlog("doctor", "--json")
    app = _findings(done)["app"]
    assert (app["level"], done.exit_code) == ("warning", 0), done.stdout
    assert "MOODLOG_SPOTIFY_CLIENT_ID" in app["remedy"]


def test_services_that_cannot_be_reached_break_the_clock_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_SPOTIFY_ACCOUNTS_URL", "http://127.0.0.1:9")
    findings = _findings(_moodlog("doctor", "--json"))
    assert "cannot be reached" in findings["network"]["said"]
    assert findings["network"]["level"] == "broken"
    assert findings["database"]["level"] == "ok"


def test_imported_histories_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_ID", "")
    monkeypatch.setenv("MOODLOG_SPOTIFY_ACCOUNTS_URL", "http://127.0.0.1:9")
    play = {"ts": "2024-05-01T12:00:00Z", "ms_played": 180000, "spotify_track_uri": f"spotify:track:{'a' * 22}"}
    export = tmp_path / "Streaming_History_Audio_2024.json"
    export.write_text(json.dumps([play]), encoding="utf-8")
    assert _moodlog("import", str(export), "--timezone", "Pacific/Auckland").exit_code == 0
    done = _moodlog("doctor", "--json")
    assert (_findings(done)["network"]["level"], done.exit_code) == ("warning", 0), done.stdout
    here = datetime.fromisoformat("2024-05-01T12:00+00:00").astimezone(ZoneInfo("Pacific/Auckland"))
    assert f"{here:%Y-%m-%d %H:%M}+12:00" in _moodlog("status").stdout


def test_a_server_that_is_set_and_does_not_answer_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    schedule = _findings(_moodlog("doctor", "--json"))["schedule"]
    assert schedule["level"] == "broken"
    assert "PREFECT_API_URL" in schedule["said"]


def test_what_is_broken_is_named_with_its_remedy(standin: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        standin.revoke(standin.listeners[0].listener_id)
        one_night(workspace)
    (home / "token.key").chmod(0o644)
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_ID", "")
    done = _moodlog("doctor", "--json")
    findings = _findings(done)
    assert done.exit_code == 1
    assert findings["app"]["level"] == "broken"
    assert "MOODLOG_SPOTIFY_CLIENT_ID" in findings["app"]["said"]
    assert findings["privacy of token.key"]["remedy"].startswith("chmod")
    broken = [line for what, line in findings.items() if what.startswith("account") and line["level"] == "broken"]
    (remedy,) = (line["remedy"] for line in broken)
    for way in ("users resume", "reconnect"):
        assert f"moodlog {way} {standin.listeners[0].account_id}" in remedy
    assert standin.listeners[0].account_id in ids


def test_a_new_home_says_what_comes_first() -> None:
    findings = _findings(_moodlog("doctor", "--json"))
    assert findings["accounts"]["remedy"] == "moodlog connect, or moodlog import"
    assert findings["schedule"]["level"] == "warning"
    assert findings["schedule"]["remedy"].startswith("moodlog serve")
    assert _moodlog("status").exit_code == 0


def test_status_shows_people_gaps_coverage_and_calls(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        standin.faults.add(
            Fault(
                FaultKind.SERVER_ERROR,
                endpoint="recently_played",
                listener=standin.listeners[1].listener_id,
                times=None,
            )
        )
        one_night(workspace)
    status = json.loads(_moodlog("status", "--json").stdout)
    assert {user["user_id"] for user in status["users"]} == set(ids)
    troubled = {user["user_id"] for user in status["users"] if user["last_problem"]}
    assert troubled == {standin.listeners[1].account_id}
    assert sum(row["listen_share"] for row in status["coverage"]) == pytest.approx(1, abs=1e-3)
    assert {row["display_name"] for row in status["coverage_by_person"]} <= {
        user["display_name"] for user in status["users"]
    }
    assert all(0 <= row["track_share"] <= 1 for row in status["coverage_by_year"])
    assert status["gaps"] == []
    shown = _moodlog("status", "--all").stdout
    assert "Accounts" in shown
    assert "Audio features by source" in shown
