"""Tables in a terminal of 80 columns: what a person copies from them is whole, and no line is longer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from sqlalchemy import text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Gap, ListenSource, Track, User
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.lake.schema import GAPS, LISTENS, TRACKS, USERS
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, listens, set_current, tracks

_LONG_ID = "31ybmq7vw5d2xk4hjz6ncr3tgaue"
_LONG_NAME = "Alexandra Wolkenstein-Österreicher de la Fuente 🎧"
_LONG_ZONE = "America/Argentina/Buenos_Aires"
_TRACK = "a" * 22


@pytest.fixture(autouse=True)
def _history(home: Path) -> None:
    with Workspace() as workspace:
        batches: Batches = workspace.batches
        batches.add(USERS, users_table([User(_LONG_ID, _LONG_NAME, _LONG_ZONE, NOW)], NOW), now=NOW)
        batches.add(TRACKS, tracks(_TRACK), now=NOW)
        batches.add(LISTENS, listens((_LONG_ID, NOW - timedelta(days=day), _TRACK) for day in range(3)), now=NOW)
        gap = Gap(_LONG_ID, NOW - timedelta(days=2), NOW - timedelta(days=1), NOW)
        batches.add(GAPS, to_table(GAPS, [gap]), now=NOW)
        set_current(workspace.database, "m/1")


def _shown(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments), env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("Database ", "Lake "))]
    assert max(map(cell_len, lines)) <= 80
    return done.stdout


def test_status_shows_whole_ids_and_times() -> None:
    assert "Possible gaps: 1" in _shown("status")
    shown = _shown("status", "--all")
    accounts, history, gaps = (_section(shown, title) for title in ("Accounts", "History", "Possible gaps"))
    assert _LONG_ID in accounts
    assert ListenSource.RECENTLY_PLAYED.value in history
    assert f"{NOW:%Y-%m-%d}" in history
    assert _local(NOW - timedelta(days=2)) in gaps
    assert _local(NOW) in _section(shown, "Pulling")
    assert "…" not in shown


def test_users_list_shows_whole_ids() -> None:
    shown = _shown("users", "list")
    assert _LONG_ID in shown
    assert "…" not in shown


@pytest.mark.parametrize("by", ["day", "week", "hour", "weekday"])
def test_history_shows_whole_days_and_counts_beside_a_long_name(by: str) -> None:
    shown = _shown("history", "--by", by)
    periods = {
        "day": f"{NOW:%Y-%m-%d}",
        "week": "2026-11-16",
        "hour": f"{(NOW - timedelta(hours=3)):%H}:00",
        "weekday": "Fri",
    }
    assert periods[by] in shown
    assert _LONG_NAME[:8] in shown


@pytest.mark.parametrize(("by", "views"), [("hour", "mood_by_hour"), ("weekday", "mood_by_weekday")])
def test_history_for_machines_has_the_views_own_numbers(by: str, views: str) -> None:
    done = CliRunner().invoke(main, ["history", "--by", by, "--json"])
    reported = [json.loads(line) for line in done.stdout.splitlines()]
    with Workspace() as workspace, workspace.database.read() as connection:
        rows = connection.execute(text(f"SELECT {by} FROM {views} GROUP BY {by} ORDER BY {by}")).scalars().all()  # noqa: S608
    assert [line[by] for line in reported] == rows
    assert all(isinstance(line[by], int) for line in reported)


def test_history_by_track_shows_whole_times_beside_a_short_name() -> None:
    with Workspace() as workspace:
        batches: Batches = workspace.batches
        batches.add(USERS, users_table([User(_LONG_ID, "Al", _LONG_ZONE, NOW)], NOW), now=NOW)
        titled = to_table(TRACKS, [Track(_TRACK, "A long title " * 9, ("Somebody",))])
        batches.add(TRACKS, titled, now=NOW)
    shown = _shown("history", "--by", "track").splitlines()
    assert shown[0].split() == ["local", "time", "person", "track", "mood"]
    assert f"{NOW - timedelta(hours=3):%Y-%m-%d %H:%M}" in shown[1]
    assert shown[1].endswith("features not asked for yet")


def test_history_by_track_says_why_a_track_has_no_mood() -> None:
    shown = _shown("history", "--by", "track")
    assert "features not asked for yet" in shown
    assert f"{NOW - timedelta(hours=3):%Y-%m-%d %H:%M}" in shown


def _local(at: datetime) -> str:
    """The time in the person's zone, as status shows it."""
    return f"{at.astimezone(ZoneInfo(_LONG_ZONE)):%Y-%m-%d %H:%M}"


def _section(shown: str, title: str) -> str:
    return shown.split(f"{title}\n", 1)[1].split("\n\n", 1)[0]
