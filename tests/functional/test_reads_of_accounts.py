"""Among many people, commands show a part and say so, and runs find whom to forget without reading everybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.domain.records import to_ms
from mood_core.lake import open_lake
from mood_core.lake.schema import FORGOTTEN, USERS
from mood_core.store import Database
from mood_core.store.loading.forgotten_rows import tombstone_row
from mood_core.store.loading.tombstones import find_half_forgotten, half_forgotten
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.check_secrets import foreign_tokens
from tests.store_data import NOW, query, users

PEOPLE = [f"p{number:02}" for number in range(12)]


@pytest.fixture
def many(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """More people than a table shows; the last one has a problem."""
    monkeypatch.setattr(options, "PEOPLE_SHOWN", 5)
    with Workspace() as workspace:
        workspace.batches.add(USERS, users(*((user_id, "UTC") for user_id in PEOPLE)), now=NOW)
        with workspace.database.write() as connection:
            connection.execute(text("INSERT INTO _accounts (user_key) SELECT user_key FROM users"))
            connection.execute(text("UPDATE _accounts SET last_pulled_at_ms = :now"), {"now": to_ms(workspace.now())})
            failed = "WHERE user_key = (SELECT max(user_key) FROM users)"
            connection.execute(text(f"UPDATE _accounts SET last_problem = 'HTTP 500' {failed}"))  # noqa: S608
    return home


def _run(*words: str) -> Result:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.usefixtures("many")
def test_a_list_of_people_is_a_page_and_scripts_get_all() -> None:
    done = _run("users", "list")
    assert [name for name in PEOPLE if name in done.stdout] == PEOPLE[:5]
    assert "--limit" in done.stderr
    assert "--json" in done.stderr
    everybody = [json.loads(line)["user_id"] for line in _run("users", "list", "--json").stdout.splitlines()]
    assert everybody == PEOPLE
    done = _run("users", "list", "--limit", "0")
    assert [name for name in PEOPLE if name in done.stdout] == PEOPLE
    assert "--limit" not in done.stderr
    assert [name for name in PEOPLE if name in _run("users", "list", "--prefix", "P1").stdout] == ["p10", "p11"]
    assert "No name begins with 'x'" in _run("users", "list", "--prefix", "x").stdout


@pytest.mark.usefixtures("many")
def test_status_shows_those_with_a_problem_and_some_others_and_says_of_how_many() -> None:
    state = json.loads(_run("status", "--json").stdout)
    assert state["people"] == 12
    assert [user["user_id"] for user in state["users"]] == [*PEOPLE[:4], PEOPLE[-1]]
    assert "These are 5 of 12 people" in _run("status").stdout
    state = json.loads(_run("status", "--json", "--limit", "0").stdout)
    assert [user["user_id"] for user in state["users"]] == PEOPLE
    assert "These are" not in _run("status", "--limit", "12").stdout


def test_of_many_tokens_some_are_checked_and_the_line_says_so() -> None:
    checked: list[str] = []
    assert "the oldest and newest 2 can" in foreign_tokens(["a", "b"], checked.append, are_all=False).said
    assert foreign_tokens(["a"], checked.append, are_all=True).said.startswith("can be decrypted")
    assert checked == ["a", "b", "a"]


def test_whom_a_run_began_to_forget_is_recorded_until_it_is_done(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path)), migrated)
    batches.add(USERS, users(("ada", "UTC"), ("bob", "UTC")), now=NOW)
    PersonErasure(migrated).begin("ada", "run", now=NOW)  # has no account
    batches.add_tombstone("ada", now=NOW)
    assert query(migrated, "SELECT count(*) FROM _done_until") == [(0,)]  # nobody else is read
    assert half_forgotten(migrated) == find_half_forgotten(migrated) == ["ada"]
    batches.complete_forgettings(now=NOW)
    assert half_forgotten(migrated, everywhere=True) == []
    assert query(migrated, "SELECT user_id FROM users") == [("bob",)]
    assert query(migrated, "SELECT count(*) FROM _people_to_forget") == [(0,)]


def test_a_tombstone_from_elsewhere_is_compared_with_everybody_once(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path)), migrated)
    batches.add(USERS, users(("ada", "UTC"), ("bob", "UTC")), now=NOW)
    batches.add(FORGOTTEN, tombstone_row(migrated, "bob", at=NOW), now=NOW)  # no run here has begun it
    assert half_forgotten(migrated) == ["bob"]
    assert find_half_forgotten(migrated) == ["bob"]
    assert query(migrated, "SELECT count(*) FROM _done_until") == [(0,)]
    assert half_forgotten(migrated) == ["bob"]
    batches.complete_forgettings(now=NOW)
    batches.lift_tombstone("bob", now=NOW)  # a new consent
    assert query(migrated, "SELECT count(*) FROM _done_until") == [(0,)]
    assert half_forgotten(migrated, everywhere=True) == []
