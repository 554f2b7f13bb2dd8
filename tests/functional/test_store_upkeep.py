"""Rebuild, verify and relabel on both databases, with files damaged in every way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection, event

from mood_core.domain.records import User
from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, USERS
from mood_core.store import Database, open_database
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.models.relabel import agreement, drop_old
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import (
    NOW,
    all_digests,
    days_are_right,
    features,
    flip_a_bit,
    listens,
    moods,
    query,
    set_current,
    small_history,
)

pytestmark = pytest.mark.partitions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def test_rebuild_gives_the_same_rows_and_keeps_accounts(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    TokenRows(migrated).write("ada", b"secret", authorised_at=NOW, expected_version=None)
    before = all_digests(migrated)
    report = rebuild(lake, migrated, now=NOW)
    assert report.files == len(query(migrated, "SELECT * FROM _batches"))
    assert all_digests(migrated) == before
    assert before["listens"]["ada"][0] == 48
    stored = TokenRows(migrated).read("ada")
    assert stored is not None
    assert stored.ciphertext == b"secret"
    assert [account.state for account in Accounts(migrated).all()] == ["active", "unconnected"]
    assert MoodRows(migrated).current_version() == "m/1"


def test_a_rebuild_replaces_what_was_changed_by_hand(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    before = all_digests(migrated)
    with migrated.write() as connection:
        connection.exec_driver_sql("UPDATE tracks SET album = 'changed by hand', isrc = 'DEA621900001'")
        connection.exec_driver_sql("INSERT INTO tracks (track_id, name, artists, kind) VALUES ('x', 'x', 'x', 'track')")
    assert all_digests(migrated) != before
    rebuild(lake, migrated, now=NOW)
    assert all_digests(migrated) == before


def test_rebuild_into_an_empty_database_gives_the_same_rows(lake: Lake, migrated: Database, tmp_path: Path) -> None:
    from mood_core.store.engine.migrate import migrate

    small_history(lake, migrated)
    empty = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(empty, now=NOW)
    rebuild(lake, empty, now=NOW)
    assert all_digests(empty) == all_digests(migrated)
    assert verify(lake, empty, now=NOW, deep=True).findings == []
    empty.close()


def test_verify_finds_nothing_where_all_is_well(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_loaded_meanwhile_is_no_difference(lake: Lake, migrated: Database, deep: bool) -> None:
    """Before each statement of verify, another process loads a batch of a listen and its label."""
    small_history(lake, migrated)
    other, batches = open_database(migrated.engine.url.render_as_string(hide_password=False)), count()

    def load_another(connection: Connection, *_: object) -> None:
        if "moodlog_write" in connection.get_execution_options():  # acquiring the lock: SQLite has one writer
            return
        number, reported = next(batches), Batches(lake, other)
        reported.add(LISTENS, listens([("ada", NOW + timedelta(minutes=number), "t0")]), now=NOW)
        reported.add(AUDIO_FEATURES, features([f"new{number}"]), now=NOW)
        reported.add(MOODS, moods({f"new{number}": "Calm"}), now=NOW)

    event.listen(migrated.engine, "before_cursor_execute", load_another)
    try:
        assert verify(lake, migrated, now=NOW, deep=deep).findings == []
    finally:
        event.remove(migrated.engine, "before_cursor_execute", load_another)
        other.close()
    assert next(batches) > (10 if deep and migrated.file is None else 7)


def test_numbers_that_databases_keep_in_other_lengths_are_the_same(lake: Lake, migrated: Database) -> None:
    """PostgreSQL keeps single precision, SQLite double; half of the last digit must not look like a change."""
    random = np.random.default_rng(3)
    raw = random.dirichlet([0.05] * 4, 400).astype(np.float32)
    table = moods({f"t{index}": "Calm" for index in range(400)})
    for column, name in enumerate(("p_calm", "p_energetic", "p_happy", "p_sad")):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(raw[:, column], pa.float32()))
    small_history(lake, migrated).add(MOODS, table, now=NOW)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []


def test_zero_with_a_sign_is_zero(lake: Lake, migrated: Database) -> None:
    """SQLite stores no sign of zero, PostgreSQL does: a catalogue's loudness of -0.0 dB is no difference."""
    table = features(["loud"])
    place = table.schema.get_field_index("loudness")
    table = table.set_column(place, "loudness", pa.array([-0.0], table.schema.field("loudness").type))
    small_history(lake, migrated).add(AUDIO_FEATURES, table, now=NOW)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []


def test_a_person_stored_twice_is_the_same_in_any_order_of_the_files(lake: Lake, migrated: Database) -> None:
    """A command that makes somebody known was killed between the two, run again, and a run then finishes the first."""
    later = NOW + timedelta(minutes=7)
    people = [User("ada", "Ada", "Europe/Berlin", NOW), User("ada", "Countess", "Asia/Tokyo", later)]
    first, second = [users_table([user], recorded_at=user.connected_at) for user in people]
    lake.write(USERS, first, created_at=NOW)
    batches = Batches(lake, migrated)
    batches.add(USERS, second, now=later)
    assert batches.finish(now=later) == 1
    assert verify(lake, migrated, now=later, deep=True).findings == []
    (account,) = Accounts(migrated).all()
    assert (account.display_name, account.timezone, account.connected_at) == ("Countess", "Asia/Tokyo", NOW)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _rename(path: Path) -> None:
    path.rename(path.with_name("20260101T000000000Z-0123456789abcdef.parquet"))


def _other_version(path: Path) -> None:
    table = pq.read_table(path)
    metadata = {**table.schema.metadata, b"moodlog.schema_version": b"99"}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_out(path: Path) -> None:
    elsewhere = path.parents[3] / "elsewhere.parquet"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "deleted": Path.unlink,
    "truncated": _truncate,
    "bit-flipped": flip_a_bit,
    "renamed": _rename,
    "other-version": _other_version,
    "a-folder": _make_folder,
    "a-pipe": _make_pipe,
    "a-link": _link_out,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_named_and_costs_no_other_row(
    lake: Lake, migrated: Database, damage: Callable[[Path], None]
) -> None:
    small_history(lake, migrated)
    path = lake.paths("listens")[2]
    before = all_digests(migrated)
    damage(Path(lake.root) / path)
    found = verify(lake, migrated, now=NOW)
    assert path in {finding.subject for finding in found.lost}
    assert all(finding.advice for finding in found.findings)
    with pytest.raises(BatchCorrupt, match=path.rpartition("/")[2][:20]):
        rebuild(lake, migrated, now=NOW)
    assert all_digests(migrated) == before
    Batches(lake, migrated).finish(now=NOW)
    assert all_digests(migrated) == before
    report = rebuild(lake, migrated, now=NOW, skip_damaged=True)
    assert path in {finding.subject for finding in report.skipped}
    after = all_digests(migrated)
    assert after["listens"]["ada"][0] == before["listens"]["ada"][0] - 8
    assert {name: after[name] for name in ("tracks", "moods", "audio_features", "users")} == {
        name: before[name] for name in ("tracks", "moods", "audio_features", "users")
    }


def test_a_copy_and_foreign_files_are_named_and_do_no_harm(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    before = all_digests(migrated)
    root = Path(lake.root)
    path = root / lake.paths("listens")[0]
    shutil.copy(path, path.with_name("copy.parquet"))
    (path.parent / "notes.txt").write_text("hello")
    pq.write_table(pa.table({"a": [1]}), path.with_name("zzz.parquet"))
    Batches(lake, migrated).finish(now=NOW)
    named = {Path(finding.subject).name for finding in verify(lake, migrated, now=NOW).findings}
    assert named == {"copy.parquet", "notes.txt", "zzz.parquet"}
    rebuild(lake, migrated, now=NOW, skip_damaged=True)
    assert all_digests(migrated) == before


def test_without_a_ledger_aflip_a_bitped_bit_is_found_by_the_page_checksums(
    lake: Lake, migrated: Database, tmp_path: Path
) -> None:
    small_history(lake, migrated)
    path = lake.paths("listens")[0]
    flip_a_bit(Path(lake.root) / path)
    with pytest.raises(BatchCorrupt, match=path):
        lake.read(path)


def test_verify_names_rows_that_were_changed_by_hand(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    with migrated.write() as connection:
        connection.exec_driver_sql("UPDATE listens SET ms_played = 7 WHERE user_key = 1")
    assert verify(lake, migrated, now=NOW).findings == []
    assert [finding.subject for finding in verify(lake, migrated, now=NOW, deep=True).findings] == ["listens of ada"]


def test_labels_of_two_versions_stand_side_by_side_and_the_old_ones_can_go(lake: Lake, migrated: Database) -> None:
    batches = small_history(lake, migrated)
    names = {f"t{index}": "Happy" for index in range(6)}
    batches.add(MOODS, moods(names, "m/2"), now=NOW)
    shown = query(migrated, "SELECT count(*) FROM _track_moods WHERE mood = 'Happy' AND model_version = 'm/1'")
    assert shown == [(1,)]
    rows = MoodRows(migrated)
    found = agreement(rows, "m/1", "m/2")
    assert (found.tracks, found.table["Happy"]["Happy"]) == (6, 1)
    assert found.share == pytest.approx(1 / 6)
    assert found.kappa == pytest.approx(0.0)
    assert [row["distance"] for row in found.moved] == sorted((row["distance"] for row in found.moved), reverse=True)
    set_current(migrated, "m/2")
    assert query(migrated, "SELECT DISTINCT mood FROM mood_daily ORDER BY mood") == [("Happy",), ("Unlabelled",)]
    assert days_are_right(migrated)
    assert drop_old(rows, lake, migrated) == {"m/1": 6}
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
    before = all_digests(migrated)
    rebuild(lake, migrated, now=NOW)
    assert all_digests(migrated) == before
    assert rows.current_version() == "m/2"


def test_a_big_file_is_read_in_pieces(lake: Lake) -> None:
    count = 250_000
    rows = pa.table(
        {
            "user_id": ["ada"] * count,
            "played_at": pa.array(np.arange(count) * 1000 + 1_700_000_000_000).cast(pa.timestamp("ms", "UTC")),
            "track_id": ["t"] * count,
            "ms_played": pa.nulls(count, pa.int32()),
            "source": ["recently_played"] * count,
        }
    )
    file = lake.write(LISTENS, rows, created_at=NOW)
    found, tables = lake.stream(file.path)
    assert found == file
    sizes = [table.num_rows for table in tables]
    assert sum(sizes) == count
    assert max(sizes) <= 100_000


def test_an_overlapping_batch_adds_only_what_is_new(lake: Lake, migrated: Database) -> None:
    batches = small_history(lake, migrated)
    known = lake.read(lake.paths("listens")[0])[1].to_pylist()
    new = listens([("ada", datetime(2026, 8, 3, 1, 11, tzinfo=UTC), "t1")])
    batches.add(LISTENS, pa.concat_tables([pa.Table.from_pylist(known, LISTENS.schema), new]), now=NOW)
    assert query(migrated, "SELECT count(*) FROM listens") == [(97,)]
    assert days_are_right(migrated)


def test_a_token_stored_in_place_of_a_version_ends_the_lease(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    rows = TokenRows(migrated)
    rows.write("ada", b"first", authorised_at=NOW, expected_version=None)
    assert rows.acquire_refresh_lease("ada", "one", 45.0)
    assert not rows.write("ada", b"late", authorised_at=NOW, expected_version=7)
    assert not rows.acquire_refresh_lease("ada", "other", 45.0)
    assert rows.write("ada", b"second", authorised_at=NOW, expected_version=1)
    assert rows.acquire_refresh_lease("ada", "other", 45.0)
