"""``moodlog verify`` beside other work: it holds up nobody, reports nothing that others do, and its advice works."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.errors import StoreBusy
from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import LISTENS
from mood_core.store import Database, open_database
from mood_core.store.locks.leases import new_owner
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.usecases.batch_writer import LOOK_BACK
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.backup import back_up
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import NOW, listens, query, small_history


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return open_lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("deep", [False, True])
def test_compaction_and_imports_at_every_step_are_no_difference(lake: Lake, migrated: Database, deep: bool) -> None:
    small_history(lake, migrated)
    other = open_database(migrated.engine.url.render_as_string(hide_password=False))
    steps: list[tuple[int, int]] = []

    def meanwhile(done: int, of: int) -> None:
        steps.append((done, of))
        with named_lock(other, NamedLock.UPKEEP, wait_s=0):  # nobody is held up while files and rows are read
            pass
        if len(steps) % 7 == 1 and len(steps) < 40:
            at = NOW - timedelta(days=90, minutes=len(steps))
            Batches(lake, other).add(LISTENS, listens([("ada", at, "t0")]), now=at)
            compact(lake, other, now=NOW, before="2027-01")

    try:
        assert verify(lake, migrated, now=NOW, deep=deep, progress=meanwhile).findings == []
    finally:
        other.close()
    assert steps == sorted(steps, key=lambda step: step[0]) or deep  # a comparison that began again goes back
    assert all(done <= of for done, of in steps)


def test_a_lake_that_is_rewritten_all_the_time_is_not_called_different(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    count = [0]

    def rewrite(done: int, of: int) -> None:
        count[0] += 1
        if done == of // 2 + 9:  # the snapshot is read, the files are not
            at = NOW - timedelta(days=1, minutes=count[0])
            Batches(lake, migrated).add(LISTENS, listens([("ada", at, "t0")]), now=NOW)
            compact(lake, migrated, now=NOW, before="2027-01")

    with pytest.raises(StoreBusy, match="verify --deep"):
        verify(lake, migrated, now=NOW, deep=True, progress=rewrite)


PHASES: dict[str, Callable[[int, int], bool]] = {
    "the first file": lambda done, of: done > 0,
    "the rows in SQL": lambda done, of: done > of / 2,
    "the rows in the lake": lambda done, of: done > of * 0.8,
}


@pytest.mark.parametrize("phase", PHASES)
def test_forgetting_and_backups_go_on_while_a_deep_verify_reads(
    lake: Lake, migrated: Database, tmp_path: Path, phase: str
) -> None:
    small_history(lake, migrated)
    other = open_database(migrated.engine.url.render_as_string(hide_password=False))
    paused, go_on, findings = threading.Event(), threading.Event(), []

    def pause(done: int, of: int) -> None:
        if PHASES[phase](done, of) and not paused.is_set():
            paused.set()
            assert go_on.wait(600)

    def read() -> None:
        findings.append(verify(lake, migrated, now=NOW, deep=True, progress=pause).findings)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert paused.wait(600)
        report = back_up(lake, other, tmp_path / "backups", [], now=NOW)
        forgotten = forget_person("grace", lake, other, owner=new_owner(), now=NOW)
        Batches(lake, other).add(LISTENS, listens([("ada", NOW, "t0")]), now=NOW)
    finally:
        go_on.set()
        reader.join()
        other.close()
    assert (report.files > 10, forgotten.listens, forgotten.left) == (True, 48, ())
    assert findings == [[]]  # it began again where a file that it had to read was rewritten
    assert query(migrated, "SELECT user_id FROM users") == [("ada",)]


def _unload(lake: Lake, database: Database, days: int) -> None:
    at = NOW - timedelta(days=days)
    lake.write(LISTENS, listens([("ada", at, "t0")]), created_at=at)


def _new_file(lake: Lake, database: Database) -> None:
    Batches(lake, database).add(LISTENS, listens([("ada", NOW, "t1")]), now=NOW)
    _unload(lake, database, 1)


def _old_file(lake: Lake, database: Database) -> None:
    Batches(lake, database).add(LISTENS, listens([("ada", NOW, "t1")]), now=NOW)
    _unload(lake, database, 2 * LOOK_BACK.days)


def _foreign(lake: Lake, _database: Database) -> None:
    (Path(lake.root) / "listens" / "notes.txt").write_text("mine")


def _wrong_days(_lake: Lake, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM _mood_days")


def _wrong_totals(_lake: Lake, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM _listen_totals")


def _changed_rows(_lake: Lake, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE listens SET ms_played = 7 WHERE user_key = 1")


def _rows_of_another_person(_lake: Lake, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE listens SET played_at_ms = played_at_ms + 1,"  # they heard the same at the same times
            " user_key = (SELECT user_key FROM users WHERE user_id = 'grace') WHERE played_at_ms ="
            " (SELECT min(played_at_ms) FROM listens) AND user_key = (SELECT user_key FROM users WHERE user_id = 'ada')"
        )


def test_rows_given_to_another_person_are_found_without_a_deep_comparison(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    assert verify(lake, migrated, now=NOW).findings == []
    _rows_of_another_person(lake, migrated)
    found = verify(lake, migrated, now=NOW).findings
    assert {finding.subject for finding in found} == {"_mood_days", "_listen_totals"}
    _rebuild(lake, migrated)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []


def _gone_file(lake: Lake, _database: Database) -> None:
    path = Path(lake.root) / lake.paths("listens")[0]
    shutil.move(path, Path(lake.root).parent / path.name)


def _damaged_file(lake: Lake, _database: Database) -> None:
    path = Path(lake.root) / lake.paths("listens")[0]
    shutil.copy(path, Path(lake.root).parent / path.name)
    path.write_bytes(path.read_bytes()[:-9])


def _put_back(lake: Lake, database: Database) -> None:
    for row in query(database, "SELECT path FROM _batches"):
        kept = Path(lake.root).parent / Path(row[0]).name
        if kept.exists():
            shutil.move(kept, Path(lake.root) / row[0])


def _move_away(lake: Lake, _database: Database) -> None:
    (Path(lake.root) / "listens" / "notes.txt").unlink()


def _run(lake: Lake, database: Database) -> None:
    Batches(lake, database).finish(now=NOW)


def _rebuild(lake: Lake, database: Database) -> None:
    rebuild(lake, database, now=NOW)


@pytest.mark.parametrize(
    ("break_it", "said", "follow"),
    [
        (_new_file, "`moodlog run` loads it", _run),
        (_old_file, "`moodlog rebuild` loads it", _rebuild),
        (_foreign, "move it out of the lake", _move_away),
        (_wrong_days, "`moodlog rebuild`", _rebuild),
        (_wrong_totals, "`moodlog rebuild`", _rebuild),
        (_changed_rows, "`moodlog rebuild`", _rebuild),
        (_gone_file, "restore it from a backup", _put_back),
        (_damaged_file, "restore it from a backup", _put_back),
    ],
)
def test_what_verify_advises_leads_to_agreement(
    lake: Lake,
    migrated: Database,
    break_it: Callable[[Lake, Database], None],
    said: str,
    follow: Callable[[Lake, Database], None],
) -> None:
    small_history(lake, migrated)
    break_it(lake, migrated)
    found = verify(lake, migrated, now=NOW, deep=True).findings
    assert found
    assert all(said in finding.advice for finding in found)
    follow(lake, migrated)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
