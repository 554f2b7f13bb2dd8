"""PostgreSQL with one table of listens beside partitions by person: load, questions, move and rebuild.

``python -m tests.benchmarks.bench_partitions [LISTENS] [PARTITIONS] [rebuild]`` prints a table. Questions
are in milliseconds, the median of seven warm runs; the others are seconds, with the CPU seconds of client and server.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.statistics import refresh_statistics
from mood_core.store.loading.keep_up import keep_up
from mood_core.usecases.upkeep.partition_database import partition_database, partition_new_database, size_to_copy
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.benchmarks.bench_store_load import say, server_cpu
from tests.benchmarks.bench_store_queries import QUESTIONS, fill, median_ms
from tests.benchmarks.listening import context, listens
from tests.sealed import run_sealed

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def main(total: int, partitions: int, *, with_rebuild: bool) -> None:
    """Measure both ways and print them side by side."""
    from tests.databases import postgres_database, postgres_running

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lake = open_lake(str(folder / "lake"))
        for dataset, table in context().items():
            lake.write(dataset, table, created_at=NOW)
        for table in listens(total):
            lake.write(LISTENS, table, created_at=NOW)
        server = stack.enter_context(postgres_running())
        found: list[dict[str, str]] = []
        for parts in (1, partitions):
            url = stack.enter_context(postgres_database(server))
            database = stack.enter_context(closing(open_database(url)))
            migrate(database, now=NOW)
            partition_new_database(database, parts, now=NOW)
            found.append({"load": measured(url, partial(fill, lake, database))})
            keep_up(database)
            analyse(database)
            found[-1] |= {name: f"{median_ms(database, sql):.1f} ms" for name, sql in QUESTIONS.items()}
            if with_rebuild:
                found[-1]["rebuild"] = measured(url, partial(rebuild, lake, database, now=NOW))
        name = f"move of {size_to_copy(database, 1) / 1e6:.0f} MB to the other"
        for column, parts in zip(reversed(found), (1, partitions), strict=True):
            column[name] = measured(url, partial(partition_database, database, parts, now=NOW, workers=2))
        say(f"{'':42} {'one table':>22} {f'{partitions} partitions':>22}")
        for row in found[0]:
            say(f"{row:42} {found[0][row]:>22} {found[1][row]:>22}")


def measured(url: str, work: Callable[[], object]) -> str:
    """The seconds that ``work`` takes, and the CPU seconds of this process and the server."""
    before, cpu = time.perf_counter(), _cpu(url)
    work()
    return f"{time.perf_counter() - before:.1f} s, {_cpu(url) - cpu:.1f} s CPU"


def analyse(database: Database) -> None:
    """Update the statistics of all tables."""
    with database.write() as connection:
        refresh_statistics(connection)


def _cpu(url: str) -> float:
    own = os.times()
    return own.user + own.system + server_cpu(url)


def start() -> None:
    """Take the numbers from the command line."""
    numbers = [int(word) for word in sys.argv[1:3]]
    total, partitions = numbers + [1_000_000, 16][len(numbers) :]
    main(total, partitions, with_rebuild=sys.argv[3:] == ["rebuild"])


if __name__ == "__main__":
    run_sealed(start)
