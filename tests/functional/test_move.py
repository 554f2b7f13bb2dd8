"""`moodlog move`: everything to another database, whenever it is interrupted, and only one of the two in use."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.errors import StoreBusy
from mood_core.lake.schema import LISTENS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.snapshot import snapshot
from mood_core.usecases.upkeep import move_database as moving
from standin import StandIn
from tests.databases import postgres_database
from tests.nights import connect_listeners, contents, one_night, point_at, workspace_of
from tests.store_data import NOW, all_digests, listens, query

pytestmark = pytest.mark.postgresql

_ALONE = (
    "SELECT u.user_id, a.token, a.token_version, a.state, a.authorised_at_ms, a.last_pulled_at_ms FROM _accounts AS a"
    " JOIN users AS u ON u.user_key = a.user_key",
    "SELECT endpoint, minute_ms, calls, failures FROM _api_calls",
    "SELECT endpoint, not_before_ms, reason FROM _rate_limits",
    "SELECT model_version, is_current, weights_sha256 FROM models",
)


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _alone(database: Database) -> list[list[tuple[object, ...]]]:
    """What the lake does not have."""
    with database.read() as connection:
        found = [connection.execute(text(query)).all() for query in _ALONE]
    plain = [[tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows] for rows in found]
    return [sorted(rows, key=repr) for rows in plain]  # databases order text differently


def _seen(workspace: Workspace) -> tuple[object, ...]:
    # PostgreSQL shows a probability by fewer digits, for it has four bytes there.
    shown = {
        name: sorted(
            (tuple(float(np.float32(v)) if isinstance(v, float) else v for v in row) for row in rows), key=repr
        )
        for name, rows in contents(workspace).items()
    }
    return shown, _alone(workspace.database), workspace.calls.last_day()


@pytest.fixture
def before(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A night on SQLite; returns all that is stored."""
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        return _seen(workspace)


def test_there_and_back_with_accounts_tokens_and_calls(
    before: tuple[object, ...], home: Path, standin: StandIn, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    done = _moodlog("move", "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert rows["_accounts"] == 3
    with workspace_of(standin) as workspace:
        planned = dict(query(workspace.database, "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'"))
        assert {name: planned[name] for name in rows} == rows, "PostgreSQL plans queries with the sizes of tables"
        assert _seen(workspace) == before
        standin.clock.advance(timedelta(hours=3))  # access tokens have ended: the refresh tokens work
        assert [outcome.problem for outcome in one_night(workspace).outcomes] == [None] * 3
        after = _seen(workspace)
    assert _moodlog("verify").exit_code == 0
    monkeypatch.delenv("MOODLOG_DATABASE_URL")
    refused = _moodlog("status")
    assert (refused.exit_code, "MOODLOG_DATABASE_URL" in refused.output) == (78, True), refused.output
    # The way back, into the database that was moved away before.
    back = _moodlog("move", "--from", postgres_url)
    assert back.exit_code == 0, back.output
    with workspace_of(standin) as workspace:
        assert _seen(workspace) == after
        assert [outcome.problem for outcome in one_night(workspace).outcomes] == [None] * 3
    assert _moodlog("verify", "--deep").exit_code == 0
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    assert _moodlog("status").exit_code == 78


@pytest.mark.parametrize("step", ["copy_rows", "_compare", "mark", "unmark"])
def test_killed_at_any_step_it_is_run_again(
    before: tuple[object, ...],
    home: Path,
    standin: StandIn,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def dies(*arguments: object) -> None:
        if step != "mark" or "to" in arguments:
            raise Killed
        genuine(*arguments)

    genuine: Callable[..., object] = getattr(moving, step)
    source, target = open_database(f"sqlite:///{home / 'moodlog.db'}"), open_database(postgres_url)
    migrate(target, now=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(moving, step, dies)
        with pytest.raises(Killed):
            moving.move_database(source, target, now=NOW)
    source.close()
    target.close()
    in_use = []
    for url in (f"sqlite:///{home / 'moodlog.db'}", postgres_url):
        monkeypatch.setenv("MOODLOG_DATABASE_URL", url)
        in_use.append(_moodlog("status").exit_code == 0)
    assert in_use[0] is (step != "unmark"), "the source is in use until the whole copy is safe"
    assert in_use != [True, True] or step in ("copy_rows", "_compare")
    done = _moodlog("move")
    assert done.exit_code == 0, done.output
    with workspace_of(standin) as workspace:
        assert _seen(workspace) == before
    monkeypatch.delenv("MOODLOG_DATABASE_URL")
    assert _moodlog("status").exit_code == 78


def test_a_history_is_not_replaced_nor_a_password_taken(
    before: tuple[object, ...], home: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _moodlog("move").exit_code == 2, "it is where it is"
    assert "PGPASSWORD" in _moodlog("move", "--from", "postgresql+psycopg://u:secret@h/db").output
    missing = tmp_path / "nowhere.db"
    assert f"no database {missing}" in _moodlog("move", "--from", f"sqlite:///{missing}").output
    assert not missing.exists()
    assert _moodlog("move", "--from", f"sqlite:///{'x' * 5000}").exit_code == 2
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    with Workspace() as workspace, workspace.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)"
                " VALUES ('bo', 'Bo', 'UTC', 0, 0)"
            )
        )
    refused = _moodlog("move")
    assert (refused.exit_code, "another history" in refused.output) == (2, True), refused.output


def test_nothing_is_moved_under_a_run(
    before: tuple[object, ...], home: Path, standin: StandIn, postgres_url: str
) -> None:
    source, target = open_database(f"sqlite:///{home / 'moodlog.db'}"), open_database(postgres_url)
    migrate(target, now=NOW)
    with workspace_of(standin) as workspace:
        ids = [account.user_id for account in workspace.accounts.all()]
        workspace.accounts.leases.acquire(ids, "elsewhere:1:run", now=NOW, for_s=600)
    with pytest.raises(StoreBusy, match="serve"):
        moving.move_database(source, target, now=NOW)
    source.close()
    target.close()


_KILLED = """
import os, signal, sys, threading
from sqlalchemy import Engine, event
from flows.cli import main
done, last, wait_s = [], int(sys.argv[1]), float(sys.argv[2])

def count(connection, cursor, statement, *_):
    done.append(statement)
    if len(done) == last:
        threading.Timer(wait_s, os.kill, (os.getpid(), signal.SIGKILL)).start()

event.listen(Engine, "before_cursor_execute", count)
main(["move"], standalone_mode=False)
print(next(number for number, statement in enumerate(done) if "LOCK TABLE" in statement or "DELETE" in statement))
print(len(done))
"""
_KILLS = 8


def _kill_a_move(statement: int, wait_s: float) -> subprocess.CompletedProcess[str]:
    """`moodlog move` in a process of its own, killed ``wait_s`` seconds after it began that ``statement``."""
    command = [sys.executable, "-c", _KILLED, str(statement), str(wait_s)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def _restore(kept: Path, file: Path) -> None:
    for log in file.parent.glob(f"{file.name}*"):
        log.unlink()
    shutil.copy(kept, file)


@pytest.mark.slow
def test_killed_in_the_middle_of_the_copy_everything_arrives_once(
    before: tuple[object, ...],
    home: Path,
    standin: StandIn,
    postgres_server: str,
    postgres_template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, kept = home / "moodlog.db", home / "kept"
    with workspace_of(standin) as workspace:
        person = workspace.accounts.all()[0].user_id
        rows = [(person, NOW - timedelta(seconds=200 * i), f"t{i % 999}") for i in range(50_000)]
        workspace.batches.add(LISTENS, listens(rows), now=NOW)
        before = _seen(workspace)
        held = all_digests(workspace.database)
    snapshot(file, kept)
    chance, first, last, unfinished = random.Random(15), 0, 0, 0
    for number in range(_KILLS + 1):
        _restore(kept, file)
        with postgres_database(postgres_server, postgres_template) as target:
            monkeypatch.setenv("MOODLOG_DATABASE_URL", target)
            killed = _kill_a_move(chance.randint(first, last), chance.uniform(0, 0.2))
            if number == 0:  # the first one is not killed, and says where the copy begins and ends
                first, last = map(int, killed.stdout.split()[-2:])
                continue
            source = open_database(f"sqlite:///{file}")
            assert query(source, "PRAGMA integrity_check") == [("ok",)]
            assert (all_digests(source), _alone(source)) == (held, before[1])
            unfinished += query(source, "SELECT count(*) FROM _database_moves") == [(0,)]
            source.close()
            done = _moodlog("move")
            assert done.exit_code == 0, (number, killed.stderr, done.output)
            with workspace_of(standin) as workspace:
                assert _seen(workspace) == before
                assert all_digests(workspace.database) == held
    assert unfinished >= _KILLS / 4
