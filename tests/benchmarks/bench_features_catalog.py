"""How long a catalogue of 1.2 million rows takes, and how much memory: conversion, first and second look-up.

Run it with ``python -m tests.benchmarks.bench_features_catalog [ROWS]``. Each figure is of a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from mood_core.domain.records import Track
from mood_core.domain.vectors import NINE
from mood_core.features.catalog.source import CatalogSource
from tests.sealed import run_sealed

ROWS = 1_200_000
LOOKED_UP = 200
_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype="S1")


def made_table(rows: int) -> pa.Table:
    """``rows`` invented tracks with the columns of the public data sets, in no order."""
    rng = np.random.default_rng(0)
    ids = _ALPHABET[rng.integers(0, 62, (rows, 22))]
    ids[:, 0] = _ALPHABET[rng.integers(0, 8, rows)]  # 128 bits in base 62: the first digit is 0 to 7
    columns = {name: np.round(rng.random(rows), 4) for name in NINE}
    columns |= {"loudness": -60 * columns["loudness"], "tempo": 60 + 120 * columns["tempo"]}
    names = np.char.add("Track, the ", np.arange(rows).astype(str))
    durations = rng.integers(60_000, 400_000, rows)
    return pa.table({"id": ids.view("S22").ravel().astype(str), "name": names, **columns, "duration_ms": durations})


def look_up(file: str, cache: str, wanted: str) -> dict[str, float]:
    """One look-up of the tracks in the file ``wanted``: seconds and peak memory [MB] above what the imports took."""
    # Where pandas is installed, these imports take it along and with it longer than the look-up itself.
    import pyarrow.csv
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    ids = Path(wanted).read_text(encoding="ascii").split()
    tracks = [Track(track_id, "", ("",)) for track_id in ids]
    before, peak, done = _resident_mb(), [0.0], Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], _resident_mb())

    watcher = Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    found = CatalogSource([file], Path(cache)).fetch(tracks, datetime.now(UTC)).found
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return {"found": len(found), "seconds": round(seconds, 3), "peak_mb": round(peak[0] - before)}


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def _apart(file: Path, cache: Path, wanted: Path) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, "--look-up", str(file), str(cache), str(wanted)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(answer.stdout)
    return result


def main(rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        table = made_table(rows)
        arrow_csv.write_csv(table, here / "big.csv")
        parquet.write_table(table, here / "unsorted.parquet")
        parquet.write_table(table.sort_by("id"), here / "sorted.parquet", row_group_size=50_000)
        wanted = table.column("id").take(list(range(0, rows, rows // LOOKED_UP)))[:LOOKED_UP].to_pylist()
        (here / "wanted").write_text("\n".join(wanted), encoding="ascii")
        del table
        for name in ("big.csv", "unsorted.parquet", "sorted.parquet"):
            for time_of_day in ("first", "second", "third"):
                result = _apart(here / name, here / "cache", here / "wanted")
                sys.stdout.write(f"{name:18} {time_of_day:7} {json.dumps(result)}\n")


def start() -> None:
    """Do what the command line asks for: one figure, or all."""
    if sys.argv[1:2] == ["--look-up"]:
        sys.stdout.write(json.dumps(look_up(*sys.argv[2:5])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)


if __name__ == "__main__":
    run_sealed(start)
