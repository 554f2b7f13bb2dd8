"""The commands that run flows, as a person runs them: real processes, a real Prefect server, HTTP to the stand-in."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mood_core.domain.records import from_ms, to_ms
from standin import StandIn
from tests.nights import connect_listeners, contents, point_at, workspace_of

pytestmark = pytest.mark.prefect

MOODLOG = [sys.executable, "-m", "flows.cli"]


def _moodlog(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MOODLOG, *arguments], capture_output=True, text=True, check=False, timeout=600, cwd=cwd)


@pytest.fixture
def live_standin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in that lives by real time, with the settings that point at it."""
    with StandIn(seed=5, listeners=2) as running:
        point_at(running, monkeypatch)
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        yield running


def test_setup_says_first_which_server_it_sets_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with subprocess.Popen([*MOODLOG, "setup"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)
    assert "No Prefect server is set" in said
    assert str(home) in said
    assert "PREFECT_API_URL" in said


def _connect(
    standin: StandIn, index: int, command: tuple[str, ...] = ("connect", "--timezone", "Europe/Berlin")
) -> subprocess.CompletedProcess[str]:
    """``moodlog connect --no-browser`` with a person who opens the address and pastes where they end up."""
    process = subprocess.Popen(
        [*MOODLOG, *command, "--no-browser"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = httpx.URL(process.stdout.readline().strip())
    consent = address.copy_merge_params({"listener": standin.listeners[index].listener_id})
    answer = httpx.get(consent, follow_redirects=False)
    out, err = process.communicate(answer.headers["location"] + "\n", timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_connect_run_and_look(live_standin: StandIn, home: Path) -> None:
    connected = [_connect(live_standin, index) for index in range(2)]
    assert [process.returncode for process in connected] == [0, 0], connected[0].stderr
    assert "Pulled" in connected[0].stderr

    first = _moodlog("run", "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert report["verdict"] == "completed"
    assert report["labelled"] > 0

    second = json.loads(_moodlog("run", "--json").stdout)
    assert second["labelled"] == 0

    days = [json.loads(line) for line in _moodlog("history", "--by", "day", "--json").stdout.splitlines()]
    status = json.loads(_moodlog("status", "--json").stdout)
    with sqlite3.connect(home / "moodlog.db") as database:
        listens = database.execute("SELECT count(*) FROM mood_history").fetchone()[0]
    assert sum(sum(day["listens"].values()) for day in days) == listens > 0
    assert len(status["users"]) == 2
    assert all(user["state"] == "active" and user["token_days_left"] > 150 for user in status["users"])
    assert status["api_calls"]["me/player/recently-played"] >= 4

    # Prefect kept the history of both runs, with the summary that people read there.
    with sqlite3.connect(home / "prefect" / "prefect.db") as prefect:
        states = [row[0] for row in prefect.execute("SELECT state_name FROM flow_run")]
        artifacts = {row[0] for row in prefect.execute("SELECT key FROM artifact")}
        tasks = {row[0] for row in prefect.execute("SELECT state_type FROM task_run")}
    assert states == ["Completed", "Completed"]
    assert {"moodlog-summary", "moodlog-accounts"} <= artifacts
    assert tasks == {"COMPLETED"}


def test_reconnecting_heals_an_account_and_keeps_its_name_and_zone(live_standin: StandIn) -> None:
    assert _connect(live_standin, 0).returncode == 0
    account_id = live_standin.listeners[0].account_id
    assert _moodlog("users", "rename", account_id, "My name").returncode == 0
    live_standin.revoke(live_standin.listeners[0].listener_id)
    stranger = _connect(live_standin, 1, ("reconnect", "My name"))
    assert (stranger.returncode, "another account" in stranger.stderr) == (78, True)
    healed = _connect(live_standin, 0, ("reconnect", "My name"))
    assert healed.returncode == 0, healed.stderr
    listed = [json.loads(line) for line in _moodlog("users", "list", "--json").stdout.splitlines()]
    assert [(one["display_name"], one["timezone"], one["state"]) for one in listed] == [
        ("My name", "Europe/Berlin", "active")
    ]


@pytest.mark.slow
def test_a_run_that_cannot_work_says_why_in_one_line_and_by_its_exit_code(
    live_standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _connect(live_standin, 0).returncode == 0
    unknown = _moodlog("run", "--user", "nobody")
    assert unknown.returncode == 2
    assert unknown.stderr.strip().splitlines()[-1].startswith("moodlog: no account is called nobody;")
    live_standin.revoke(live_standin.listeners[0].listener_id)
    revoked = _moodlog("run")
    assert revoked.returncode == 77
    assert "Traceback" not in revoked.stderr + unknown.stderr
    assert "Failed" in revoked.stdout


@pytest.mark.slow
def test_the_demo_ends_with_moods_and_a_second_one_adds_only_what_is_new(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "demo"
    # Settings of the person's own lie where they start it, and their lake gets nothing that is invented.
    (tmp_path / ".env").write_text("MOODLOG_LAKE_URL=their-lake\nMOODLOG_TOKEN_KEY=theirs\n", encoding="utf-8")
    first = _moodlog("demo", "--days", "2", "--listeners", "2", "--home", "demo", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert not (tmp_path / "their-lake").exists()
    assert list((place / "lake").rglob("*.parquet"))
    assert "Calm" in first.stdout
    assert "no account, no internet" in first.stderr.splitlines()[0]
    assert [line for line in first.stderr.splitlines() if line.startswith("pulling listens")]
    with sqlite3.connect(place / "moodlog.db") as database:
        before = set(database.execute("SELECT user_id, played_at_ms, track_id FROM mood_history"))
        labelled = database.execute("SELECT count(*) FROM mood_history WHERE mood IS NOT NULL").fetchone()[0]
        days = database.execute("SELECT count(DISTINCT local_day) FROM mood_history").fetchone()[0]
    assert labelled > len(before) / 2
    assert days >= 2
    # The demo's server registers no types of blocks; a note that it did would keep `moodlog serve` from doing so.
    assert not (place / "prefect" / "memo_store.toml").exists()
    summary = next(line for line in first.stdout.splitlines() if line.startswith("Completed: 2 people"))
    assert str(len(before)) in summary.replace("\u202f", "")
    pasted = next(line for line in first.stdout.splitlines() if line.endswith("--by weekday"))
    shown = subprocess.run(["/bin/sh", "-c", pasted], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "Calm" in shown.stdout
    pasted = next(line for line in first.stdout.splitlines() if line.endswith(" status"))
    status = subprocess.run(["/bin/sh", "-c", pasted], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "is the home of a demo" in status.stderr
    began = datetime.now(UTC)
    second = _moodlog("demo", "--days", "2", "--listeners", "2", "--home", str(place), "--json")
    assert second.returncode == 0, second.stderr
    with sqlite3.connect(place / "moodlog.db") as database:
        after = set(database.execute("SELECT user_id, played_at_ms, track_id FROM mood_history"))
    assert before <= after
    assert len(after - before) <= 10, f"a run begun at {began} cannot find more than a few new listens"


@pytest.mark.slow
def test_the_demos_past_and_its_pulls_are_one_history(home: Path, tmp_path: Path) -> None:
    """The days before the pulled ones are stored at once: nothing is missing or doubled where the pulls begin."""
    place = tmp_path / "demo"
    done = _moodlog("demo", "--days", "17", "--listeners", "1", "--home", str(place))
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(place / "moodlog.db") as database:
        rows = "SELECT played_at_ms, track_id FROM mood_history ORDER BY played_at_ms"
        stored = [(moment, track) for moment, track in database.execute(rows)]
        gaps = list(database.execute("SELECT starts_at_ms, ends_at_ms FROM gaps"))
    assert len(stored) == len(set(stored))
    with StandIn(seed=7, listeners=1) as standin:
        times = [from_ms(moment) for moment in (stored[0][0], stored[-1][0])]
        true = standin.truth(standin.listeners[0].listener_id, times[0], times[1])
    shown = {to_ms(listen.played_at) for listen in true if listen.visible_at < times[1]}
    known = {moment for moment in shown if not any(start <= moment <= end for start, end in gaps)}
    assert known - {moment for moment, _ in stored} == set()


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [2.0, 4.5, 6.0, 7.0])
def test_a_run_that_was_killed_is_made_whole_by_the_next(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_s: float
) -> None:
    with StandIn(seed=5, listeners=3, frozen=True, latency_s=0.1) as standin:
        point_at(standin, monkeypatch)
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        shutil.copytree(home, tmp_path / "calm")
        running = subprocess.Popen([*MOODLOG, "run"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(after_s)
        running.kill()
        running.wait()
        again = _moodlog("run")
        assert again.returncode == 0, again.stderr
        with workspace_of(standin) as workspace:
            disturbed = contents(workspace)
        monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "calm"))
        assert _moodlog("run").returncode == 0
        with workspace_of(standin) as workspace:
            assert contents(workspace) == disturbed
