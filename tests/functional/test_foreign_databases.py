"""A database of another project stays as it is, until it is named and `moodlog setup --database` is run."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, make_url, text

from flows.cli import main


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _tables(url: str) -> set[str]:
    engine = create_engine(url)
    kind = "SELECT name FROM sqlite_master" if url.startswith("sqlite") else "SELECT tablename FROM pg_tables"
    with engine.connect() as connection:
        names = set(connection.scalars(text(kind)))
    engine.dispose()
    return {name for name in names if not name.startswith(("pg_", "sql_", "sqlite_"))}


def _execute(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_another_projects_database_is_refused_and_then_shared(
    home: Path, bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _execute(bare_database_url, "CREATE TABLE invoices (id INTEGER)")
    monkeypatch.setenv("MOODLOG_DATABASE_URL", bare_database_url)
    for command in (["status"], ["rebuild"], ["users", "list"]):
        refused = _moodlog(*command)
        assert refused.exit_code == 78, refused.output
        assert "invoices" in refused.output
        assert "moodlog setup --database" in refused.output
    assert _tables(bare_database_url) == {"invoices"}
    done = _moodlog("setup", "--database")
    assert done.exit_code == 0, done.output
    assert {"invoices", "listens"} <= _tables(bare_database_url)
    assert _moodlog("status").exit_code == 0
    assert "kept" in _moodlog("setup", "--database").output


@pytest.mark.parametrize("clash", ["CREATE TABLE users (id INTEGER)", "CREATE TABLE _schema_migrations (version TEXT)"])
def test_a_table_of_the_same_name_is_never_taken(
    home: Path, bare_database_url: str, monkeypatch: pytest.MonkeyPatch, clash: str
) -> None:
    _execute(bare_database_url, clash)
    monkeypatch.setenv("MOODLOG_DATABASE_URL", bare_database_url)
    before = _tables(bare_database_url)
    assert _moodlog("status").exit_code == 78
    refused = _moodlog("setup", "--database")
    assert (refused.exit_code, clash.split()[2] in refused.output) == (78, True)
    assert _tables(bare_database_url) == before


def test_the_migrations_of_another_program_do_not_clash(
    home: Path, bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _execute(bare_database_url, "CREATE TABLE schema_migrations (version TEXT)")
    monkeypatch.setenv("MOODLOG_DATABASE_URL", bare_database_url)
    assert _moodlog("status").exit_code == 78
    done = _moodlog("setup", "--database")
    assert done.exit_code == 0, done.output
    assert {"schema_migrations", "_schema_migrations"} <= _tables(bare_database_url)
    assert _moodlog("status").exit_code == 0


def test_a_refused_sqlite_file_keeps_every_byte(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (id INTEGER)")
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setenv("MOODLOG_DATABASE_URL", f"sqlite:///{file}")
    assert _moodlog("status").exit_code == 78
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert {path.name for path in tmp_path.glob("theirs*")} == {"theirs.sqlite"}


def test_on_postgresql_the_schema_of_the_search_path_counts(
    home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _execute(postgres_url, "CREATE TABLE invoices (id INTEGER)", "CREATE SCHEMA moods")
    url = make_url(postgres_url).update_query_dict({"options": "-csearch_path=moods"})
    monkeypatch.setenv("MOODLOG_DATABASE_URL", url.render_as_string(hide_password=False))
    done = _moodlog("status")
    assert done.exit_code == 0, done.output
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        query = "SELECT schemaname, tablename FROM pg_tables WHERE tablename IN ('users', 'invoices')"
        rows = connection.execute(text(query))
        assert {tuple(row) for row in rows} == {("public", "invoices"), ("moods", "users")}
    engine.dispose()


def test_the_database_of_another_project_is_not_taken_from_its_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.sqlite"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{theirs}")
    said = _moodlog("status").output
    assert "MOODLOG_DATABASE_URL" in said
    assert "MOODLOG_DATABASE_URL" not in _moodlog("status").output, "moodlog has a database now"
    assert not theirs.exists()
    assert (home / "moodlog.db").exists()
    assert "DATABASE_URL" in _moodlog("doctor").output
