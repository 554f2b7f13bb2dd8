"""Migrations, constraints, time zones, daily counts and several writers, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mood_core.domain.records import to_ms
from mood_core.errors import SchemaOutOfDate, StoreError
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database, open_database
from mood_core.store.engine import migrate
from mood_core.store.engine.sql_files import SqlFile, sql_files, sql_folder
from mood_core.store.loading.daily import follow_time_zones, recount_everything
from mood_core.store.loading.ledger import loaded_among
from mood_core.store.loading.load import load_batch
from mood_core.store.loading.time_zones import ensure_offsets, offset_periods
from mood_core.usecases.batches import Batches
from tests.store_data import (
    NOW,
    all_digests,
    days_are_right,
    listens,
    moods,
    query,
    set_current,
    small_history,
    tracks,
    users,
)

_SHARED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _files(monkeypatch: pytest.MonkeyPatch, migrations: list[SqlFile], views: list[SqlFile]) -> None:
    found = {"migrations": migrations, "views": views}
    monkeypatch.setattr(migrate, "sql_files", lambda kind, _dialect: found.get(kind, []))


def test_migrations_apply_from_every_earlier_version(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    files, views = sql_files("migrations", database.dialect), sql_files("views", database.dialect)
    for count in range(1, len(files) + 1):
        with monkeypatch.context() as patch:
            _files(patch, files[:count], [])
            assert migrate.migrate(database, now=NOW) == [files[count - 1].name]
    assert migrate.migrate(database, now=NOW) == []
    assert query(database, "SELECT * FROM mood_history") == []
    assert {row[0] for row in query(database, "SELECT name FROM _schema_migrations")} == {
        *(file.name for file in files),
        *(f"view/{view.name}" for view in views),
    }


def test_a_newer_database_and_a_changed_migration_are_refused(
    migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sql_files("migrations", migrated.dialect)
    with monkeypatch.context() as patch:
        _files(patch, [*files, SqlFile("9999_later", "CREATE TABLE later (a INTEGER)")], [])
        migrate.migrate(migrated, now=NOW)
    with pytest.raises(SchemaOutOfDate, match="9999_later"):
        migrate.migrate(migrated, now=NOW)
    with monkeypatch.context() as patch:
        changed = SqlFile(files[0].name, files[0].text + "CREATE TABLE more (a INTEGER);")
        _files(patch, [changed, *files[1:], SqlFile("9999_later", "CREATE TABLE later (a INTEGER)")], [])
        with pytest.raises(SchemaOutOfDate, match=files[0].name):
            migrate.migrate(migrated, now=NOW)


def test_a_comment_in_a_migration_may_change_after_it_was_applied(
    migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commented = [
        SqlFile(file.name, "-- A new comment.\n\n" + file.text.replace(",\n", ", -- why\n"))
        for file in sql_files("migrations", migrated.dialect)
    ]
    _files(monkeypatch, commented, sql_files("views", migrated.dialect))
    assert migrate.is_current(migrated)


def test_databases_that_recorded_digests_of_whole_files_still_open(migrated: Database) -> None:
    lines = (sql_folder() / "migrations" / "earlier_digests.txt").read_text(encoding="utf-8").splitlines()[1:]
    recorded = [line.split() for line in lines if line.split()[1].split(".")[1] in ("sql", migrated.dialect)]
    assert len(recorded) > 15
    change = text("UPDATE _schema_migrations SET sha256 = :digest WHERE name = :name")
    for digest, file in recorded:
        with migrated.write() as connection:
            changed = connection.execute(change, {"digest": digest, "name": file.partition(".")[0]})
            assert changed.rowcount == 1
        assert migrate.is_current(migrated)


def test_a_failing_migration_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sql_files("migrations", database.dialect)
    with monkeypatch.context() as patch:
        _files(patch, [*files, SqlFile("9999_bad", "CREATE TABLE half (a INTEGER);\nSELECT nonsense;\n")], [])
        with pytest.raises(StoreError):
            migrate.migrate(database, now=NOW)
    with pytest.raises(StoreError):
        query(database, "SELECT * FROM users")
    assert migrate.migrate(database, now=NOW) == [file.name for file in files]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO listens VALUES (99, 1700000000000, 1, NULL, 1, NULL, NULL, NULL)",
        "INSERT INTO listens VALUES (1, 1700000000000, 99, NULL, 1, NULL, NULL, NULL)",
        "INSERT INTO listens VALUES (1, 1700000000000, 1, NULL, 99, NULL, NULL, NULL)",
        "INSERT INTO listens VALUES (1, -5, 1, NULL, 1, NULL, NULL, NULL)",
        "INSERT INTO listens VALUES (1, 1700000000000, 1, -1, 1, NULL, NULL, NULL)",
        "UPDATE listens SET track_key = 99",
        "DELETE FROM tracks",
        "DELETE FROM users",
        "INSERT INTO moods VALUES (1, 1, 'Calm', 0.5, 0.5, 0.5, 0.5, 0, 0, 1, 1, NULL)",
        "INSERT INTO moods VALUES (1, 1, 'Bored', 0.7, 0.1, 0.1, 0.1, 0, 0, 1, 1, NULL)",
        "INSERT INTO moods VALUES (1, 1, 'Calm', 0.7, 0.1, 0.1, 0.1, 0, 0, 1, 1, 'Sad|Calm')",
        "INSERT INTO moods VALUES (1, 1, 'Calm', 1.2, -0.2, 0.0, 0.0, 0, 0, 1, 1, NULL)",
        "INSERT INTO audio_features VALUES (1, 1.1, 0.5, 0.5, 0.5, 0.5, -5, 0.5, 120, 0.5, NULL, 1, 1)",
        "INSERT INTO audio_features VALUES (1, 0.1, 0.5, 0.5, 0.5, 0.5, -5, 0.5, -1, 0.5, NULL, 1, 1)",
        "INSERT INTO gaps VALUES (1, 5, 5, 5, NULL)",
    ],
)
def test_wrong_data_is_refused(migrated: Database, tmp_path: Path, statement: str) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(TRACKS, tracks("t1"), now=NOW)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    batches.add(LISTENS, listens([("ada", NOW, "t1")]), now=NOW)
    with migrated.write() as connection:
        connection.exec_driver_sql("INSERT INTO models (model_version) VALUES ('m/1')")
    before = all_digests(migrated)
    with pytest.raises(StoreError, match="refused"), migrated.write() as connection:
        connection.exec_driver_sql(statement)
    assert all_digests(migrated) == before


def test_a_replayed_batch_changes_nothing(migrated: Database, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    file = lake.write(LISTENS, listens([("ada", NOW, "t1"), ("ada", NOW, "t2")]), created_at=NOW)
    assert load_batch(migrated, *lake.stream(file.path), now=NOW)
    before = all_digests(migrated)
    assert not load_batch(migrated, *lake.stream(file.path), now=NOW)
    assert all_digests(migrated) == before
    assert loaded_among(migrated, [file.batch_id, "other"]) == {file.batch_id}


def test_writers_at_the_same_time_lose_nothing(migrated: Database, tmp_path: Path) -> None:
    """Four threads load overlapping listens, labels and time zones; the days count what is there."""
    lake = open_lake(str(tmp_path / "lake"))
    Batches(lake, migrated).add(USERS, users(("ada", "UTC"), ("bob", "UTC")), now=NOW)
    Batches(lake, migrated).add(MOODS, moods({"t0": "Calm"}), now=NOW)
    set_current(migrated, "m/1")
    troubles: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            batches = Batches(lake, migrated)
            for step in range(6):
                now = NOW + timedelta(seconds=worker * 100 + step)
                rows = [
                    (user, NOW - timedelta(hours=index + step), f"t{index}")
                    for user in ("ada", "bob")
                    for index in range(8)
                ]
                batches.add(LISTENS, listens(rows), now=now)
                batches.add(MOODS, moods({f"t{worker + step}": "Happy"}), now=now)
        except BaseException as error:  # noqa: BLE001 - reported by the assertion
            troubles.append(error)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    expected = 2 * len({(index + step, index) for index in range(8) for step in range(6)})
    assert query(migrated, "SELECT count(*) FROM listens") == [(expected,)]
    assert days_are_right(migrated)


_ZONES = sorted(available_timezones() - {"localtime", "Factory"})


@given(zone=st.sampled_from(_ZONES), seconds=st.integers(946_684_800, 2_366_841_600))
@settings(max_examples=60, deadline=None)
def test_offsets_are_those_of_the_zone_at_every_second(zone: str, seconds: int) -> None:
    offset = next(value for start, end, value in offset_periods(zone) if start <= seconds * 1000 < end)
    expected = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert expected is not None
    assert offset == expected.total_seconds()


def test_local_days_and_hours_are_right_around_every_change(migrated: Database, tmp_path: Path) -> None:
    """Listens a second before and after each change of 2024 to 2027, in zones with odd offsets and both hemispheres."""
    zones = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Africa/Cairo")
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(*((zone, zone) for zone in zones)), now=NOW)
    first, last = to_ms(datetime(2024, 1, 1, tzinfo=UTC)), to_ms(datetime(2027, 1, 1, tzinfo=UTC))
    rows = [
        (zone, datetime.fromtimestamp(start / 1000 + shift, UTC), "t1")
        for zone in zones
        for start in (*(p[0] for p in offset_periods(zone) if first < p[0] < last), first)
        for shift in (-86_400, -3_600, -1, 0, 1, 3_600, 43_200)
    ]
    batches.add(LISTENS, listens(rows), now=NOW)
    sql = "SELECT user_id, played_at_ms, local_day, local_hour, local_weekday, local_time FROM mood_history"
    answers = query(migrated, sql)
    assert len(answers) == len(set(rows))
    for zone, moment, day, hour, weekday, local_time in answers:
        local = datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZoneInfo(zone))
        assert (str(day), hour, weekday) == (local.date().isoformat(), local.hour, local.isoweekday())
        assert str(local_time)[:19] == local.strftime("%Y-%m-%d %H:%M:%S")
    daily = query(migrated, "SELECT user_id, day, sum(listens) FROM mood_daily GROUP BY user_id, day")
    for zone, day, count in daily:
        assert count == sum(answer[0] == zone and str(answer[2]) == str(day) for answer in answers)
    hours = query(migrated, "SELECT user_id, hour, sum(listens) FROM mood_by_hour GROUP BY user_id, hour")
    assert {row[:2]: row[2] for row in hours} == {
        key: sum(answer[0] == key[0] and answer[3] == key[1] for answer in answers)
        for key in {(answer[0], answer[3]) for answer in answers}
    }


_MOMENTS = st.datetimes(datetime(2026, 3, 27), datetime(2026, 3, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
_LISTEN = st.tuples(st.sampled_from(["ada", "bob"]), _MOMENTS, st.sampled_from(["t1", "t2", "t3"]))
_CHANGE = st.one_of(
    st.tuples(st.just("listens"), st.lists(_LISTEN, min_size=1, max_size=8)),
    st.tuples(
        st.just("moods"),
        st.dictionaries(st.sampled_from(["t1", "t2", "t3"]), st.sampled_from(["Calm", "Sad"]), min_size=1),
        st.sampled_from(["m/1", "m/2"]),
    ),
    st.tuples(
        st.just("zone"), st.sampled_from(["ada", "bob"]), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Tokyo"])
    ),
    st.tuples(st.just("current"), st.sampled_from(["m/1", "m/2"])),
    st.tuples(st.just("forget"), st.sampled_from(["ada", "bob"])),
)


@_SHARED
@given(changes=st.lists(_CHANGE, max_size=10))
def test_daily_counts_are_those_of_a_recount_after_any_changes(
    migrated: Database, tmp_path: Path, changes: list[tuple[object, ...]]
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    with migrated.write() as connection:
        for table in ("_mood_days", "listens", "moods", "users", "_batches", "models"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    batches = Batches(lake, migrated)
    for step, (kind, *values) in enumerate(changes):
        now = NOW + timedelta(seconds=step)
        if kind == "listens":
            batches.add(LISTENS, listens(values[0]), now=now)  # type: ignore[arg-type]
        elif kind == "moods":
            batches.add(MOODS, moods(values[0], str(values[1])), now=now)  # type: ignore[arg-type]
        elif kind == "zone":
            batches.add(USERS, users((str(values[0]), str(values[1])), recorded_at=now), now=now)
        elif kind == "current":
            set_current(migrated, str(values[0]))
        else:
            with migrated.write() as connection:
                one = "(SELECT user_key FROM users WHERE user_id = :id)"
                connection.execute(text(f"DELETE FROM listens WHERE user_key = {one}"), {"id": values[0]})  # noqa: S608
                connection.execute(text("DELETE FROM users WHERE user_id = :id"), {"id": values[0]})
        assert days_are_right(migrated), changes[: step + 1]


def test_changed_offsets_are_written_and_their_days_counted_again(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "Asia/Tokyo")), now=NOW)
    batches.add(LISTENS, listens([("ada", datetime(2026, 3, 1, 20, tzinfo=UTC), "t1")]), now=NOW)
    with migrated.write() as connection:
        connection.exec_driver_sql("UPDATE _utc_offsets SET offset_s = 0 WHERE timezone = 'Asia/Tokyo'")
        assert len(ensure_offsets(connection, ["Asia/Tokyo"])) == 1
        assert ensure_offsets(connection, ["Asia/Tokyo"]) == []
    assert [str(row[0]) for row in query(migrated, "SELECT day FROM mood_daily")] == ["2026-03-02"]


def test_days_follow_a_time_zone_whose_rules_have_changed_with_the_next_run(migrated: Database, tmp_path: Path) -> None:
    """A government has changed its clocks, and the machine has learned it by an update."""
    batches = small_history(open_lake(str(tmp_path / "lake")), migrated)
    right = all_digests(migrated)
    with migrated.write() as connection:
        connection.exec_driver_sql("UPDATE _utc_offsets SET offset_s = 0 WHERE timezone = 'Europe/Berlin'")
        connection.exec_driver_sql("UPDATE users SET timezone = 'Mars/Phobos' WHERE user_id = 'grace'")
        recount_everything(connection)
    batches.finish(now=NOW)
    assert query(migrated, "SELECT count(*) FROM _utc_offsets WHERE timezone = 'Europe/Berlin' AND offset_s = 0") == [
        (0,)
    ]
    assert days_are_right(migrated)
    with migrated.write() as connection:
        connection.exec_driver_sql("UPDATE users SET timezone = 'America/New_York' WHERE user_id = 'grace'")
        recount_everything(connection)
    assert all_digests(migrated) == right
    assert follow_time_zones(migrated) == 0


def test_opening_the_same_file_twice_sees_committed_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    one, other = open_database(url), open_database(url)
    migrate.migrate(one, now=NOW)
    with one.load() as connection:
        connection.exec_driver_sql("INSERT INTO sources (source) VALUES ('x')")
        assert query(other, "SELECT count(*) FROM sources") == [(0,)]
    assert query(other, "SELECT count(*) FROM sources") == [(1,)]
    with pytest.raises(StoreError), one.write() as connection:
        connection.exec_driver_sql("INSERT INTO listens VALUES (9, 1700000000000, 9, NULL, 9, NULL, NULL, NULL)")
    one.close()
    other.close()
