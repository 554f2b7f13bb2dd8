"""A process's cache of keys and labels is dropped when the store changes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.errors import StoreError
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database, open_database
from mood_core.store.loading.key_cache import key_cache_of
from mood_core.store.loading.load import load_batch
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.store_data import NOW, days_are_right, listens, moods, query, set_current, tracks, users

_HEARD = "SELECT t.track_id FROM listens AS l INNER JOIN tracks AS t ON t.track_key = l.track_key ORDER BY played_at_ms"


@pytest.fixture
def batches(migrated: Database, tmp_path: Path) -> Batches:
    """Two people, four tracks, and one batch of listens, so that the process knows the tracks."""
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "Europe/Berlin"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, tracks("a", "b", "c", "d"), now=NOW)
    _listen(batches, 0, "abcd")
    return batches


def _listen(batches: Batches, hour: int, names: str) -> None:
    at = NOW + timedelta(hours=hour)
    batches.add(LISTENS, listens(("ada", at + timedelta(minutes=i), name) for i, name in enumerate(names)), now=at)


def _other(migrated: Database) -> Database:
    """The same database as another process sees it."""
    return open_database(migrated.engine.url.render_as_string(hide_password=False))


def test_keys_change_under_a_process_by_anothers_rebuild(batches: Batches, migrated: Database, tmp_path: Path) -> None:
    other = _other(migrated)
    lake = open_lake(str(tmp_path / "lake"))
    # More tracks that come earlier in the lake's order move every key.
    early = lake.write(TRACKS, tracks("0", "1", "2"), created_at=NOW - timedelta(days=1))
    assert load_batch(other, *lake.stream(early.path), now=NOW)
    before = dict(query(migrated, "SELECT track_id, track_key FROM tracks"))
    rebuild(lake, other, now=NOW)
    other.close()
    assert dict(query(migrated, "SELECT track_id, track_key FROM tracks")) != before
    _listen(batches, 1, "dcba0")
    assert [row[0] for row in query(migrated, _HEARD)] == [*"abcd", *"dcba0"]
    assert days_are_right(migrated)


def test_labels_by_another_process_are_counted(batches: Batches, migrated: Database, tmp_path: Path) -> None:
    other = _other(migrated)
    elsewhere = Batches(open_lake(str(tmp_path / "lake")), other)
    set_current(other, "m/1")
    _listen(batches, 1, "aabb")
    elsewhere.add(MOODS, moods({"a": "Sad", "b": "Happy"}), now=NOW)
    _listen(batches, 2, "abc")
    assert days_are_right(migrated)
    elsewhere.add(MOODS, moods({"a": "Calm", "c": "Calm"}, "m/2"), now=NOW)
    set_current(other, "m/2")
    other.close()
    _listen(batches, 3, "abcd")
    assert days_are_right(migrated)
    assert query(migrated, "SELECT sum(calm), sum(unlabelled) FROM _mood_days") == [(8, 7)]


def test_a_load_that_fails_leaves_no_keys_behind(batches: Batches, migrated: Database, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    new = lake.write(LISTENS, listens([("ada", NOW + timedelta(hours=1), "new")]), created_at=NOW)
    with migrated.write() as connection:
        connection.execute(text("ALTER TABLE _mood_days RENAME TO put_away"))
    with pytest.raises(StoreError):
        load_batch(migrated, *lake.stream(new.path), now=NOW)
    with migrated.write() as connection:
        connection.execute(text("ALTER TABLE put_away RENAME TO _mood_days"))
    # Another track takes the key that the failed load gave to "new" on SQLite.
    Batches(lake, migrated).add(TRACKS, tracks("between"), now=NOW)
    assert load_batch(migrated, *lake.stream(new.path), now=NOW)
    assert [row[0] for row in query(migrated, _HEARD)] == [*"abcd", "new"]
    assert days_are_right(migrated)


def test_deleting_tracks_waits_for_a_running_load(batches: Batches, migrated: Database) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with migrated.load() as loading:
        key_cache_of(migrated).begin(loading)
        with pytest.raises(StoreError, match="another program was writing"):
            _delete_unheard(migrated)
    _delete_unheard(migrated)


def _delete_unheard(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
        connection.execute(text("DELETE FROM tracks WHERE track_id NOT IN ('a', 'b', 'c', 'd')"))


def test_listens_written_by_hand_are_still_checked(batches: Batches, migrated: Database) -> None:
    # The loader's connection goes back to the pool without its privilege.
    _listen(batches, 1, "abcd")
    with pytest.raises(StoreError, match=r"does not exist|FOREIGN KEY"), migrated.write() as connection:
        connection.execute(text("INSERT INTO listens VALUES (1, 1700000000000, 99, NULL, 1, NULL, NULL, NULL)"))


def test_labels_deleted_by_hand_are_not_cached(batches: Batches, migrated: Database) -> None:
    set_current(migrated, "m/1")
    batches.add(MOODS, moods({"a": "Sad", "b": "Happy"}), now=NOW)
    _listen(batches, 1, "ab")
    with migrated.write() as connection:
        connection.execute(text("DELETE FROM moods WHERE mood = 'Sad'"))
        connection.execute(text("DELETE FROM _mood_days"))
        connection.execute(text("DELETE FROM listens"))
    _listen(batches, 2, "ab")
    assert query(migrated, "SELECT sad, happy, unlabelled FROM _mood_days") == [(0, 1, 1)]
