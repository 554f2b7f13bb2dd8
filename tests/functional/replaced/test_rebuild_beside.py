"""A rebuild on PostgreSQL goes on where it was killed, beside pulls and readers, and leaves what an empty one makes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, text

from flows.cli import main
from mood_core.errors import ConfigError
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import AUDIO_FEATURES, MOODS, TRACKS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.partitions import count_partitions
from mood_core.store.loading.keep_up import keep_up
from mood_core.store.loading.load import load_rows
from mood_core.store.loading.whole_histories import prepare_counts
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.token_rows import TokenRows
from mood_core.store.upkeep import second_schema
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep import fill_second_schema
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.partition_database import partition_database
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.functional.replaced.history import TRACK_IDS, Killed, add_described, listen
from tests.store_data import NOW, all_digests, features, moods, query, set_current, tracks

pytestmark = pytest.mark.postgresql

_PEOPLE = [f"p{number}" for number in range(12)]
_LATER = NOW + timedelta(hours=1)


@pytest.fixture
def batches(lake: Lake, database: Database) -> Batches:
    """Twelve people with listens of four days in files of their own, of which one person has an account."""
    made = Batches(lake, database)
    add_described(made, database, _PEOPLE)
    for day in (1, 2, 3, 40):
        _listen(made, *_PEOPLE, day=day)
    TokenRows(database).write("p1", b"secret", authorised_at=NOW, expected_version=None)
    keep_up(database)
    return made


def _listen(batches: Batches, *people: str, day: int) -> None:
    """Nine listens of each of ``people``; one track has no description."""
    listen(batches, people, [*TRACK_IDS, "never described"], day=day)


def _is_as_new(lake: Lake, database: Database, folder: Path) -> bool:
    """Whether the database has what a rebuild into an empty one gives, and nothing is left of the second schema."""
    with closing(open_database(f"sqlite:///{folder / 'empty.db'}")) as empty:
        migrate(empty, now=NOW)
        rebuild(lake, empty, now=_LATER)
        if all_digests(empty) != all_digests(database):
            return False
    with database.read() as connection:
        return not second_schema.is_begun(connection)


def _dies(database: Database, lake: Lake, *, after: int, workers: int = 1) -> None:
    """Rebuild until ``after`` files are loaded."""

    def progress(done: int, _: int) -> None:
        if done == after:
            raise Killed

    with pytest.raises(Killed):
        rebuild(lake, database, now=NOW, workers=workers, progress=progress)


def _steps(database: Database) -> set[tuple[str, int]]:
    return {(row[0], row[1]) for row in query(database, "SELECT path, share FROM public_rebuild._rebuild_steps")}


@pytest.mark.parametrize("after", [1, 4, 6])
def test_killed_after_some_files_it_goes_on_with_the_others(
    database: Database, lake: Lake, batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    before = all_digests(database)
    _dies(database, lake, after=after)
    assert all_digests(database) == before
    done = _steps(database)
    assert len(done) == after
    _listen(batches, "p1", day=7)
    batches.add(TRACKS, tracks("t9"), now=NOW)
    loaded: list[str] = []

    def noted(connection: Connection, file: BatchFile, *rest: Any, **options: Any) -> None:
        loaded.append(file.path)
        load_rows(connection, file, *rest, **options)

    monkeypatch.setattr(fill_second_schema, "load_rows", noted)
    report = rebuild(lake, database, now=_LATER)
    assert len(loaded) == 8 - after
    assert not {path for path, _ in done} & set(loaded)
    assert report.files == len(query(database, "SELECT * FROM _batches")) == 10
    assert query(database, "SELECT count(*) FROM listens") == [(441,)]
    assert query(database, "SELECT count(*) FROM _counted_people WHERE ranked_until_ms > 0")[0][0] > 9
    assert [account.state for account in Accounts(database).all() if account.user_id == "p1"] == ["active"]
    assert _is_as_new(lake, database, tmp_path)


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (fill_second_schema, "prepare_counts"),
        (fill_second_schema, "count_whole_histories"),
        (second_schema, "complete_tables"),
        (second_schema, "replace_tables"),
    ],
)
def test_killed_near_the_end_it_is_run_again(
    database: Database,
    lake: Lake,
    batches: Batches,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    step: str,
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise Killed

    before = all_digests(database)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, dies)
        with pytest.raises(Killed):
            rebuild(lake, database, now=NOW)
    assert all_digests(database) == before
    _listen(batches, *_PEOPLE, day=8)
    rebuild(lake, database, now=_LATER)
    assert _is_as_new(lake, database, tmp_path)


def test_pulls_and_readers_go_on_beside_several_workers(
    database: Database, lake: Lake, batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []

    def meanwhile(done: int, _: int) -> None:
        counts.append(query(database, "SELECT count(*) FROM mood_history")[0][0])
        if done == 3:
            _listen(batches, "p1", "p2", "new person", day=5)
            batches.add(AUDIO_FEATURES, features(["t6"]), now=NOW)
            TokenRows(database).write("p2", b"another", authorised_at=NOW, expected_version=None)

    def beside_counting(connection: Connection) -> None:
        prepare_counts(connection)
        _listen(batches, "p1", "p4", day=9)

    monkeypatch.setattr(fill_second_schema, "prepare_counts", beside_counting)
    rebuild(lake, database, now=_LATER, workers=2, progress=meanwhile)
    assert (counts[0], counts[-1]) == (432, 459)
    assert sum(account.state == "active" for account in Accounts(database).all()) == 2
    assert query(database, "SELECT count(*) FROM mood_history") == [(477,)]
    assert _is_as_new(lake, database, tmp_path)
    _listen(batches, "p3", day=6)
    assert not verify(lake, database, now=NOW, deep=True).findings


def test_who_is_forgotten_after_a_kill_is_in_neither_schema(
    database: Database, lake: Lake, batches: Batches, tmp_path: Path
) -> None:
    _dies(database, lake, after=6)
    forget_person("p2", lake, database, owner="test", now=_LATER)
    assert query(database, "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('public_rebuild')") == [
        (0,)
    ]
    rebuild(lake, database, now=_LATER)
    assert query(database, "SELECT count(*) FROM users WHERE user_id = 'p2'") == [(0,)]
    assert _is_as_new(lake, database, tmp_path)


def _merges(lake: Lake, database: Database) -> None:
    compact(lake, database, now=NOW + timedelta(days=60))


def _shows_another_model(lake: Lake, database: Database) -> None:
    Batches(lake, database).add(MOODS, moods(dict.fromkeys(TRACK_IDS[:6], "Sad"), "m/2"), now=NOW)
    set_current(database, "m/2")


def _divides(_: Lake, database: Database) -> None:
    partition_database(database, 3, now=NOW)


@pytest.mark.parametrize("change", [_merges, _shows_another_model, _divides])
def test_what_changes_the_lake_or_the_tables_starts_it_again(
    database: Database, lake: Lake, batches: Batches, tmp_path: Path, change: Callable[[Lake, Database], None]
) -> None:
    _dies(database, lake, after=6)
    change(lake, database)
    before = all_digests(database)
    with database.read() as connection:
        partitions = count_partitions(connection)
    rebuild(lake, database, now=_LATER)
    assert all_digests(database) == before
    with database.read() as connection:
        assert count_partitions(connection) == partitions
    assert not verify(lake, database, now=NOW, deep=True).findings


def test_what_was_added_to_the_tables_by_hand_is_kept(database: Database, lake: Lake, batches: Batches) -> None:
    with database.write() as connection:
        for statement in (
            "GRANT SELECT ON listens, mood_daily TO PUBLIC",
            "GRANT SELECT (track_id) ON tracks TO PUBLIC",
            "CREATE INDEX mine ON tracks (album)",
            "ALTER TABLE moods SET (fillfactor = 90)",
            "CREATE TABLE others (number INTEGER)",
        ):
            connection.execute(text(statement))
    shown = """
        SELECT relname, (SELECT string_agg(a.privilege_type, ',') FROM aclexplode(relacl) AS a WHERE a.grantee = 0),
            reloptions::text, pg_get_indexdef(c.oid)
        FROM pg_class AS c
        WHERE relname IN ('listens', 'mood_daily', 'tracks', 'mine', 'moods', 'others') ORDER BY relname"""
    columns = "SELECT attacl::text FROM pg_attribute WHERE attrelid = 'tracks'::regclass AND attname = 'track_id'"
    before = query(database, shown), query(database, columns)
    assert before[0][0][1] == "SELECT"
    triggers = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
    functions = (
        "SELECT proname, pronamespace::regnamespace::text FROM pg_proc WHERE proname ~ '^(check|forget)_' ORDER BY 1"
    )
    made = query(database, triggers), query(database, functions)
    rebuild(lake, database, now=NOW)
    assert (query(database, shown), query(database, columns)) == before
    assert (query(database, triggers), query(database, functions)) == made


def test_a_view_of_ones_own_is_refused_before_anything_is_loaded(
    database: Database, lake: Lake, batches: Batches
) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE VIEW mine AS SELECT count(*) FROM mood_daily"))
    with pytest.raises(ConfigError, match="mine"):
        rebuild(lake, database, now=NOW)
    assert query(database, "SELECT * FROM mine")
    with database.write() as connection:
        assert not second_schema.is_begun(connection)
        connection.execute(text("DROP VIEW mine"))
    assert rebuild(lake, database, now=NOW).files == 8


def test_the_doctor_names_what_was_interrupted(database: Database, lake: Lake, batches: Batches) -> None:
    def moodlog(*arguments: str) -> str:
        return " ".join(CliRunner().invoke(main, list(arguments)).output.split())

    def dies(_: int, __: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        partition_database(database, 3, now=NOW, pages=1, progress=dies)
    assert "moodlog partition 3 continues it" in moodlog("doctor")
    assert "moodlog partition --cancel" in moodlog("doctor")
    moodlog("partition", "--cancel")
    assert "continues it" not in moodlog("doctor")
    _dies(database, lake, after=6)
    assert "moodlog rebuild --cancel removes" in moodlog("doctor")
    assert "cancelled" in moodlog("rebuild", "--cancel")
    assert "nothing to cancel" in moodlog("rebuild", "--cancel")
    assert "leave out --workers" in moodlog("rebuild", "--cancel", "--workers", "2")
    assert "continues it" not in moodlog("doctor")
    _dies(database, lake, after=6)
    assert "moodlog rebuild continues it" in moodlog("doctor")
    assert "8 files" in moodlog("rebuild", "--workers", "2")
    assert "continues it" not in moodlog("doctor")


_REBUILDS = """
import sys
from datetime import datetime
from mood_core.lake import open_lake
from mood_core.store import open_database
from mood_core.usecases.upkeep.rebuild import rebuild
if __name__ == "__main__":
    rebuild(open_lake(sys.argv[2]), open_database(sys.argv[1]), now=datetime.fromisoformat(sys.argv[3]), workers=2,
        progress=lambda done, total: print(done, flush=True))
    print("complete", flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_is_followed_by_another_until_the_rebuild_is_complete(
    database: Database, lake: Lake, batches: Batches, url: str, tmp_path: Path
) -> None:
    """Killed with its workers at a later line each time; in between a person listens."""
    script = tmp_path / "rebuilds.py"
    script.write_text(_REBUILDS)
    for attempt in range(20):
        with subprocess.Popen(
            [sys.executable, script, url, lake.root, _LATER.isoformat()], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(attempt + 1)]
            process.kill()
        if "complete\n" in lines:
            break
        _listen(batches, "p1", day=10 + attempt)
    assert "complete\n" in lines
    assert _is_as_new(lake, database, tmp_path)
