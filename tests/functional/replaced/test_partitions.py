"""Partitions by person on PostgreSQL: chosen for a new database, or made of the tables that are in use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flows.cli import main
from mood_core.errors import ConfigError
from mood_core.lake import Lake, open_lake
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.partitions import count_partitions
from mood_core.store.engine.statistics import refresh_statistics
from mood_core.store.upkeep import partitioning
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.move_database import move_database
from mood_core.usecases.upkeep.partition_database import cancel_partitioning, partition_database
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.functional.replaced.history import TRACK_IDS, Killed, add_described, listen
from tests.store_data import NOW, all_digests, query

pytestmark = pytest.mark.postgresql

_PEOPLE = [f"p{number}" for number in range(20)]


def _history(lake: Lake, database: Database) -> Batches:
    """Twenty people with 80 listens each, which are on some 15 pages."""
    batches = Batches(lake, database)
    add_described(batches, database, _PEOPLE)
    for day in range(1, 5):
        _listen(batches, *_PEOPLE, day=day)
    return batches


def _listen(batches: Batches, *people: str, day: int) -> None:
    """Twenty listens of each of ``people``."""
    listen(batches, people, [TRACK_IDS[number % 8] for number in range(20)], day=day)


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _is_right(lake: Lake, database: Database) -> bool:
    return not verify(lake, database, now=NOW, deep=True).findings


def _dies_at_step(number: int, *, pages: int = 1) -> None:
    """Count the steps, and end the process after one of them."""

    def progress(done: int, _: int) -> None:
        if done == number:
            raise Killed

    with closing(open_database(os.environ["MOODLOG_DATABASE_URL"])) as mine, pytest.raises(Killed):
        partition_database(mine, 3, now=NOW, pages=pages, progress=progress)


def test_partitions_are_chosen_at_setup_and_known_to_every_command(
    postgres_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    for outcome in ("changed", "kept"):
        done = _moodlog("setup", "--partitions", "3", "--json")
        assert json.loads(done.stdout) == {"database": outcome}
    with closing(open_database(postgres_url)) as made:
        _history(open_lake(str(home / "lake")), made)
        parts = query(made, "SELECT tableoid::regclass::text, count(DISTINCT user_key) FROM listens GROUP BY 1")
        assert {re.sub(r"\d_", "N_", name) for name, _ in parts} == {"_listens_N_of_3"}
        assert sum(people for _, people in parts) == len(_PEOPLE)
    assert _moodlog("verify", "--deep").exit_code == 0
    refused = _moodlog("setup", "--partitions", "4")
    assert refused.exit_code == 2
    assert "moodlog partition 4" in refused.output


def test_sqlite_has_no_partitions(home: Path) -> None:
    for command in (["setup", "--partitions", "3"], ["partition", "3"], ["partition", "--cancel"]):
        refused = _moodlog(*command)
        assert refused.exit_code == 2
        assert "PostgreSQL" in refused.output


def test_the_command_moves_a_history_and_says_what_it_needs(database: Database, lake: Lake) -> None:
    _history(lake, database)
    before = all_digests(database)
    asked = _moodlog("partition", "3", "--dry-run")
    assert "MB" in asked.stdout
    assert _moodlog("partition", "--cancel", "--dry-run").exit_code == 2
    for partitions, outcome in ((3, "changed"), (3, "kept"), (5, "changed"), (1, "changed")):
        done = _moodlog("partition", str(partitions))
        assert done.exit_code == 0, done.output
        assert outcome in done.stdout
        with database.read() as connection:
            assert count_partitions(connection) == partitions
        assert all_digests(database) == before


def test_readers_and_writers_continue_while_rows_are_copied(database: Database, lake: Lake) -> None:
    batches = _history(lake, database)
    counts = []

    def meanwhile(done: int, _: int) -> None:
        counts.append(query(database, "SELECT count(*) FROM mood_history")[0][0])
        if done == 2:
            _listen(batches, "p1", "p2", day=5)
            _listen(batches, "p3", day=6)
        if done == 3:
            with database.write() as connection:
                connection.execute(text("UPDATE listens SET ms_played = ms_played + 0 WHERE user_key = 4"))
                connection.execute(text("DELETE FROM listens WHERE user_key = 5 AND played_at_ms % 2 = 1"))

    assert partition_database(database, 3, now=NOW, workers=2, pages=1, progress=meanwhile)
    assert counts[0] == 1600
    assert counts[-1] == 1660
    assert _is_right(lake, database)


@pytest.mark.parametrize("step", [0, 1, 5])
def test_killed_after_a_step_it_continues_there(database: Database, lake: Lake, step: int) -> None:
    batches = _history(lake, database)
    _dies_at_step(step)
    _listen(batches, "p1", day=7)
    forget_person("p2", lake, database, owner="test", now=NOW + timedelta(hours=1))
    sizes = [json.loads(_moodlog("partition", parts, "--dry-run", "--json").stdout)["bytes"] for parts in ("5", "3")]
    assert (sizes[1] < sizes[0]) == (step > 0)
    seen: list[int] = []
    assert partition_database(database, 3, now=NOW, pages=1, progress=lambda done, _: seen.append(done))
    assert step <= seen[0] < seen[-1]
    assert _is_right(lake, database)
    assert query(database, "SELECT count(*) FROM listens") == [(1540,)]
    assert query(database, "SELECT count(*) FROM pg_class WHERE relname ~ '_new_|_partition_'") == [(0,)]


@pytest.mark.parametrize("step", ["is_complete", "replace_tables"])
def test_killed_before_the_end_it_is_run_again(
    database: Database, lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise Killed

    _history(lake, database)
    with monkeypatch.context() as patch:
        patch.setattr(partitioning, step, dies)
        with pytest.raises(Killed):
            partition_database(database, 3, now=NOW)
    assert _is_right(lake, database)
    assert partition_database(database, 3, now=NOW)
    assert _is_right(lake, database)


def test_grants_are_kept_and_a_view_of_ones_own_is_dropped_first(database: Database, lake: Lake) -> None:
    _history(lake, database)
    with database.write() as connection:
        connection.execute(text("GRANT SELECT ON listens TO PUBLIC"))
        connection.execute(text("CREATE VIEW mine AS SELECT count(*) FROM listens"))
    with pytest.raises(ConfigError, match="mine"):
        partition_database(database, 3, now=NOW)
    assert query(database, "SELECT * FROM mine") == [(1600,)]
    with database.write() as connection:
        connection.execute(text("DROP VIEW mine"))
    assert partition_database(database, 3, now=NOW)
    assert "=r/" in query(database, "SELECT relacl::text FROM pg_class WHERE relname = 'listens'")[0][0]


def test_a_history_is_moved_from_sqlite_into_partitions(database: Database, lake: Lake, tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'old.db'}")) as old:
        migrate(old, now=NOW)
        _history(lake, old)
        partition_database(database, 3, now=NOW)
        rows = move_database(old, database, now=NOW)
    assert (rows["listens"], query(database, "SELECT count(DISTINCT tableoid) FROM listens")[0][0]) == (1600, 3)
    assert _is_right(lake, database)


def test_rewritten_tables_are_copied_from_the_beginning(database: Database, lake: Lake) -> None:
    _history(lake, database)
    _dies_at_step(2)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL listens"))
    seen: list[int] = []
    assert partition_database(database, 3, now=NOW, progress=lambda done, _: seen.append(done))
    assert seen[0] == 0
    assert _is_right(lake, database)


def test_an_interrupted_move_is_cancelled_by_hand_and_by_a_rebuild(database: Database, lake: Lake) -> None:
    _history(lake, database)
    for cancel in (cancel_partitioning, lambda database: rebuild(lake, database, now=NOW)):
        _dies_at_step(2)
        assert cancel(database)
        assert not cancel_partitioning(database)
        assert query(database, "SELECT count(*) FROM pg_class WHERE relname ~ '_new_|_partition_'") == [(0,)]
        assert _is_right(lake, database)


def test_the_statistics_of_the_whole_table_follow_those_of_its_partitions(database: Database, lake: Lake) -> None:
    rows = "SELECT reltuples FROM pg_class WHERE relname = 'listens'"
    partition_database(database, 2, now=NOW)
    _history(lake, database)
    with database.write() as connection:
        connection.execute(text("ANALYZE _listens_0_of_2, _listens_1_of_2"))  # as autovacuum does
    with database.write() as connection:
        refresh_statistics(connection)
    assert query(database, rows) == [(1600,)]
    partition_database(database, 3, now=NOW)
    assert query(database, rows) == [(1600,)]


_MOVES = """
import sys
from datetime import datetime
from mood_core.store import open_database
from mood_core.usecases.upkeep.partition_database import partition_database
database = open_database(sys.argv[1])
partition_database(database, 3, now=datetime.fromisoformat(sys.argv[2]), workers=2, pages=1,
    progress=lambda done, total: print(done, flush=True))
"""


@pytest.mark.slow
def test_a_killed_process_is_followed_by_another_until_the_move_is_complete(
    database: Database, lake: Lake, url: str
) -> None:
    _history(lake, database)
    before = all_digests(database)
    firsts = []
    for _ in range(30):
        with subprocess.Popen(
            [sys.executable, "-c", _MOVES, url, NOW.isoformat()], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            firsts.append(int(process.stdout.readline()))
            for _ in range(3):
                process.stdout.readline()
            process.kill()
        with database.read() as connection:
            if count_partitions(connection) == 3:
                break
    assert firsts == sorted(firsts)
    assert len(set(firsts)) > 2
    assert all_digests(database) == before
