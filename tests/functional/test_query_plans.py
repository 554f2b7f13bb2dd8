"""SQLite's plans for everything that moodlog and people ask: over ten years of listens a bad plan takes minutes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Connection, inspect

from mood_core.store import open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.named_queries import _statements, query
from mood_core.store.engine.sql_files import sql_folder
from tests.store_data import NOW

_SMALL = ("json_each", "CONSTANT ROW", " c", " x", " z", " n", "models", "sources", "users")
"""What may be read whole for each row: lists, and tables and aliases of tables that have few rows."""


_LIST = re.compile("json_each|spans|subquery|accounts_refused|SCAN p$")
"""What only holds the rows of some people, such as those asked for or an index of refused permissions."""


class _Unset(dict[str, None]):
    """NULL for every parameter: a plan does not depend on the values."""

    def __missing__(self, name: str) -> None:
        return None


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A connection to a new SQLite database."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'moodlog.db'}")
    migrate(database, now=NOW)
    with database.read() as connection:
        yield connection
    database.close()


def steps_of(connection: Connection, sql: str) -> list[tuple[str, list[str]]]:
    """The steps of the plan for ``sql``, each with the steps that it is part of."""
    driver = connection.connection.driver_connection
    assert driver is not None
    known: dict[int, tuple[str, list[str]]] = {}
    for number, parent, _, detail in driver.execute(f"EXPLAIN QUERY PLAN {sql}", _Unset()):
        known[number] = (detail, [known[parent][0], *known[parent][1]] if parent else [])
    return list(known.values())


def everything_read_again(connection: Connection, sql: str) -> list[str]:
    """The tables that ``sql`` reads whole for each of many rows."""
    return [
        step
        for step, parts in steps_of(connection, sql)
        if step.startswith("SCAN") and not step.endswith(_SMALL) and any("CORRELATED" in part for part in parts)
    ]


def everything_asked(connection: Connection) -> Iterator[tuple[str, str]]:
    """Name and SQL of views, examples, shown statements and named statements."""
    for view in inspect(connection).get_view_names():
        yield view, f"SELECT * FROM {view}"  # noqa: S608 - our own views
    for file in sorted(each for kind in ("examples", "shown") for each in (sql_folder() / kind).glob("*.sql")):
        yield file.stem, file.read_text(encoding="utf-8")
    for name in sorted(_statements()):
        yield name, str(query(name).for_sqlite)
    yield "tracks_without_features of an import", str(query("tracks_without_features", heard="listens").for_sqlite)


def test_no_statement_reads_a_whole_table_for_each_row(connection: Connection) -> None:
    found, planned = {}, 0
    for name, sql in everything_asked(connection):
        # Parts of statements, statements for one of the databases and those over temporary tables have no plan here.
        with suppress(sqlite3.OperationalError, sqlite3.ProgrammingError):
            found[name] = everything_read_again(connection, sql)
            planned += 1
    assert {name: read for name, read in found.items() if read} == {}
    assert planned > 200


@pytest.mark.parametrize("view", ["listen_features", "listen_sessions", "mood_history", "unlabelled_listens"])
def test_the_last_listens_of_a_person_are_read_in_the_order_of_their_index(connection: Connection, view: str) -> None:
    newest = f"SELECT * FROM {view} WHERE user_id = 'ada' ORDER BY played_at_ms DESC LIMIT 100"  # noqa: S608
    # The table of models has a few rows.
    steps = [step for step, _ in steps_of(connection, newest) if "autoindex_models" not in step]
    assert not [step for step in steps if "SCAN" in step or "ORDER BY" in step]


@pytest.mark.parametrize("view", ["listen_features", "mood_history"])
def test_local_times_are_computed_only_where_a_query_reads_them(connection: Connection, view: str) -> None:
    counted = steps_of(connection, f"SELECT mood, count(*) FROM {view} GROUP BY mood")  # noqa: S608
    assert not [step for step, _ in counted if step.startswith("SEARCH o ")]
    day = steps_of(connection, f"SELECT * FROM {view} WHERE local_day = '2020-05-05'")  # noqa: S608
    offsets = [parts for step, parts in day if step.startswith("SEARCH o ")]
    # A join would read all earlier periods of the zone for each listen: a subquery reads the last one.
    assert offsets
    assert all(any("SUBQUERY" in part for part in parts) for parts in offsets)
    read = [step.split()[1] for step, _ in day if step.startswith("SEARCH")]
    assert read.index("o") < read.index("r"), "tracks are looked up for listens of that day alone"


def test_views_of_a_person_read_no_listens_of_others(connection: Connection) -> None:
    inspector = inspect(connection)
    for view in inspector.get_view_names():
        if "user_id" in {column["name"] for column in inspector.get_columns(view)}:
            of_a_person = f"SELECT * FROM {view} WHERE user_id = 'ada'"  # noqa: S608
            assert not {step for step, _ in steps_of(connection, of_a_person)} & {"SCAN l", "SCAN listens", "SCAN u"}, (
                view
            )


def test_an_unindexed_count_for_each_track_is_found(connection: Connection) -> None:
    bad = "SELECT t.name FROM tracks AS t ORDER BY (SELECT count(*) FROM listens AS l WHERE l.track_key = t.track_key)"
    assert everything_read_again(connection, bad) == ["SCAN l"]


def test_no_run_reads_every_account_to_find_those_that_it_pulls(connection: Connection) -> None:
    chosen = {name: query(name).text for name in ("refused_accounts", "accounts_to_renew", "accounts_not_pulled")}
    statements = {
        "due": query("due_accounts"),
        "by id": query("accounts", "user_ids"),
        "paces": query("listening_paces"),
        "by name": query("people_called"),
        "silent": query("regular_listeners_without_listens", "quiet"),
        "of Spotify": query("active_spotify_accounts"),
        **{name: query("accounts", chosen=part) for name, part in chosen.items()},
    }
    for name, statement in statements.items():
        steps = [step for step, _ in steps_of(connection, statement.for_sqlite.text)]
        assert any("USING" in step for step in steps), name
        assert [step for step in steps if step.startswith("SCAN") and not _LIST.search(step)] == [], name


def test_the_durations_of_plays_are_read_for_some_tracks_alone(connection: Connection) -> None:
    steps = [step for step, _ in steps_of(connection, query("plays_by_length", "unlabelled").for_sqlite.text)]
    assert [step for step in steps if step.startswith("SCAN") and not _LIST.search(step)] == []


def test_the_tracks_of_a_page_are_sorted_once_and_counts_of_days_are_not_grouped(connection: Connection) -> None:
    sorts = {
        name: [step for step, _ in steps_of(connection, query(name).for_sqlite.text) if "TEMP B-TREE" in step]
        for name in ("report_tracks", "day_counts")
    }
    assert sorts == {"report_tracks": ["USE TEMP B-TREE FOR ORDER BY"], "day_counts": []}
