"""How long the questions that people ask take, in a database that is filled from a lake of made-up listens.

``python -m tests.benchmarks.bench_store_queries [FOLDER] [LISTENS] [sqlite|postgresql]`` keeps lake and SQLite file in
FOLDER, so that a second run measures at once. Milliseconds, the median of seven warm runs. DuckDB runs the same queries
on the Parquet files of the lake. At the end, `moodlog status` runs five times with FOLDER as HOME: seconds of CPU (with
PostgreSQL's) and peak memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import LISTENS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.statistics import refresh_statistics
from mood_core.store.loading.load import load_batch
from mood_core.store.queries.mood_rows import MoodRows
from tests.benchmarks.bench_store_load import say, server_cpu
from tests.benchmarks.listening import context, ids, listens
from tests.sealed import given_path, run_sealed

NOW = datetime(2026, 11, 20, tzinfo=UTC)
QUESTIONS = {
    "one person, 30 days by day": (
        "SELECT day, mood, listens, share FROM mood_daily WHERE user_id = :user AND day >= :day"
    ),
    "one person, a year by hour": "SELECT hour, mood, listens, share FROM mood_by_hour WHERE user_id = :user",
    "one person, last 100 listens": (
        "SELECT * FROM mood_history WHERE user_id = :user ORDER BY played_at_ms DESC LIMIT 100"
    ),
    "one person, weeks": "SELECT * FROM mood_weekly WHERE user_id = :user",
    "one person, weekdays": "SELECT * FROM mood_by_weekday WHERE user_id = :user",
    "one person, transitions": "SELECT * FROM mood_transitions WHERE user_id = :user",
    "one person, top tracks": "SELECT * FROM top_tracks_by_mood WHERE user_id = :user AND place <= 10",
    "everybody, moods by week": "SELECT * FROM mood_weekly_everybody ORDER BY week, listens DESC",
}

_LISTENS = "read_parquet('{lake}/listens/*/*.parquet')"
_LABELLED = f"{_LISTENS} AS l LEFT JOIN read_parquet('{{lake}}/moods/*/*.parquet') AS m USING (track_id)"
ASKED_OF_THE_LAKE = {
    "one person, 30 days by day": (
        f"SELECT played_at::DATE, mood, count(*) FROM {_LABELLED}"  # noqa: S608
        " WHERE user_id = '{user}' AND played_at >= '2026-10-20' GROUP BY ALL"
    ),
    "one person, a year by hour": (
        f"SELECT hour(played_at), mood, count(*) FROM {_LABELLED} WHERE user_id = '{{user}}' GROUP BY ALL"  # noqa: S608
    ),
    "one person, last 100 listens": (
        f"SELECT * FROM {_LABELLED} WHERE user_id = '{{user}}' ORDER BY played_at DESC LIMIT 100"  # noqa: S608
    ),
    "everybody, moods by week": (
        f"SELECT date_trunc('week', played_at), mood, count(*) FROM {_LABELLED} GROUP BY ALL"  # noqa: S608
    ),
}


def main(folder: Path, total: int, dialect: str) -> None:
    """Fill what is not filled yet, then ask every question."""
    lake = open_lake(str(folder / "lake"))
    write_lake(lake, total)
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'moodlog.db'}"
        if dialect == "postgresql":
            from tests.databases import postgres_database, postgres_running

            url = stack.enter_context(postgres_database(stack.enter_context(postgres_running())))
        database = open_database(url)
        stack.callback(database.close)
        migrate(database, now=NOW)
        fill(lake, database)
        for question, sql in QUESTIONS.items():
            say(f"{question:32} {median_ms(database, sql):10.1f}")
        for question, sql in ASKED_OF_THE_LAKE.items():
            say(f"{'DuckDB: ' + question:32} {duckdb_ms(folder / 'lake', sql):10.1f}")
        connect_all(database)
        for _ in range(5):
            say("moodlog status: {:.2f} s of CPU, {:.0f} MB".format(*status_cost(folder, url)))


def write_lake(lake: Lake, total: int) -> None:
    """Write the batches of ``total`` listens, unless the lake has some."""
    if lake.paths("listens"):
        return
    for dataset, table in context().items():
        lake.write(dataset, table, created_at=NOW)
    for table in listens(total):
        lake.write(LISTENS, table, created_at=NOW)


def fill(lake: Lake, database: Database) -> None:
    """Load what the ledger does not know."""
    start = time.perf_counter()
    for name in ("users", "tracks", "audio_features", "moods"):
        for path in lake.paths(name):
            load_batch(database, *lake.stream(path), now=NOW)
    if MoodRows(database).current_version() is None:
        MoodRows(database).set_current("bench/1")
    for path in lake.paths("listens"):
        load_batch(database, *lake.stream(path), now=NOW)
    with database.write() as connection:
        refresh_statistics(connection)
    say(f"filled in {time.perf_counter() - start:.0f} s")


def connect_all(database: Database) -> None:
    """Make every account active, so that `moodlog status` reports the wait between its pulls."""
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO _accounts (user_key, token) SELECT user_key, NULL FROM users WHERE true"
                " ON CONFLICT DO NOTHING"
            )
        )


_STATUS = """
import sys
from flows.cli import main
main(["status"], standalone_mode=False)
with open("/proc/self/status") as file:
    print(int(file.read().partition("VmHWM:")[2].split()[0]) / 1024, file=sys.stderr)
"""


def status_cost(home: Path, url: str) -> tuple[float, float]:
    """The seconds of CPU, with the database server's, and the peak MB of one `moodlog status`."""
    environment = os.environ | {"MOODLOG_HOME": str(home), "MOODLOG_DATABASE_URL": url}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # people's Python keeps its compiled modules
    before = server_cpu(url), os.times()
    done = subprocess.run(
        [sys.executable, "-c", _STATUS], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    after = os.times()
    own = after.children_user + after.children_system - before[1].children_user - before[1].children_system
    return own + server_cpu(url) - before[0], float(done.stderr.split()[-1])


def duckdb_ms(lake: Path, sql: str) -> float:
    """The median of three runs of DuckDB over the files, after one that warms up."""
    import duckdb

    times = []
    with duckdb.connect() as connection:
        for _ in range(4):
            start = time.perf_counter()
            connection.execute(sql.format(lake=lake, user=ids(1, 1000)[500])).fetchall()
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def median_ms(database: Database, sql: str) -> float:
    """The median of seven runs after one that warms up."""
    times = []
    values = {"user": ids(1, 1000)[500], "day": "2026-10-20"}
    used = {name: value for name, value in values.items() if f":{name}" in sql}
    with database.read() as connection:
        for _ in range(8):
            start = time.perf_counter()
            connection.execute(text(sql), used).all()
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def start() -> None:
    """Take folder, numbers and dialect from the command line."""
    with TemporaryDirectory() as spare:
        main(
            given_path(sys.argv[1] if len(sys.argv) > 1 else spare),
            int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000,
            sys.argv[3] if len(sys.argv) > 3 else "sqlite",
        )


if __name__ == "__main__":
    run_sealed(start)
