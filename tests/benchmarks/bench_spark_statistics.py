"""``moodlog statistics`` by Spark and the views in SQLite: seconds of CPU, and whether the numbers are the same.

``python -m tests.benchmarks.bench_spark_statistics [FOLDER] [LISTENS]`` keeps lake and SQLite file in FOLDER, so that a
second run measures at once. CPU seconds are those of all processes, Java's too. Needs the extra spark, Java and Linux.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from mood_core.lake import open_lake
from mood_core.store import open_database
from mood_core.store.engine.migrate import migrate
from tests.benchmarks.bench_spark_relabel import adopt_orphans, measured
from tests.benchmarks.bench_store_load import say
from tests.benchmarks.bench_store_queries import NOW, fill, write_lake
from tests.sealed import given_path, run_sealed
from tests.spark.lakes import VIEWS


def main(folder: Path, total: int) -> None:
    """Fill what is not filled yet, then count by each."""
    adopt_orphans()
    lake = open_lake(str(folder / "lake"))
    write_lake(lake, total)
    with closing(open_database(f"sqlite:///{folder / 'moodlog.db'}")) as database:
        migrate(database, now=NOW)
        fill(lake, database)
    start = time.process_time()
    with closing(sqlite3.connect(folder / "moodlog.db")) as opened:
        views = {name: opened.execute(statement).fetchall() for name, statement in VIEWS.items()}
    took = time.process_time() - start
    say(f"{total} listens: the views {took:.1f} CPU s")
    for master in ("local[1]", "local[2]"):
        cpu, wall, printed = measured(folder, "statistics", "--master", master, "--json")
        found = {name: [tuple(row.values()) for row in rows] for name, rows in json.loads(printed).items()}
        same = "same numbers" if found == views else "OTHER NUMBERS"
        say(f"spark {master} {cpu:8.1f} CPU s {cpu / took:6.2f} {wall:8.1f} s  {same}")


if __name__ == "__main__":
    run_sealed(
        lambda: main(
            given_path(sys.argv[1] if len(sys.argv) > 1 else "kept"),
            int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000,
        )
    )
