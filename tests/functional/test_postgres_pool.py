"""The PostgreSQL databases that tests use again: each is as a new one."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.databases import postgres_database
from tests.postgres_pool import PostgresPool

pytestmark = pytest.mark.postgresql
_NEW_KEY = "INSERT INTO models (model_version) VALUES ('m/1') RETURNING model_key"
_COUNTS = "SELECT (SELECT count(*) FROM models), (SELECT count(*) FROM _schema_migrations)"


def _answer(url: str, sql: str) -> object:
    engine = create_engine(url)
    with engine.begin() as connection:
        row = connection.execute(text(sql))
        answer = tuple(row.one()) if row.returns_rows else None
    engine.dispose()
    return answer


def test_rows_and_keys_are_as_in_a_new_one(postgres_server: str, postgres_template: str) -> None:
    pool = PostgresPool(lambda: postgres_database(postgres_server, postgres_template))
    with pool.database() as first:
        new = _answer(first, _COUNTS)
        key = _answer(first, _NEW_KEY)
        _answer(first, "DELETE FROM _schema_migrations")
        left_open = psycopg.connect(make_url(first).set(drivername="postgresql").render_as_string())
        left_open.execute("LOCK TABLE models")
    with pool.database() as second, pool.database() as third:
        assert second == first != third
        assert _answer(second, _COUNTS) == new
        assert _answer(second, _NEW_KEY) == key
    left_open.close()
    pool.close()


@pytest.mark.parametrize(
    "change",
    ["DROP VIEW mood_streaks", "ALTER TABLE tracks ADD COLUMN x TEXT", "CREATE TABLE x (y TEXT)", "CREATE SCHEMA x"],
)
def test_one_whose_schema_has_changed_is_not_used_again(
    postgres_server: str, postgres_template: str, change: str
) -> None:
    pool = PostgresPool(lambda: postgres_database(postgres_server, postgres_template))
    with pool.database() as first:
        _answer(first, change)
    with pool.database() as second:
        assert second != first
    pool.close()
