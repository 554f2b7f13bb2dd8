"""A used-up quota from end to end: it stops the pulling at once, later runs respect it, and the budget holds."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.errors import QuotaExceeded
from mood_core.store import Database, open_database
from mood_core.store.quota.calls import CallLedger
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import Fault, FaultKind, StandIn
from tests.conftest import NOW
from tests.nights import connect_listeners, point_at, truth, workspace_of

ENDPOINT = "me/player/recently-played"
DAY = timedelta(hours=24)


@pytest.fixture
def today(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in whose clock stands still at this very moment, which is what the command line lives by."""
    now = datetime.now(UTC).replace(microsecond=0)
    with StandIn(seed=11, listeners=3, now=now, frozen=True) as running:
        point_at(running, monkeypatch)
        yield running


def _pull(standin: StandIn) -> NightReport:
    with workspace_of(standin) as workspace:
        ids = [account.user_id for account in workspace.accounts.all()] or connect_listeners(workspace, standin)
        pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
        return NightReport(outcomes=pull(ids, now=workspace.now()))


def _status() -> dict[str, Any]:
    status: dict[str, Any] = json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)
    return status


@pytest.mark.parametrize("reason", ["QUOTA_EXCEEDED", None])
def test_a_long_429_stops_everybody_until_the_time_it_names(home: Path, today: StandIn, reason: str | None) -> None:
    standin, now = today, today.clock.now()
    standin.faults.add(
        Fault(FaultKind.RATE_LIMITED, endpoint="recently_played", times=1, retry_after_s=7200, reason=reason)
    )
    report = _pull(standin)
    assert report.exit_code == 75
    assert len(standin.calls.entries("recently_played", None)) == 1, "nobody else is asked"
    status = _status()
    assert all("used up" in user["last_problem"] for user in status["users"])
    assert status["not_before"] == {ENDPOINT: (now + timedelta(hours=2)).isoformat()}
    assert "rate limited until" in CliRunner().invoke(main, ["status"]).stdout
    doctor = CliRunner().invoke(main, ["doctor", "--json"])
    quota = next(line for line in map(json.loads, doctor.stdout.splitlines()) if line["what"] == "quota")
    assert (quota["level"], "rate limited until" in quota["said"]) == ("warning", True)

    standin.clock.set(now + timedelta(minutes=119))
    again = _pull(standin)
    assert again.exit_code == 75
    assert len(standin.calls.entries("recently_played", None)) == 1, "the service is not called"

    standin.clock.set(now + timedelta(minutes=121))
    healed = _pull(standin)
    assert healed.exit_code == 0
    assert {outcome.user_id: outcome.new for outcome in healed.outcomes} == {
        user_id: len(times) for user_id, times in truth(standin).items()
    }
    assert all(user["last_problem"] is None for user in _status()["users"])
    with workspace_of(standin) as workspace:
        assert workspace.calls.not_before() == {}


def test_our_own_budget_stops_before_spotify_has_to(
    home: Path, today: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace_of(today) as workspace:
        connect_listeners(workspace, today)
    monkeypatch.setenv("MOODLOG_SPOTIFY_DAILY_BUDGET", "2")
    report = _pull(today)
    assert report.exit_code == 75
    assert [outcome.problem is None for outcome in report.outcomes] == [True, True, False]
    assert len(today.calls.entries("recently_played", None)) == 2
    third = _status()["users"][2]
    assert "MOODLOG_SPOTIFY_DAILY_BUDGET" in third["last_problem"]


def test_in_no_24_hours_are_there_more_calls_than_the_budget(migrated: Database) -> None:
    rng, now, limit = random.Random(4), NOW, 20
    ledger = CallLedger(migrated, now=lambda: now, budget={ENDPOINT: limit})
    allowed: list[datetime] = []
    opens: list[tuple[datetime, int]] = []
    for _ in range(250):
        now += timedelta(seconds=rng.choice([0, 1, 59, 600, 7200]) * rng.random())
        try:
            ledger.before_call(ENDPOINT)
        except QuotaExceeded as error:
            opens.append((now + timedelta(seconds=error.retry_after_s), len(allowed)))
            continue
        allowed.append(now)
        assert sum(now - DAY < moment for moment in allowed) <= limit
    assert len(opens) > 50
    for moment, before in opens:
        used = sum(moment - DAY < one for one in allowed[:before])
        assert used < limit, "the time that a refusal names is not too early"
    assert len(allowed) > limit


WORKERS, CALLS, BUDGET = 3, 40, 50


@pytest.mark.slow
def test_processes_together_stay_inside_the_budget(migrated: Database) -> None:
    url = migrated.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.functional.test_quota", url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
    allowed = [int(process.communicate(timeout=600)[0]) for process in running]
    assert sum(allowed) == BUDGET
    ledger = CallLedger(migrated, now=lambda: NOW, budget={ENDPOINT: BUDGET})
    assert ledger.last_day() == {ENDPOINT: BUDGET}


def _worker(url: str) -> int:
    """How many of one process's calls were allowed."""
    database = open_database(url)
    ledger = CallLedger(database, now=lambda: NOW, budget={ENDPOINT: BUDGET})
    allowed = 0
    for _ in range(CALLS):
        try:
            ledger.before_call(ENDPOINT)
        except QuotaExceeded:
            continue
        allowed += 1
    database.close()
    return allowed


if __name__ == "__main__":
    print(_worker(sys.argv[1]))  # noqa: T201 - the answer to the test
