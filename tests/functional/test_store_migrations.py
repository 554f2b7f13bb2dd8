"""A database with people's data in it, brought up from every earlier version."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import text

from mood_core.domain.records import to_ms
from mood_core.store import Database, open_database
from mood_core.store.engine import migrate
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.sql_files import sql_files
from mood_core.store.quota.calls import CallLedger
from mood_core.store.upkeep.corruption import accounts_of
from mood_core.store.upkeep.rebuilding import write_kept
from tests.store_data import NOW, days_are_right, query

_DAY_MS = 86_400_000
_PLAY = (
    "user_key",
    "ended_at_ms",
    "artist",
    "title",
    "ms_played",
    "track_key",
    "source_key",
    "recording_mbid",
    "duration_ms",
)
_ROWS = (
    "INSERT INTO users (user_key, user_id, display_name, timezone, connected_at_ms, recorded_at_ms)"
    " VALUES (1, 'ada', 'Ada', 'UTC', 1, 1), (2, 'bob', 'Bob', 'UTC', 1, 1)",
    "INSERT INTO tracks (track_key, track_id, name, artists, kind) VALUES (1, 'a', 'A', 'x', 'track'),"
    " (2, 'b', 'B', 'x', 'track'), (3, 'c', 'C', 'x', 'track'), (4, 'd', 'D', 'x', 'track')",
    "INSERT INTO sources (source_key, source) VALUES (1, 'recently_played'), (2, 'catalog')",
    "INSERT INTO models (model_key, model_version, is_current) VALUES (1, 'm/1', 1)",
    "INSERT INTO moods (model_key, track_key, mood, p_calm, p_energetic, p_happy, p_sad, uncertain,"
    " out_of_distribution, source_key, labelled_at_ms) VALUES (1, 1, 'Calm', 0.7, 0.1, 0.1, 0.1, 0, 0, 2, 1),"
    " (1, 2, 'Sad', 0.2, 0.2, 0.2, 0.4, 1, 0, 2, 1), (1, 3, 'Calm', 0.4, 0.2, 0.2, 0.2, 1, 0, 2, 1)",
    *(
        "INSERT INTO listens (user_key, played_at_ms, track_key, ms_played, source_key)"  # noqa: S608
        f" VALUES ({user}, {day * _DAY_MS + track}, {track}, NULL, 1)"
        for user in (1, 2)
        for day in range(20_000, 20_003)
        for track in range(1, 5)
    ),
    *(
        "INSERT INTO mood_days (user_key, day, mood, listens, uncertain_listens)"  # noqa: S608
        f" VALUES ({user}, {day}, '{mood}', {listens}, {uncertain})"
        for user in (1, 2)
        for day in range(20_000, 20_003)
        for mood, listens, uncertain in (("Calm", 2, 1), ("Sad", 1, 1), ("Unlabelled", 1, 0))
    ),
)
_COUNTED = [
    (mood, day, listens, uncertain)
    for day in ("2024-10-04", "2024-10-05", "2024-10-06")
    for mood, listens, uncertain in (("Calm", 2, 1), ("Sad", 1, 1), ("Unlabelled", 1, 0))
]


def test_an_older_database_keeps_its_rows_and_its_counts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sql_files("migrations", database.dialect)
    _migrate_until("0003", database, monkeypatch)  # the last version with one row a mood in mood_days
    with database.write() as connection:
        for statement in _ROWS:
            connection.execute(text(statement))
    before = {table: query(database, f"SELECT * FROM {table}") for table in ("users", "tracks", "listens", "moods")}  # noqa: S608
    assert migrate.migrate(database, now=NOW) == [file.name for file in files[3:]]
    for table, rows in before.items():
        assert [row[: len(rows[0])] for row in query(database, f"SELECT * FROM {table}")] == rows  # noqa: S608
    reported = query(
        database,
        "SELECT mood, CAST(day AS TEXT), listens, uncertain_listens FROM mood_daily WHERE user_id = 'ada'"
        " ORDER BY day, mood",
    )
    assert reported == _COUNTED
    assert days_are_right(database)


def test_accounts_of_a_damaged_older_database_are_kept(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 0070, inner tables had no leading underscore."""
    older = open_database(f"sqlite:///{tmp_path / 'older.db'}")
    _migrate_until("0067", older, monkeypatch)
    with older.write() as connection:
        connection.execute(text("INSERT INTO users VALUES (7, 'ada', 'Ada', 'UTC', 0, 0, 'ada')"))
        connection.execute(text("INSERT INTO accounts (user_key, state, claimed_by) VALUES (7, 'active', 'a run')"))
    older.close()
    migrate.migrate(database, now=NOW)
    with database.write() as connection:
        write_kept(connection, accounts_of(tmp_path / "older.db"))
    stored = "SELECT u.user_id, a.state, a.leased_by FROM _accounts AS a JOIN users AS u ON u.user_key = a.user_key"
    assert query(database, stored) == [("ada", "active", None)]


def test_artists_of_an_older_database_are_split_at_commas(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _migrate_until("0027", database, monkeypatch)
    insert = "INSERT INTO tracks (track_key, track_id, name, artists, kind) VALUES (:key, :id, 'A', :names, 'track')"
    artists = {1: 'The "Who", Ø\\Back', 2: "", 3: "One"}
    with database.write() as connection:
        for key, joined in artists.items():
            connection.execute(text(insert), {"key": key, "id": f"t{key}", "names": joined})
    migrate.migrate(database, now=NOW)
    rows = query(database, "SELECT track_id, place_of_artist, artist FROM track_artists ORDER BY 1, 2")
    assert rows == [("t1", 1, 'The "Who"'), ("t1", 2, "Ø\\Back"), ("t3", 1, "One")]


@pytest.mark.parametrize("version", [f"{number:04d}" for number in range(1, 9)])
def test_rate_limits_of_an_older_database_last_a_week_at_most_as_they_did(
    database: Database, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _migrate_until(version, database, monkeypatch)
    believed, not_believed = NOW + timedelta(days=7), NOW + timedelta(days=8)
    for endpoint, until in (("one", believed), ("two", not_believed)):
        with database.write() as connection:
            connection.exec_driver_sql(f"INSERT INTO rate_limits VALUES ('{endpoint}', {to_ms(until)}, 'HTTP 429')")  # noqa: S608
    migrate.migrate(database, now=NOW)
    ledger = CallLedger(database, now=lambda: NOW)
    assert ledger.not_before() == {"one": believed}
    ledger.after_call("one", 429, 20 * 86_400.0)
    assert ledger.not_before() == {"one": NOW + timedelta(days=20)}


@pytest.mark.parametrize("version", [f"{number:04d}" for number in range(3, 11)])
def test_plays_by_name_of_an_older_database_stay_and_some_without_a_length_come(
    database: Database, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _migrate_until(version, database, monkeypatch)
    with database.write() as connection:
        for statement in _ROWS[:2]:
            connection.execute(text(statement))
        connection.exec_driver_sql(
            "INSERT INTO named_plays (user_key, ended_at_ms, artist, title, ms_played, track_key)"
            " VALUES (1, 1000, 'x', 'A', 5, 1), (1, 1000, 'x', 'A', 6, NULL), (2, 2000, 'y', 'B', 0, NULL)"
        )
    rows = "SELECT user_key, ended_at_ms, artist, title, ms_played, track_key FROM named_plays ORDER BY 1, 2, 5"
    before = query(database, rows)
    migrate.migrate(database, now=NOW)
    assert query(database, rows) == before
    kinds = {name: pa.string() if name in ("artist", "title", "recording_mbid") else pa.int64() for name in _PLAY}
    schema = pa.schema(list(kinds.items()))
    for _ in range(2):
        for row in ((2, 2000, "y", "B", *[None] * 5), (1, 1000, "x", "A", 6, 1, *[None] * 3)):
            with database.write() as connection:
                played = pa.Table.from_pylist([dict(zip(_PLAY, row, strict=True))], schema)
                insert_rows(connection, "load_named_plays", played)
    reported = query(database, "SELECT user_key, coalesce(ms_played, -1), track_key FROM named_plays ORDER BY 1, 2")
    assert reported == [(1, 5, 1), (1, 6, 1), (2, -1, None), (2, 0, None)]


def _migrate_until(version: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring ``database`` to what it was at the migration ``version`` ("0003"), which had no views yet."""
    found = {"migrations": [file for file in sql_files("migrations", database.dialect) if file.name[:4] <= version]}
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "sql_files", lambda kind, _dialect: found.get(kind, []))
        migrate.migrate(database, now=NOW)
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE _schema_migrations RENAME TO schema_migrations")
