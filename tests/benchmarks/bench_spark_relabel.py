"""``moodlog relabel`` in one process and by Spark on one and two cores: CPU, time, and whether the labels are the same.

``python -m tests.benchmarks.bench_spark_relabel [TRACKS] [FOLDER]`` (1,000,000 unless given) on SQLite. FOLDER keeps
the features, so that a second run measures at once. CPU seconds are those of all processes, Java's too. Needs the
extra spark, Java and Linux.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from mood_core.app.workspace import Workspace
from mood_core.domain.records import FEATURES
from mood_core.lake.schema import AUDIO_FEATURES
from mood_core.settings import Settings
from tests.benchmarks.bench_store_load import say
from tests.sealed import given_path, run_sealed
from tests.spark.lakes import LABELS, command, name
from tests.store_data import NOW

_FILE = 1_000_000
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: Java's process is then waited for here, and its CPU counted


def main(tracks: int, given: Path | None) -> None:
    """Label the same features by each engine, on a copy of the home."""
    adopt_orphans()
    with tempfile.TemporaryDirectory(dir=given) as folder:
        kept = (given or Path(folder)) / f"tracks-{tracks}"
        if not kept.exists():
            _fill(kept, tracks)
        say(f"{tracks} tracks, SQLite:")
        first = None
        for engine, *options in (
            ("one process",),
            ("spark local[1]", "--engine", "spark", "--master", "local[1]"),
            ("spark local[2]", "--engine", "spark", "--master", "local[2]"),
        ):
            home = Path(folder) / "home"
            shutil.copytree(kept, home)
            cpu, wall, _ = measured(home, "relabel", *options)
            found = _digest(home)
            first = first or (cpu, found)
            same = "same labels" if found == first[1] else "OTHER LABELS"
            say(f"{engine:16} {cpu:8.1f} CPU s {cpu / first[0]:6.2f} {wall:8.1f} s  {same}")
            shutil.rmtree(home)


def _digest(home: Path) -> str:
    digest = sha256()
    with closing(sqlite3.connect(home / "moodlog.db")) as opened:
        for row in opened.execute(LABELS):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def adopt_orphans() -> None:
    """Count the CPU of processes whose parent ends before them, as Java's does."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def measured(home: Path, *arguments: str) -> tuple[float, float, str]:
    """Run ``moodlog``: CPU seconds of all processes, wall seconds, and what it printed."""
    before, start = _cpu(), time.perf_counter()
    printed = subprocess.run(**command(home, *arguments), check=True, stdout=subprocess.PIPE, text=True).stdout
    wall = time.perf_counter() - start
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return _cpu() - before, wall, printed


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fill(home: Path, tracks: int) -> None:
    """A home with the features of ``tracks`` tracks, in files of a million."""
    at = NOW - timedelta(days=40)
    with Workspace(Settings(home=home), now=lambda: at) as workspace:
        for first in range(0, tracks, _FILE):
            count = min(_FILE, tracks - first)
            random = np.random.default_rng(first)
            columns = {feature: random.random(count) for feature in FEATURES[:9]}
            columns |= {"loudness": -30 * columns["loudness"], "tempo": 60 + 120 * columns["tempo"]}
            table = pa.table(
                {"track_id": [name(number) for number in range(first, first + count)]}
                | columns
                | {
                    "duration_ms": pa.array(random.integers(60_000, 400_000, count), pa.int32()),
                    "source": ["catalog"] * count,
                    "fetched_at": pa.array([NOW] * count, pa.timestamp("ms", "UTC")),
                }
            )
            workspace.batches.add(AUDIO_FEATURES, table, now=at)


def start() -> None:
    """Take the number and the folder from the command line."""
    folder = given_path(sys.argv[2]) if len(sys.argv) > 2 else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, folder)


if __name__ == "__main__":
    run_sealed(start)
