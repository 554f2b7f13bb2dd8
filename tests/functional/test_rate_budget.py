"""The rate budget that all workers share: never more calls than allowed in any span, slots in the order of asking."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.quota.calls import CallLedger
from mood_core.store.quota.rate_budget import RateBudget

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SPAN_S, CALLS, EACH = 3.0, 40, 30


class Time:
    """A clock that only moves when somebody sleeps or says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def set(self, now: float) -> float:
        self.now = now
        return now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def most_in_any_span(slots: list[float], span_s: float) -> int:
    """The most slots in any half-open span."""
    return max(sum(start <= slot < start + span_s for slot in slots) for start in slots)


@pytest.mark.parametrize("calls", [1, 2, 10, 180])
def test_no_span_has_more_than_allowed(migrated: Database, calls: int) -> None:
    clock, rng = Time(), random.Random(calls)
    budget = RateBudget("spotify", calls, wall_clock=clock)
    slots = []
    for _ in range(2 * calls + 3):
        clock.now += rng.choice([0.0, 0.0, 0.01, 1.0])
        with migrated.write() as connection:
            slots.append(clock.now + budget.take(connection))
    assert most_in_any_span(slots, 30.0) <= calls
    assert slots == sorted(slots)
    # It is used, too: the last slot comes no later than evenly spread calls would have theirs.
    assert slots[-1] - slots[0] <= max(31.0 * len(slots) / max(1, calls - calls // 10), clock.now - slots[0] + 31.0)


def test_an_idle_bucket_allows_a_burst(migrated: Database) -> None:
    clock = Time()
    budget = RateBudget("spotify", 100, wall_clock=clock)
    with migrated.write() as connection:
        waits = [budget.take(connection) for _ in range(12)]
    assert waits[:10] == [0.0] * 10
    assert 0 < waits[10] < waits[11]


def test_a_short_wait_asked_of_one_worker_holds_back_all(migrated: Database) -> None:
    clock = Time()
    one, other = (
        CallLedger(migrated, now=lambda: NOW, paced=("me", "audio-features"), wall_clock=clock, sleep=clock.sleep)
        for _ in range(2)
    )
    one.before_call("me")
    one.after_call("me", 429, 5.0)
    one.after_call("audio-features", 429, 1.0)
    clock.now += 1.0
    other.before_call("token")
    assert clock.slept == []
    other.before_call("audio-features")
    assert clock.slept == [pytest.approx(4.0, abs=0.01)]
    other.before_call("me")
    assert len(clock.slept) == 1
    assert one.not_before() == {}
    assert one.last_day() == {"audio-features": 2, "me": 2, "token": 1}


def test_a_refused_call_uses_no_slot(migrated: Database) -> None:
    clock = Time()
    rate = RateBudget("spotify", 1, wall_clock=clock)
    ledger = CallLedger(
        migrated,
        now=lambda: NOW,
        budget={"me": 1},
        paced=("me",),
        rates={"me": rate},
        wall_clock=clock,
        sleep=clock.sleep,
    )
    ledger.before_call("me")
    with pytest.raises(Exception, match="budget"):
        ledger.before_call("me")
    with migrated.read() as connection:
        paid_until = connection.scalar(text("SELECT paid_until_us FROM _rate_budgets"))
    assert paid_until == (1_800_000_000 + 31) * 1_000_000
    assert clock.slept == []


@pytest.mark.slow
def test_two_processes_share_one_budget_fairly(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database, now=NOW)
    database.close()
    command = [sys.executable, "-m", "tests.functional.test_rate_budget", database_url]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    shares: list[list[float]] = [json.loads(process.communicate(timeout=600)[0]) for process in processes]
    assert [len(slots) for slots in shares] == [EACH, EACH]
    assert most_in_any_span(sorted(shares[0] + shares[1]), SPAN_S) <= CALLS
    # Each goes on as soon as its slot comes, so neither waits for the other to end.
    assert max(slots[0] for slots in shares) < min(slots[-1] for slots in shares)


def worker(url: str) -> None:
    """One process's calls, each as soon as its slot comes; prints the times."""
    database = open_database(url)
    clock = Time()
    budget = RateBudget("spotify", CALLS, span_s=SPAN_S, wall_clock=lambda: clock.set(time.time()))
    with database.read():
        print("ready", flush=True)  # noqa: T201 - reported to the test
    sys.stdin.readline()
    slots = []
    for _ in range(EACH):
        with database.write() as connection:
            wait_s = budget.take(connection)
        slots.append(clock.now + wait_s)
        time.sleep(wait_s)
    database.close()
    print(json.dumps(slots), flush=True)  # noqa: T201 - reported to the test


if __name__ == "__main__":
    worker(sys.argv[1])
