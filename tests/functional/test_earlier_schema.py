"""A database of an earlier version: two workers of this one start on it while a program of that version writes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from mood_core.store import Database
from mood_core.store.engine import migrate
from mood_core.store.engine.named_queries import query as named_query
from mood_core.store.engine.sql_files import sql_files
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import StandIn
from tests.nights import connect_listeners, contents, point_at, truth, workspace_of
from tests.store_data import NOW, query

_LAST = "0057"  # of the last version without queues, without leases of tracks and with inner tables of plain names
_FIRST = ("users", "sources", "tracks")  # a trigger of the listens looks for them
_OF_MIGRATIONS = ("fences", "schema_migrations")
_EARLIER_COLUMNS = {"claimed_by": "leased_by", "claimed_until_ms": "leased_until_ms"}
_WORK = """
from mood_core.app.workspace import Workspace
from mood_core.usecases.nightly.pull_account import pull_leased
with Workspace() as workspace:
    people = [one.user_id for one in workspace.accounts.all()]
    pull_leased(people, workspace.pulling(), workspace.accounts, workspace.now)
    workspace.fetch_features()
    workspace.label()
"""


def test_workers_bring_it_up_to_date_and_nothing_is_lost(
    home: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(seed=8, listeners=4, frozen=True) as standin:
        point_at(standin, monkeypatch)
        made = f"sqlite:///{home / 'made.db'}"
        monkeypatch.setenv("MOODLOG_DATABASE_URL", made)
        with workspace_of(standin) as workspace:
            people = connect_listeners(workspace, standin)
            pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
            pull(people[:2], now=workspace.now())
            workspace.fetch_features()
            workspace.label()
        _migrate_until(_LAST, database, monkeypatch)
        url = database.engine.url.render_as_string(hide_password=False)
        earlier, source = create_engine(url), create_engine(made)
        _copy(source, earlier)
        monkeypatch.setenv("MOODLOG_DATABASE_URL", url)
        written = _written_while(earlier, lambda: _work(2))
        earlier.dispose()
        source.dispose()
        with workspace_of(standin) as workspace:
            assert query(workspace.database, "SELECT count(*) FROM _api_calls WHERE endpoint = 'old'") == [(written,)]
            listens = {(user_id, at) for user_id, at, *_ in contents(workspace)["listens"]}
            assert listens == {(user_id, at) for user_id, times in truth(standin).items() for at in times}
            workspace.batches.finish(now=workspace.now())
            for rule in ("is_feature_queue_right", "is_label_queue_right"):
                assert workspace.database.scalar(named_query(rule))
            assert workspace.verify(deep=True).findings == []


def _migrate_until(version: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the tables of the migration ``version`` by the statements of that time."""
    found = [file for file in sql_files("migrations", database.dialect) if file.name[:4] <= version]
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "sql_files", lambda kind, _dialect: found if kind == "migrations" else [])
        migrate.migrate(database, now=NOW)
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE _schema_migrations RENAME TO schema_migrations")


def _copy(source: Engine, target: Engine) -> None:
    """Fill the earlier tables with what the present ones have."""
    now, then = MetaData(), MetaData()
    now.reflect(source)
    then.reflect(target)
    with source.connect() as reading, target.begin() as writing:
        for table in sorted(then.sorted_tables, key=lambda table: table.name not in _FIRST):
            there = now.tables.get(table.name, now.tables.get(f"_{table.name}"))
            if there is None or table.name in _OF_MIGRATIONS:
                continue
            names = {column.name: _EARLIER_COLUMNS.get(column.name, column.name) for column in table.columns}
            chosen = [there.columns[new].label(old) for old, new in names.items() if new in there.columns]
            writing.execute(table.delete())
            if rows := [dict(row._mapping) for row in reading.execute(select(*chosen))]:
                writing.execute(insert(table), rows)
            key = next(iter(table.primary_key.columns), None)
            if target.dialect.name == "postgresql" and key is not None and key.identity:
                sequence = f"pg_get_serial_sequence('{table.name}', '{key.name}')"
                writing.execute(select(func.setval(text(sequence), func.coalesce(func.max(key), 1))))


def _work(workers: int) -> None:
    """Let ``workers`` of this version start at the same time; each succeeds."""
    started = [subprocess.Popen([sys.executable, "-c", _WORK]) for _ in range(workers)]
    assert [one.wait(timeout=600) for one in started] == [0] * workers


def _written_while(earlier: Engine, work: Callable[[], None]) -> int:
    """How many rows a program of the earlier version wrote, until its table had another name, while ``work`` ran."""
    written = 0
    statement = text("INSERT INTO api_calls (endpoint, minute_ms, calls) VALUES ('old', :minute, 1)")

    def write() -> None:
        nonlocal written
        while True:
            try:
                with earlier.begin() as connection:
                    connection.execute(statement, {"minute": written})
            except DBAPIError as error:
                if "locked" in str(error):
                    continue
                if "api_calls" in str(error):
                    return
                raise
            written += 1
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    work()
    writer.join(timeout=60)
    assert not writer.is_alive()
    return written
