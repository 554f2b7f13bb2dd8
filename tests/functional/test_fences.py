"""A run that loses its lock or its lease without noticing writes nothing of somebody who was forgotten meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url, text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.errors import LockLost
from mood_core.lake.schema import PERSONAL
from mood_core.store import Database
from mood_core.store.locks.leases import new_owner
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import StandIn
from tests.nights import connect_listeners, contents, settings_for, workspace_of


@pytest.fixture
def ids(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in (settings_for(standin) | {"MOODLOG_DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)
    with workspace_of(standin) as workspace:
        return connect_listeners(workspace, standin)


def _pull(workspace: Workspace, ids: list[str]) -> None:
    PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)(
        ids, now=workspace.now()
    )


@contextmanager
def _stopped(what: str, point: str, now: datetime, *ids: str) -> Iterator[Callable[[], tuple[int, str]]]:
    """A run that has stopped itself; yields what lets it go on and waits for its exit code and what it said."""
    command = [sys.executable, "-m", "tests.late_writer", what, point, now.isoformat(), *ids]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def go_on() -> tuple[int, str]:
        process.send_signal(signal.SIGCONT)
        said = process.communicate(timeout=600)[1]
        return process.returncode, said

    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), process.communicate()[1]
        yield go_on
    finally:
        process.kill()
        process.wait()


def _cut_sessions(database_url: str) -> None:
    """End every session of the database, with the locks that they hold."""
    admin = create_engine(make_url(database_url).set(drivername="postgresql+psycopg", database="postgres"))
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    with admin.connect() as connection:
        connection.execute(text(query), {"name": make_url(database_url).database})
    admin.dispose()


def _people_in_lake(workspace: Workspace) -> set[str]:
    lake = workspace.lake
    return {
        person
        for dataset in PERSONAL
        for path in (*lake.paths(dataset.name), *lake.superseded(dataset.name))
        for person in lake.people(path)
    }


def _assert_gone(standin: StandIn, person: str, others: dict[str, list[tuple[object, ...]]]) -> None:
    """They are in no row and no file, and a rebuild does not bring them back."""
    for _ in range(2):
        with workspace_of(standin) as workspace:
            assert contents(workspace) == others
            assert person not in _people_in_lake(workspace)
        verified = CliRunner().invoke(main, ["verify", "--deep"])
        assert verified.exit_code == 0, verified.output
        rebuilt = CliRunner().invoke(main, ["rebuild"])
        assert rebuilt.exit_code == 0, rebuilt.output


def _of_others(standin: StandIn, person: str) -> dict[str, list[tuple[object, ...]]]:
    with workspace_of(standin) as workspace:
        return {name: [row for row in rows if person not in row] for name, rows in contents(workspace).items()}


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("point", ["read", "publish"])
def test_compacting_that_lost_its_lock_brings_nobody_back(
    ids: list[str], standin: StandIn, database_url: str, point: str
) -> None:
    """The server ends its sessions while it stands still, somebody is forgotten, and then it goes on."""
    with workspace_of(standin) as workspace:
        _pull(workspace, ids)
        standin.clock.advance(timedelta(hours=8))
        _pull(workspace, ids)
        now = workspace.now()
    with _stopped("compact", point, now) as go_on:
        _cut_sessions(database_url)
        with workspace_of(standin) as workspace:
            workspace.forget(ids[0])
        others = _of_others(standin, ids[0])
        code, said = go_on()
    assert code == 75, said
    assert "Traceback" not in said
    with workspace_of(standin) as workspace:
        assert contents(workspace) == others
        if point == "read":
            assert ids[0] not in _people_in_lake(workspace)
        else:  # it had passed every check when its sessions ended; the next run takes back what it published
            assert "forgotten: " in CliRunner().invoke(main, ["verify"]).output
            workspace.batches.finish(now=workspace.now())
    _assert_gone(standin, ids[0], others)


def test_a_night_that_slept_longer_than_its_lease_brings_nobody_back(ids: list[str], standin: StandIn) -> None:
    """A laptop's lid is closed between pull and write. The lease ends after ten minutes."""
    with workspace_of(standin) as workspace:
        _pull(workspace, ids)
        standin.clock.advance(timedelta(hours=8))
        now = workspace.now()
    with _stopped("night", "pulled", now, *ids) as go_on:
        with Workspace(now=lambda: now + timedelta(minutes=11)) as workspace:
            workspace.forget(ids[0])
        code, said = go_on()
    assert code == 0, said
    with workspace_of(standin) as workspace:
        stored = contents(workspace)
    assert ids[0] not in repr(stored)
    assert {row[0] for row in stored["listens"]} == set(ids[1:])
    heard = {row[2] for row in stored["listens"]}
    assert {row[0] for row in stored["tracks"] if row[0].startswith("spotify:local:")} <= heard
    _assert_gone(standin, ids[0], stored)


def test_a_night_whose_person_came_back_meanwhile_does_not_bring_back_what_it_had_read(
    ids: list[str], standin: StandIn
) -> None:
    with workspace_of(standin) as workspace:
        now = workspace.now()
    with _stopped("night", "pulled", now, *ids) as go_on:
        standin.clock.advance(timedelta(minutes=11))
        with workspace_of(standin) as workspace:
            workspace.forget(ids[0])
            assert ids[0] in connect_listeners(workspace, standin)
        code, said = go_on()
    with workspace_of(standin) as workspace:
        assert [row for row in contents(workspace)["listens"] if row[0] == ids[0]] == []
        assert ids[0] in {account.user_id for account in workspace.accounts.all()}
        _pull(workspace, ids)
        assert [row for row in contents(workspace)["listens"] if row[0] == ids[0]]
    assert code in (0, 75), said


def test_a_lease_that_another_run_has_acquired_since_lets_nothing_be_written(ids: list[str], standin: StandIn) -> None:
    first, second = new_owner(), new_owner()
    with workspace_of(standin) as workspace:
        now = workspace.now()
        assert workspace.accounts.leases.acquire(ids, first, now=now, for_s=60) == ids
        files = workspace.lake.paths("listens")
        with workspace.accounts.leases.fenced(first):
            late = now + timedelta(seconds=61)
            assert workspace.accounts.leases.acquire(ids[:1], second, now=late, for_s=60) == ids[:1]
            workspace.accounts.leases.release(second)
            with pytest.raises(LockLost, match=ids[0]):
                _pull(workspace, ids)
            _pull(workspace, ids[1:])
        assert {row[0] for row in contents(workspace)["listens"]} == set(ids[1:])
        assert len(workspace.lake.paths("listens")) == len(files) + 1


def test_a_lock_that_was_lost_unnoticed_lets_nothing_be_committed(migrated: Database) -> None:
    insert = "INSERT INTO sources (source) VALUES ('late')"
    with named_lock(migrated, NamedLock.UPKEEP):
        with migrated.write() as connection:
            connection.execute(text("UPDATE _fences SET number = number + 1 WHERE name = 'upkeep'"))
        with pytest.raises(LockLost, match="run this again"), migrated.write() as connection:
            connection.exec_driver_sql(insert)
        with pytest.raises(LockLost), migrated.load() as connection:
            connection.exec_driver_sql(insert)
    with migrated.write() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sources")) == 0
        connection.exec_driver_sql(insert)
