"""What a night may cost: statements for each account, answers decoded, files written; and no look at every listen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from mood_core.app.workspace import Workspace
from mood_core.report.account_states import account_states
from mood_core.report.mood_markdown import mood_markdown
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.imports.match_pending import match_pending
from standin import StandIn
from tests.nights import connect_listeners, one_night, settings_for, workspace_of

PEOPLE = 12
_READS_ALL_LISTENS = re.compile(r"SCAN (l|listens)\b")

Statement = tuple[str, Any]


@pytest.fixture
def standin(home: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A dozen listeners, with the settings that point at them."""
    with StandIn(seed=11, listeners=PEOPLE, frozen=True) as running:
        for name, value in (settings_for(running) | {"MOODLOG_SPOTIFY_DAILY_BUDGET": "0"}).items():
            monkeypatch.setenv(name, value)
        yield running


@contextmanager
def statements(workspace: Workspace) -> Iterator[list[Statement]]:
    """The statements that are executed, with their parameters."""
    seen: list[Statement] = []

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        seen.append((sql, values[0] if many else values))

    event.listen(workspace.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(workspace.database.engine, "before_cursor_execute", note)


def test_an_account_without_news_costs_a_handful_of_statements(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        files = len(workspace.lake.paths("listens"))
        assert files == 1
        decoded = 0
        loads = json.loads

        def counting(text: Any, **named: Any) -> Any:
            nonlocal decoded
            decoded += len(text) > 10_000
            return loads(text, **named)

        monkeypatch.setattr("json.loads", counting)
        with statements(workspace) as seen:
            report = one_night(workspace)
        assert report.new_listens == 0
        assert len(workspace.lake.paths("listens")) == files
        assert decoded == PEOPLE
        assert len(seen) <= 84 + 8 * PEOPLE  # the second night also makes the queues of tracks for other sources


def test_no_step_of_a_night_reads_every_listen(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        standin.clock.advance(timedelta(hours=20))
        with statements(workspace) as seen:
            accounts = workspace.accounts.all()
            now = workspace.now()
            workspace.accounts.due(now, daily_budget=None)
            assert one_night(workspace).new_listens > 0
            match_pending(ImportRows(workspace.database), workspace.batches, now=now)
            account_states(workspace.database, accounts, now=now)
            mood_markdown(workspace.database, now.date())
        with workspace.database.read() as connection:
            plans = {
                sql: [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
                for sql, values in seen
                if sql.lstrip()[:6] in {"SELECT", "WITH l", "WITH s", "INSERT", "UPDATE", "DELETE"}
            }
    reading_all = {sql for sql, plan in plans.items() if any(map(_READS_ALL_LISTENS.search, plan))}
    assert len(plans) > 30
    assert reading_all == set()
