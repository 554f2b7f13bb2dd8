"""An upgrade while work is under way: a process of the old version stops with a clear error, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.errors import SchemaNewer
from mood_core.lake.schema import TRACKS, USERS
from mood_core.settings import load_settings
from mood_core.store import open_database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_folder
from standin import StandIn
from tests.flows.deployed import until
from tests.nights import connect_listeners, contents, point_at, truth, workspace_of
from tests.store_data import NOW, tracks, users

_LATER = "9999_later"
_MIGRATE = """
import sys
from pathlib import Path
import mood_core.store.engine.sql_files as files
files.sql_folder = lambda: Path(sys.argv[1])
from mood_core.app.workspace import Workspace
with Workspace() as workspace:
    workspace.database
"""
"""A process of the newer version."""

_PULL = """
import json, sys
from mood_core.app.workspace import Workspace
from mood_core.errors import MoodlogError
from mood_core.usecases.nightly.pull_account import pull_leased

with Workspace() as workspace:
    ids = [one.user_id for one in workspace.accounts.all()]
    print("ready", flush=True)
    try:
        for user in ids:  # a batch for each account
            pull_leased([user], workspace.pulling(), workspace.accounts, workspace.now)
            print("pulled", flush=True)
            sys.stdin.readline()
    except MoodlogError as error:
        print(json.dumps([type(error).__name__, error.exit_code, error.retryable, str(error)]), flush=True)
        sys.exit(error.exit_code)
"""
_REST = """
    from datetime import timedelta
    from mood_core.usecases.nightly.pull_account import pull_leased
    workspace.batches.finish(now=workspace.now() + timedelta(hours=1))
    ids = [one.user_id for one in workspace.accounts.all()]
    pull_leased(ids, workspace.pulling(), workspace.accounts, workspace.now)
"""
"""The newer version does what the older one left."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def any_home(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own on each database."""
    if request.param == "postgresql":
        monkeypatch.setenv("MOODLOG_DATABASE_URL", request.getfixturevalue("postgres_url"))
    return home


def _newer(folder: Path, migration: str) -> Path:
    """The SQL of a newer version, which has one migration more."""
    newer = folder / "newer"
    shutil.copytree(sql_folder(), newer)
    (newer / "migrations" / f"{_LATER}.sql").write_text(migration, encoding="utf-8")
    return newer


def _run(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, timeout=600)


def _forget_migration() -> None:
    """Let the version of the tests look at the database again."""
    database = open_database(load_settings().database)
    with closing(database), database.write() as connection:
        connection.execute(text("DELETE FROM _schema_migrations WHERE name = :name"), {"name": _LATER})


def test_a_pull_of_the_old_version_stops_and_loses_nothing(
    any_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = _newer(tmp_path, "ALTER TABLE listens ADD COLUMN later INTEGER;")
    with StandIn(seed=8, listeners=4, frozen=True) as standin:
        point_at(standin, monkeypatch)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        command = [sys.executable, "-c", _PULL]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as old:
            assert old.stdin is not None
            assert old.stdout is not None
            assert [old.stdout.readline().strip() for _ in range(2)] == ["ready", "pulled"]
            _run(_MIGRATE, str(newer))
            said, _ = old.communicate("\n" * 4, timeout=600)
        name, exit_code, retryable, message = json.loads(said.splitlines()[-1])
        assert (name, exit_code, retryable, old.returncode) == ("SchemaNewer", 75, True, 75)
        assert _LATER in message
        assert "install that version" in message
        _run(_MIGRATE + _REST, str(newer))
        _forget_migration()
        with workspace_of(standin) as workspace:
            listens = {(user_id, at) for user_id, at, *_ in contents(workspace)["listens"]}
            assert workspace.verify(deep=True).findings == []
        assert listens == {(user_id, at) for user_id, moments in truth(standin).items() for at in moments}


def test_a_statement_that_no_longer_fits_names_the_upgrade(any_home: Path, tmp_path: Path) -> None:
    newer = _newer(tmp_path, "ALTER TABLE _rate_limits RENAME TO limits_of_services;")
    for file in (newer / "schema").glob("*.sql"):
        file.write_text(
            file.read_text(encoding="utf-8").replace("_rate_limits", "limits_of_services"), encoding="utf-8"
        )
    with Workspace() as workspace:
        workspace.batches.add(USERS, users(("ada", "UTC")), now=NOW)
        _run(_MIGRATE, str(newer))
        with pytest.raises(SchemaNewer, match=_LATER):
            workspace.calls.before_call("search")
        with pytest.raises(SchemaNewer, match=_LATER):
            workspace.batches.add(TRACKS, tracks("a"), now=NOW)
        with pytest.raises(SchemaNewer, match=_LATER), Workspace() as another:
            _ = another.database
        workspace.database.run(query("count_people"), {"most": 1})  # what still fits goes on


def _waits(workspace: Workspace) -> bool:
    """Whether a migration waits for the table of migrations."""
    with workspace.database.read() as connection:
        sql = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = CAST('_schema_migrations' AS regclass)"
        return connection.execute(text(sql)).first() is not None


@pytest.mark.postgresql
def test_a_migration_waits_for_a_batch_that_is_being_loaded(
    home: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    newer = _newer(tmp_path, "ALTER TABLE listens ADD COLUMN later INTEGER;")
    with Workspace() as workspace:
        with workspace.database.load() as connection:
            migrating = subprocess.Popen([sys.executable, "-c", _MIGRATE, str(newer)])
            until(lambda: _waits(workspace), 300)
            assert migrating.poll() is None
            connection.execute(query("count_people"), {"most": 1})
        assert migrating.wait(timeout=600) == 0
        with pytest.raises(SchemaNewer), workspace.database.load():
            pass
