"""Analysts read moods, and neither tokens nor tables, and write nothing: the how-to of docs/store.md, done."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import make_url, text

from mood_core.lake import open_lake
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.sql_files import sql_file, sql_files, sql_folder
from mood_core.store.queries.token_rows import TokenRows
from tests.store_data import NOW, small_history

PAGE = (sql_folder().parent / "docs" / "store.md").read_text(encoding="utf-8")
_TOKEN = b"planted-ciphertext"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


def _history(database: Database, folder: Path) -> None:
    migrate(database, now=NOW)
    small_history(open_lake(str(folder / "lake")), database, months=1, files=2)
    assert TokenRows(database).write("ada", _TOKEN, authorised_at=NOW, expected_version=None)


@pytest.fixture
def owner(postgres_url: str, tmp_path: Path) -> Iterator[Database]:
    """A database with a history and a token, as the role that owns it."""
    with closing(open_database(postgres_url)) as database:
        _history(database, tmp_path)
        yield database


@pytest.fixture
def analyst(owner: Database) -> Iterator[psycopg.Connection]:
    """A connection of somebody who was made a reader as the page says."""
    name = f"analyst_{uuid4().hex[:8]}"
    statements = re.findall(r'psql "\$DATABASE" -c "(.*)"', PAGE)
    assert len(statements) == 3
    url = make_url(owner.engine.url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        with suppress(errors.DuplicateObject):  # the role belongs to the server, which another test may use as well
            admin.execute(statements[0])
        admin.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(url.database or "")))
        admin.execute(sql_file("roles", "moodlog_reader.postgresql").text)
        for statement in statements[1:]:
            admin.execute(statement.replace("grace", name))
        with psycopg.connect(plain, user=name, password="choose one", autocommit=True) as connection:
            yield connection
        admin.execute(f"DROP ROLE {name}")


@pytest.mark.postgresql
def test_every_view_and_example_can_be_read(analyst: psycopg.Connection) -> None:
    views = [view.name.partition("_")[2] for view in sql_files("views", "postgresql")]
    assert len(views) > 10
    for view in views:
        analyst.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(view)))
    for example in sql_files("examples", "postgresql"):
        assert analyst.execute(example.text).description is not None
    assert analyst.execute("SELECT count(*) FROM mood_history").fetchone() == (32,)


@pytest.mark.postgresql
def test_no_table_can_be_read_and_nothing_written(owner: Database, analyst: psycopg.Connection) -> None:
    with owner.read() as connection:
        tables = list(connection.scalars(text(_TABLES)))
    assert "_accounts" in tables
    for table in tables:
        for statement in ("SELECT * FROM {}", "DELETE FROM {}", "INSERT INTO {} DEFAULT VALUES", "DROP TABLE {}"):
            with pytest.raises(errors.InsufficientPrivilege):
                analyst.execute(sql.SQL(statement).format(sql.Identifier(table)))
    for statement in ("CREATE TABLE mine (a INTEGER)", "DROP VIEW mood_daily", "UPDATE mood_history SET track = ''"):
        with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)):
            analyst.execute(statement)


@pytest.mark.postgresql
def test_views_made_again_can_be_read_at_once(owner: Database, analyst: psycopg.Connection) -> None:
    with owner.write() as connection:
        connection.execute(text("UPDATE _schema_migrations SET sha256 = 'older' WHERE name LIKE 'view/%'"))
    migrate(owner, now=NOW)
    assert analyst.execute("SELECT count(*) FROM mood_history").fetchone() == (32,)


def test_the_copy_of_sqlite_holds_no_token(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'moodlog.db'}")) as database:
        _history(database, tmp_path)
    copying, cleaning = re.findall(r'sqlite3 \S+ "(VACUUM INTO.*|DELETE FROM.*)"', PAGE)[:2]
    for file, statements in (("moodlog.db", copying.replace("/srv", str(tmp_path))), ("moods.db", cleaning)):
        with closing(sqlite3.connect(tmp_path / file, isolation_level=None)) as connection:
            connection.executescript(statements)
    assert _TOKEN in (tmp_path / "moodlog.db").read_bytes()
    assert _TOKEN not in (tmp_path / "moods.db").read_bytes()
    with closing(sqlite3.connect(tmp_path / "moods.db")) as connection:
        assert connection.execute("SELECT count(*) FROM mood_history").fetchone() == (32,)
