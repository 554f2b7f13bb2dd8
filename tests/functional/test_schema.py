"""The tables of ``sql/schema`` are those that all migrations lead to, on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import inspect

from mood_core.lake import open_lake
from mood_core.lake.schema import DATASETS
from mood_core.store import Database, open_database
from mood_core.store.engine import migrate
from mood_core.store.engine.migrate import is_current
from mood_core.store.engine.sql_files import sql_files
from mood_core.store.engine.view_comments import is_inner
from mood_core.usecases.upkeep.partition_database import partition_new_database
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.databases import postgres_database
from tests.store_data import NOW, query

_SAME_TYPES = {"BIGINT": "INTEGER", "SMALLINT": "INTEGER", "DOUBLE PRECISION": "REAL", " COLLATE BINARY": ""}
"""How a type is written makes no difference to SQLite, if the affinity is the same."""

_POSTGRESQL = {
    "columns": "SELECT attrelid::regclass::text, attnum, attname, format_type(atttypid, atttypmod), attnotnull,"
    " attidentity, attcollation::regcollation::text, pg_get_expr(adbin, adrelid),"
    " col_description(attrelid, attnum) FROM pg_attribute"
    " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped"
    " AND (SELECT relkind FROM pg_class WHERE oid = attrelid) IN ('r', 'p', 'v')",
    "tables": "SELECT relname, relkind, reloptions, obj_description(oid, 'pg_class'),"
    # Of everybody alone: another test may make a role, which belongs to the whole server.
    " ARRAY(SELECT privilege_type FROM aclexplode(relacl) WHERE grantee = 0 ORDER BY 1),"
    " CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'S')",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE contype <> 'n'",  # the columns say it, and only since PostgreSQL 18 it has a name
    "indexes": "SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc",
}
_OWNERS = {
    "columns": "(SELECT relnamespace FROM pg_class WHERE oid = attrelid)",
    "tables": "relnamespace",
    "constraints": "connamespace",
    "indexes": "(SELECT relnamespace FROM pg_class WHERE oid = indrelid)",
    "functions": "pronamespace",
    "triggers": "(SELECT relnamespace FROM pg_class WHERE oid = tgrelid)",
}


def test_the_schema_is_what_all_migrations_lead_to(
    database: Database, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    migrations = sql_files("migrations", database.dialect)
    assert migrate.migrate(database, now=NOW) == [file.name for file in migrations]
    assert is_current(database)
    with _another(database, request) as older:
        with monkeypatch.context() as patch:
            patch.setattr(migrate, "sql_files", lambda kind, _: migrations[:-1] if kind == "migrations" else [])
            migrate.migrate(older, now=NOW)
        assert migrate.migrate(older, now=NOW) == [migrations[-1].name]
        assert _structure(older) == _structure(database)
        assert _rows(older) == _rows(database)
        if database.dialect == "postgresql":
            for one in (older, database):
                partition_new_database(one, 3, now=NOW)
            assert _structure(older) == _structure(database)


@pytest.mark.postgresql
def test_partitions_change_nothing_else_of_the_tables(migrated: Database) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("SQLite has no partitions")
    before = _structure(migrated)
    partition_new_database(migrated, 3, now=NOW)
    whole = {kind: [each for each in found if "_of_3" not in each] for kind, found in _structure(migrated).items()}
    for kind in ("columns", "constraints", "functions", "triggers"):
        assert whole[kind] == before[kind], kind
    partition_new_database(migrated, 1, now=NOW)
    assert _without_grants(_structure(migrated)) == _without_grants(before)


@pytest.mark.partitions
def test_a_rebuild_leaves_the_tables_as_they_are(migrated: Database, tmp_path: Path) -> None:
    before, rows = _structure(migrated), _rows(migrated)
    rebuild(open_lake(str(tmp_path / "lake")), migrated, now=NOW)
    assert _without_grants(_structure(migrated)) == _without_grants(before)
    changed = {table for table, found in _rows(migrated).items() if found != rows[table]}
    assert changed <= {"_schema_migrations", "_fences", "_cache_versions"}


def _without_grants(structure: dict[str, list[str]]) -> dict[str, list[str]]:
    """Views made again grant the role of analysts its rights, which another test may have made on this server since."""
    return {kind: [re.sub(r"'\{[^}]*\}'", "None", each) for each in found] for kind, found in structure.items()}


def test_the_database_itself_explains_its_tables(migrated: Database) -> None:
    if migrated.dialect == "postgresql":
        comments = dict(query(migrated, "SELECT relname, obj_description(oid) FROM pg_class WHERE relkind = 'r'"))
    else:
        comments = dict(query(migrated, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    assert "one row a play" in comments["listens"]
    assert "-- " not in comments["listens"] or migrated.dialect == "sqlite"
    assert not re.search(r"/\*|GENERATED", comments["listens"])


def test_each_table_says_what_it_has(migrated: Database) -> None:
    bodies = re.findall(r"^CREATE TABLE (\w+) \(\n(.*)$", _schema("postgresql"), re.MULTILINE)
    assert not [table for table, first_line in bodies if not re.match(r" +-- [A-Z]", first_line)]
    assert {"_schema_migrations", *(table for table, _ in bodies)} == set(inspect(migrated.engine).get_table_names())


def test_only_facts_and_what_they_refer_to_have_no_prefix(migrated: Database) -> None:
    names = {"sources", "models", "end_reasons", "artist_credits", "person_labels"}
    assert {table for table in inspect(migrated.engine).get_table_names() if not is_inner(table)} == {*DATASETS, *names}


def _schema(dialect: str) -> str:
    return "\n".join(file.text for file in sql_files("schema", dialect))


@contextmanager
def _another(database: Database, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Another database of the same kind, without tables."""
    with ExitStack() as stack:
        if database.file:
            url = f"sqlite:///{database.file}.older"
        else:
            url = stack.enter_context(postgres_database(request.getfixturevalue("postgres_server")))
        yield stack.enter_context(closing(open_database(url)))


def _structure(database: Database) -> dict[str, list[str]]:
    """Everything that the database knows of its tables and views, without the comments of SQLite."""
    if database.dialect == "postgresql":
        kinds = {
            kind: f"{sql} {'AND' if ' WHERE ' in sql else 'WHERE'} {_OWNERS[kind]} = 'public'::regnamespace"
            for kind, sql in _POSTGRESQL.items()
        }
        return {kind: sorted(map(repr, query(database, sql))) for kind, sql in kinds.items()}
    rows = query(database, "SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name")
    return {name: [_plain(sql)] for name, sql in rows}


def _plain(sql: str) -> str:
    """The statement on one line, without quotes around names and with one spelling of types."""
    sql = re.sub(r"--.*|\"", "", sql)
    for spelling, same in _SAME_TYPES.items():
        sql = sql.replace(spelling, same)
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))


def _rows(database: Database) -> dict[str, list[str]]:
    return {table: sorted(map(repr, query(database, f"SELECT * FROM {table}"))) for table in _tables(database)}  # noqa: S608


def _tables(database: Database) -> list[str]:
    return [*inspect(database.engine).get_table_names(), *(["sqlite_stat1"] if database.dialect == "sqlite" else [])]
