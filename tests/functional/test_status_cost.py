"""``moodlog status`` answers from totals that are kept up: right, and at a cost that does not grow with listens."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event, text

from flows.cli import main
from mood_core.lake import open_lake
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.loading.daily import recount_everything
from mood_core.store.loading.stale_totals import are_stale, mark_stale
from mood_core.store.loading.totals import recount_totals
from mood_core.store.queries.overview import coverage, coverage_by_person, reach
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.questions import sqlite_steps
from tests.store_data import NOW, features, listens, moods, query, set_current, tracks, users

_NAMES = [f"t{index}" for index in range(12)]
_STATUS = (reach, coverage, coverage_by_person)


def _shown(database: Database) -> list[list[dict[str, Any]]]:
    shown = [one(database) for one in _STATUS]
    people = [str(row["user_id"]) for row in shown[2]]
    assert coverage_by_person(database, people) == shown[2]
    assert reach(database, people) == [row for row in shown[0] if row["user_id"] in people]
    assert coverage_by_person(database, []) == reach(database, []) == []
    return shown


def _from_the_listens(database: Database) -> list[list[dict[str, Any]]]:
    """What the same questions answer when every listen is read."""
    with database.write() as connection:
        mark_stale(connection, "test")
    read = _shown(database)
    with database.write() as connection:
        connection.execute(text("DELETE FROM _stale_totals WHERE reason = 'test'"))
    return read


def _is_stale(database: Database) -> bool:
    with database.read() as connection:
        return are_stale(connection)


@pytest.fixture
def batches(migrated: Database, tmp_path: Path) -> Batches:
    """Two people and twelve tracks."""
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "Europe/Berlin"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, tracks(*_NAMES), now=NOW)
    return batches


def _listen(batches: Batches, hour: int, names: list[str], user: str = "ada") -> None:
    at = NOW + timedelta(hours=hour)
    batches.add(LISTENS, listens((user, at + timedelta(minutes=i), name) for i, name in enumerate(names)), now=at)


def test_totals_follow_listens_features_labels_and_forgetting(batches: Batches, migrated: Database) -> None:
    draw = random.Random(5)
    set_current(migrated, "m/1")
    featured: set[str] = set()
    for hour in range(1, 13):
        _listen(batches, hour, draw.choices(_NAMES, k=20), draw.choice(["ada", "bob"]))
        assert _shown(migrated) == _from_the_listens(migrated)
        new = sorted(set(draw.sample(_NAMES, 2)))
        batches.add(AUDIO_FEATURES, features(new), now=NOW + timedelta(hours=hour, minutes=1))
        featured.update(new)
        assert _shown(migrated) == _from_the_listens(migrated)
        labels = dict.fromkeys(sorted(featured)[::2], "Calm")
        batches.add(MOODS, moods(labels), now=NOW + timedelta(hours=hour, minutes=2))
    assert not _is_stale(migrated)
    PersonErasure(migrated).end("bob", [])
    assert _shown(migrated) == _from_the_listens(migrated)
    _listen(batches, 20, _NAMES)
    assert _shown(migrated) == _from_the_listens(migrated)
    assert not _is_stale(migrated)


def test_features_that_come_before_a_model_is_shown_are_counted_when_one_is(
    batches: Batches, migrated: Database
) -> None:
    _listen(batches, 1, _NAMES)
    batches.add(AUDIO_FEATURES, features(_NAMES[:5]), now=NOW)
    assert _is_stale(migrated)
    assert [row["listens"] for row in coverage(migrated)] == [5, 7]
    set_current(migrated, "m/1")
    assert not _is_stale(migrated)
    assert [row["listens"] for row in coverage(migrated)] == [5, 7]


def test_repeated_listens_are_counted_again_by_the_next_run(batches: Batches, migrated: Database) -> None:
    set_current(migrated, "m/1")
    _listen(batches, 1, _NAMES[:4])
    _listen(batches, 1, _NAMES[:6])
    assert _is_stale(migrated)
    assert reach(migrated)[0]["listens"] == 6
    batches.finish(now=NOW + timedelta(hours=2))
    assert not _is_stale(migrated)
    assert reach(migrated)[0]["listens"] == 6
    assert _shown(migrated) == _from_the_listens(migrated)


def test_a_rebuild_counts_the_totals(batches: Batches, migrated: Database, tmp_path: Path) -> None:
    _listen(batches, 1, _NAMES)
    batches.add(AUDIO_FEATURES, features(_NAMES[:5]), now=NOW)
    rebuild(open_lake(str(tmp_path / "lake")), migrated, now=NOW)
    assert not _is_stale(migrated)
    assert _shown(migrated) == _from_the_listens(migrated)


def test_no_recount_sorts_the_listens_of_all_people_in_memory(batches: Batches, migrated: Database) -> None:
    if migrated.dialect != "sqlite":
        pytest.skip("PostgreSQL sorts on the disk what does not fit into work_mem")
    _listen(batches, 1, _NAMES)
    run: list[tuple[str, Any]] = []
    event.listen(migrated.engine, "before_cursor_execute", lambda *args: run.append((args[2], args[3])))
    with migrated.write() as connection:
        recount_everything(connection)
        recount_totals(connection)
    counted = [each for each in run if "INSERT INTO" in each[0] and "count(" in each[0]]
    assert len(counted) == 3 * len(query(migrated, "SELECT user_key FROM users"))
    for sql, values in counted:
        with migrated.read() as connection:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert not [step for step in plan if step.startswith(("SCAN l", "SCAN listens"))], plan


def test_status_costs_the_same_whatever_the_number_of_listens(home: Path) -> None:
    database = open_database(f"sqlite:///{home / 'moodlog.db'}")
    assert CliRunner().invoke(main, ["status", "--json"]).exit_code == 0
    batches = Batches(open_lake(str(home / "lake")), database)
    batches.add(USERS, users(("ada", "UTC"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, tracks(*_NAMES), now=NOW)
    batches.add(AUDIO_FEATURES, features(_NAMES[:5]), now=NOW)
    set_current(database, "m/1")
    costs = []
    for day, count in ((1, 3_000), (2, 9_000)):
        rows = [("ada", NOW - timedelta(days=day, seconds=9 * i), _NAMES[i % 12]) for i in range(count)]
        batches.add(LISTENS, listens(dict.fromkeys(rows)), now=NOW)
        with sqlite_steps() as steps:
            result = CliRunner().invoke(main, ["status", "--json"])
        costs.append(steps[0])
    database.close()
    assert sum(row["listens"] for row in json.loads(result.stdout)["coverage"]) == 12_000
    assert costs[1] <= costs[0] * 1.2 + 5


def test_a_long_table_of_status_ends_with_where_the_rest_is(home: Path) -> None:
    database = open_database(f"sqlite:///{home / 'moodlog.db'}")
    migrate(database, now=NOW)
    Batches(open_lake(str(home / "lake")), database).add(USERS, users(*((f"u{n}", "UTC") for n in range(60))), now=NOW)
    database.close()
    shown = CliRunner().invoke(main, ["status"]).stdout
    assert "of 60; --json has them all" in shown
    assert shown.count("unconnected") < 60


def test_no_question_of_status_reads_all_listens_on_postgresql(batches: Batches, migrated: Database) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("counted in instructions above")
    _listen(batches, 1, _NAMES)
    statements: list[str] = []
    event.listen(migrated.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    for one in _STATUS:
        one(migrated)
    asked = [sql for sql in statements if sql.lstrip().startswith(("--", "SELECT", "WITH"))]
    plans = [row[0] for sql in asked for row in query(migrated, f"EXPLAIN ANALYZE {sql}")]
    assert plans
    assert not [line for line in plans if " on listens" in line and "never executed" not in line]
