"""What the steps of a half-hourly pull cost with more accounts: the same 200 due accounts among ever more others.

``python -m tests.benchmarks.bench_account_growth [ACCOUNTS]`` grows the accounts of one SQLite database by tens up to
ACCOUNTS, each with 20 recent listens. It prints CPU seconds and the exponent from the first size to the last: 0 means
that a step costs the same, 1 that it costs as many times more as there are accounts.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from sqlalchemy import text

from mood_core.domain.records import to_ms
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.queries.accounts import Accounts
from tests.benchmarks.bench_store_load import say
from tests.sealed import run_sealed
from tests.store_data import NOW

DUE = 200
LISTENS_EACH = 20
ROUNDS = 5
HOUR_MS = 3_600_000


def main(most: int) -> None:
    """Grow the accounts and measure each step; medians of five rounds."""
    took: dict[str, list[float]] = {}
    sizes = [size for size in (10**power for power in range(3, 9)) if size <= most] or [most]
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'moodlog.db'}")
        migrate(database, now=NOW)
        for before, size in zip([0, *sizes], sizes, strict=False):
            _add_accounts(database, before, size)
            for name, step in _steps(Accounts(database)):
                took.setdefault(name, []).append(_cpu_s(step))
        database.close()
    say(f"CPU ms of a step for {DUE} accounts, medians of {ROUNDS}:")
    say(f"{'accounts':20}" + "".join(f"{size:>12}" for size in sizes) + f"{'exponent':>12}")
    for name, times in took.items():
        growth = math.log(times[-1] / times[0]) / math.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else 0.0
        say(f"{name:20}" + "".join(f"{1000 * one:12.1f}" for one in times) + f"{growth:12.2f}")


def _steps(accounts: Accounts) -> Iterator[tuple[str, Callable[[], object]]]:
    due = accounts.due(NOW, daily_budget=None)
    yield "find who is due", lambda: accounts.due(NOW, daily_budget=100_000_000)
    yield "read accounts", lambda: accounts.all(due)
    yield "acquire leases", lambda: accounts.leases.acquire(due, "bench", now=NOW, for_s=60.0)
    yield "record pulls", lambda: accounts.pulled(due[:100], at=NOW)


def _cpu_s(step: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        step()
        rounds.append(time.process_time() - start)
    return median(rounds)


_GROW = """
CREATE TEMP TABLE IF NOT EXISTS numbers (i INTEGER PRIMARY KEY);
DELETE FROM numbers;
WITH RECURSIVE n (i) AS (SELECT :before + 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)
INSERT INTO numbers SELECT i FROM n;
INSERT OR IGNORE INTO tracks (track_key, track_id, name, artists, kind) VALUES (1, 't', 't', 'a', 'track');
INSERT OR IGNORE INTO sources (source_key, source) VALUES (1, 'recently_played');
INSERT INTO users SELECT i, printf('user%09d', i), 'name ' || i, 'UTC', :now, :now FROM numbers;
INSERT INTO _accounts (user_key, last_pulled_at_ms, due_at_ms) SELECT i, :now - 5 * :hour, :now + :hour FROM numbers;
UPDATE _accounts SET due_at_ms = 0, last_pulled_at_ms = :now - 5 * :hour WHERE user_key <= :due;
WITH RECURSIVE plays (j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM plays WHERE j < :each)
INSERT INTO listens (user_key, played_at_ms, track_key, source_key) SELECT i, :now - j * :hour, 1, 1 FROM numbers, plays
"""


def _add_accounts(database: Database, before: int, size: int) -> None:
    """Add the accounts from number ``before`` to ``size``; the first 200 are due, the others were just pulled."""
    values = {"before": before, "size": size, "now": to_ms(NOW), "each": LISTENS_EACH, "hour": HOUR_MS, "due": DUE}
    with database.write() as connection:
        for statement in _GROW.split(";\n"):
            connection.execute(text(statement), {key: one for key, one in values.items() if f":{key}" in statement})


if __name__ == "__main__":
    run_sealed(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
