"""What runs, ``status``, ``doctor`` and ``/metrics`` ask about accounts reads no more rows of PostgreSQL among more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import event, text

from mood_core.domain.records import to_ms
from mood_core.spotify.tokens import days_left
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.loading.daily import follow_time_zones
from mood_core.store.loading.tombstones import find_half_forgotten
from mood_core.store.queries import accounts as accounts_module
from mood_core.store.queries import operations as operations_module
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.operations import operations
from mood_core.store.queries.overview import coverage_by_person, gaps, reach
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases.upkeep import check_health
from mood_core.usecases.upkeep.check_health import account_findings
from tests.store_data import NOW

_MANY = """
INSERT INTO sources (source_key, source) VALUES (1, 'recently_played') ON CONFLICT DO NOTHING;
INSERT INTO users (user_key, user_id, display_name, timezone, connected_at_ms, recorded_at_ms, name_key)
SELECT i, 'user' || i, 'name ' || i, 'UTC', {now}, {now}, 'name ' || i FROM generate_series({first}, {last}) AS i;
INSERT INTO _accounts (user_key, last_pulled_at_ms, due_at_ms, authorised_at_ms, token)
SELECT i, {now} - 18000000, {now} + 3600000, {now}, 'x' FROM generate_series({first}, {last}) AS i;
INSERT INTO _listen_totals SELECT i, 1, 20, {now} - 72000000, {now} FROM generate_series({first}, {last}) AS i;
UPDATE _accounts SET due_at_ms = 0, last_problem = 'HTTP 500' WHERE user_key <= 9;
INSERT INTO forgotten (person_hash, hash_key, forgotten_at_ms) VALUES ('a', 'k', {now}) ON CONFLICT DO NOTHING;
"""


def _steps(database: Database) -> Iterator[tuple[str, Callable[[], object]]]:
    accounts = Accounts(database)
    people = [account.user_id for account in accounts.first(100, now=NOW)]
    yield "find who is due", lambda: accounts.due(NOW, daily_budget=3)
    yield "find by name", lambda: accounts.all(["NAME 7"])
    yield "acquire leases", lambda: accounts.leases.acquire(people[:50], "h:1:x", now=NOW, for_s=60.0)
    yield "half forgotten", lambda: find_half_forgotten(database)
    yield "time zones", lambda: follow_time_zones(database)
    yield "doctor: accounts", lambda: account_findings(accounts, NOW, lambda at: days_left(at, NOW))
    yield "doctor: tokens", lambda: (accounts.services(), accounts.authorised(100))
    yield "status: people", lambda: accounts.first(100, now=NOW)
    yield "status: history", lambda: reach(database, people)
    yield "status: gaps", lambda: gaps(database, people)
    yield "status: coverage", lambda: coverage_by_person(database, people)
    yield "first people", lambda: list(islice(accounts.pages(), 100))
    yield "names that begin so", lambda: accounts.page(100, prefix="name 7")
    yield "metrics", lambda: operations(database, now=NOW)
    yield "page of tokens", lambda: next(TokenRows(database).pages(), None)


def _rows_of(plan: dict[str, Any]) -> float:
    """The rows that the scans of ``plan`` read from tables."""
    own = 0.0
    if "Relation Name" in plan:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(map(_rows_of, plan.get("Plans", ())))


def _rows_read(database: Database, step: Callable[[], object]) -> float:
    statements: list[tuple[str, Any]] = []
    note = lambda *args: statements.append((args[2], args[3]))  # noqa: E731
    event.listen(database.engine, "before_cursor_execute", note)
    step()
    event.remove(database.engine, "before_cursor_execute", note)
    total = 0.0
    for sql, values in statements:
        if re.match(r"\s*(SELECT|WITH|UPDATE)\b", sql) and "pg_advisory" not in sql:
            with database.engine.connect() as connection:  # rolled back
                plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values).scalar_one()
            total += _rows_of(plan[0]["Plan"])
    return total


@pytest.mark.postgresql
def test_no_step_reads_more_rows_among_more_accounts(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (accounts_module, operations_module):
        monkeypatch.setattr(module, "MOST_COUNTED", 500)  # a count stops at 100,000
    monkeypatch.setattr(check_health, "_MOST_NAMES", 400)
    database, read = open_database(postgres_url), dict[str, list[float]]()
    migrate(database, now=NOW)
    for first, last in ((1, 4_000), (4_001, 40_000)):
        with database.write() as connection:
            connection.execute(text(_MANY.format(first=first, last=last, now=to_ms(NOW))))
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        for name, step in _steps(database):
            read.setdefault(name, []).append(_rows_read(database, step))
    database.close()
    assert {name: found for name, found in read.items() if found[1] > 1.5 * found[0] + 100} == {}
    assert max(found[1] for found in read.values()) < 4_000
