"""Loading a million listens, batch by batch: moodlog beside bare executemany, SQLAlchemy Core, and COPY with an INSERT.

Every way runs in a process of its own, one after the other, and is measured in seconds of CPU: its own and, for
PostgreSQL, the server's. ``python -m tests.benchmarks.bench_store_load [LISTENS] [WAY...]`` prints a table. The ways of
dlt run where it is installed: ``uv run --with "dlt[sqlalchemy,postgres,parquet]" --with
adbc-driver-postgresql python -m ...``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Engine, MetaData, Table, create_engine, make_url, text
from sqlalchemy.dialects import postgresql, sqlite

from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import LISTENS
from mood_core.store import open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.loading.load import load_batch
from mood_core.store.queries.mood_rows import MoodRows
from tests.benchmarks.listening import context, listens
from tests.sealed import run_sealed

NOW = datetime(2026, 11, 20, tzinfo=UTC)
_COLUMNS = "user_id, played_at_ms, track_id, ms_played, source"
_TABLE = "user_id TEXT, played_at_ms BIGINT, track_id TEXT, ms_played INTEGER, source TEXT"
_KEY = ", PRIMARY KEY (user_id, played_at_ms, track_id)"


def main(total: int, ways: list[str]) -> None:
    """Measure ``ways`` (all by default) and print them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lake = open_lake(str(folder / "lake"))
        for dataset, table in context().items():
            lake.write(dataset, table, created_at=NOW)
        for table in listens(total):
            lake.write(LISTENS, table, created_at=NOW)
        servers = {"sqlite": f"sqlite:///{folder}/{{}}.db", "postgresql": ""}
        if not ways or any("postgresql" in way for way in ways):
            from tests.databases import postgres_running

            servers["postgresql"] = stack.enter_context(postgres_running())
        say(f"{'way':32} {'CPU s':>8} {'replay':>8} {'MB':>6} {'bytes/listen':>13}")
        for way in ways or _runnable():
            url = servers[way.partition("-")[0]].format(way)
            command = [sys.executable, "-m", __spec__.name, "--one", way, url, lake.root]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            say(
                f"{way:32} {found['load']:8.2f} {found['replay']:8.2f} {found['memory']:6.0f}"
                f" {found['bytes'] / total:13.1f}"
            )


def _runnable() -> list[str]:
    missing = importlib.util.find_spec("dlt") is None
    return [way for way in WAYS if not (missing and way.endswith("-dlt"))]


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def one(way: str, url: str, root: str) -> None:
    """Measure ``way`` in this process and print what was found as JSON."""
    lake = open_lake(root)
    with ExitStack() as stack:
        if url.startswith("postgresql"):
            url = stack.enter_context(_fresh_database(url))
        prepare, run, table = WAYS[way]
        state = prepare(url, lake)
        times = []
        for replay in (False, True):
            before = _cpu(url)
            run(state, lake, replay)
            times.append(_cpu(url) - before)
        memory = _peak_mb()
        say(json.dumps({"load": times[0], "replay": times[1], "memory": memory, "bytes": _bytes(url, table)}))


def _tables(lake: Lake) -> Iterator[pa.Table]:
    for path in lake.paths("listens"):
        yield lake.read(path)[1]


def _moodlog_prepare(url: str, lake: Lake) -> Any:
    database = open_database(url)
    migrate(database, now=NOW)
    for name in ("users", "tracks", "audio_features", "moods"):
        for path in lake.paths(name):
            load_batch(database, *lake.stream(path), now=NOW)
    MoodRows(database).set_current("bench/1")
    return database


def _moodlog(database: Any, lake: Lake, replay: bool) -> None:
    for path in lake.paths("listens"):
        file, rows = lake.stream(path)
        entry = replace(file, batch_id=f"{file.batch_id}-again") if replay else file
        load_batch(database, entry, rows, now=NOW)


def _bare_sqlite(url: str, lake: Lake) -> sqlite3.Connection:
    connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"CREATE TABLE plays ({_TABLE})")
    return connection


def _executemany(connection: sqlite3.Connection, lake: Lake, replay: bool) -> None:
    for table in [] if replay else _tables(lake):
        connection.execute("BEGIN")
        rows = zip(*(column.to_pylist() for column in _plain(table).columns), strict=True)
        connection.executemany("INSERT INTO plays VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")


def _plain(table: pa.Table) -> pa.Table:
    columns = [
        column.cast(pa.int64())
        if pa.types.is_timestamp(column.type)
        else column.cast(pa.string())
        if pa.types.is_dictionary(column.type)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=_COLUMNS.split(", "))


def _with_key(url: str, lake: Lake) -> Engine:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE plays ({_TABLE}{_KEY})"))
    return engine


def _core(engine: Engine, lake: Lake, replay: bool) -> None:
    plays = Table("plays", MetaData(), autoload_with=engine)
    make: Any = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
    statement = make(plays).on_conflict_do_nothing()
    for table in _tables(lake):
        with engine.begin() as connection:
            connection.execute(statement, _plain(table).to_pylist())


def _copy(engine: Engine, lake: Lake, replay: bool) -> None:
    for table in _tables(lake):
        with engine.begin() as connection:
            connection.execute(text(f"CREATE TEMPORARY TABLE staging ({_TABLE}) ON COMMIT DROP"))
            driver: Any = connection.connection.cursor()
            with driver, driver.copy("COPY staging FROM STDIN WITH (FORMAT csv)") as copy:
                sink = pa.BufferOutputStream()
                csv.write_csv(_plain(table), sink, csv.WriteOptions(include_header=False))
                copy.write(memoryview(sink.getvalue()))
            connection.execute(text("INSERT INTO plays SELECT * FROM staging ON CONFLICT DO NOTHING"))


def _dlt(url: str, lake: Lake) -> Any:
    """A pipeline of dlt at the settings that were its quickest: merging by a key, Parquet files in between."""
    dlt = importlib.import_module("dlt")  # no dependency of the project

    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    folder = tempfile.mkdtemp(prefix="moodlog-dlt-")
    if url.startswith("sqlite"):
        destination: Any = dlt.destinations.sqlalchemy(url, create_primary_keys=True)
    else:
        destination = dlt.destinations.postgres(_for_dlt(url))
    return dlt.pipeline("bench", pipelines_dir=folder, destination=destination, dataset_name="main")


def _for_dlt(url: str) -> str:
    parts = make_url(url)
    host = parts.query.get("host") or parts.host
    return f"postgresql://{parts.username or 'postgres'}:{parts.password or 'x'}@localhost/{parts.database}?host={host}"


def _merge_by_dlt(pipeline: Any, lake: Lake, replay: bool) -> None:
    strategy = "insert-only" if pipeline.destination.destination_name == "postgres" else "delete-insert"
    for table in _tables(lake):
        pipeline.run(
            _plain(table),
            table_name="plays",
            write_disposition={"disposition": "merge", "strategy": strategy},
            primary_key=["user_id", "played_at_ms", "track_id"],
            loader_file_format="parquet",
        )


def _peak_mb() -> float:
    # ru_maxrss would begin with what the parent had when it forked.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _cpu(url: str) -> float:
    own = os.times()
    return own.user + own.system + server_cpu(url)


def server_cpu(url: str) -> float:
    """Seconds of CPU that PostgreSQL's processes have used so far, those that ended included; 0 for SQLite."""
    if not url.startswith("postgresql"):
        return 0.0
    engine = create_engine(url)
    with engine.connect() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
        postmaster = _stat(int(backend or 0))[1]
    engine.dispose()
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = _stat(int(process.name))
            if int(process.name) == postmaster:
                total += sum(stat[11:15])
            elif stat[1] == postmaster:
                total += sum(stat[11:13])
    return total / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[int]:
    """The numbers of a process's ``stat``: [1] is its parent, [11:15] its and its ended children's ticks."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return [0, *(int(field) for field in fields[1:20])]


def _bytes(url: str, table: str) -> int:
    if url.startswith("sqlite"):
        if table != "listens":
            return Path(make_url(url).database or "").stat().st_size
        names = "('listens', '_mood_days')"
        with contextlib.closing(sqlite3.connect(make_url(url).database or "")) as file:
            return int(file.execute(f"SELECT sum(pgsize) FROM dbstat WHERE name IN {names}").fetchone()[0])  # noqa: S608
    names = "'listens', '_mood_days'" if table == "listens" else "'plays'"
    engine = create_engine(url)
    with engine.connect() as connection:
        query = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ({names})"  # noqa: S608
        return int(connection.scalar(text(query)) or 0)


@contextlib.contextmanager
def _fresh_database(server: str) -> Iterator[str]:
    name = f"bench_{uuid4().hex[:10]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


WAYS: dict[str, tuple[Callable[[str, Lake], Any], Callable[[Any, Lake, bool], None], str]] = {
    "sqlite-moodlog": (_moodlog_prepare, _moodlog, "listens"),
    "sqlite-executemany-unindexed": (_bare_sqlite, _executemany, "plays"),
    "sqlite-core": (_with_key, _core, "plays"),
    "sqlite-dlt": (_dlt, _merge_by_dlt, "plays"),
    "postgresql-moodlog": (_moodlog_prepare, _moodlog, "listens"),
    "postgresql-copy-insert": (_with_key, _copy, "plays"),
    "postgresql-core": (_with_key, _core, "plays"),
    "postgresql-dlt": (_dlt, _merge_by_dlt, "plays"),
}


def start() -> None:
    """Do what the command line asks for: one way, or all."""
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:5])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, sys.argv[2:])


if __name__ == "__main__":
    run_sealed(start)
