"""Importing a million rows of an extended history, beside parsing alone with the same parser: rows a second, memory.

Each way runs in a process of its own. ``python -m tests.benchmarks.bench_import_history [ROWS]`` prints a table.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.sealed import run_sealed

_ROWS_A_FILE = 16_000
_TRACKS = 40_000
_FIRST = datetime(2010, 1, 1, tzinfo=UTC)
_ROW = """  {{
    "ts": "{ts:%Y-%m-%dT%H:%M:%SZ}",
    "platform": "Android OS 11 API 30 (made up, MU-1)",
    "ms_played": {ms},
    "conn_country": "ZZ",
    "ip_addr": "192.0.2.7",
    "master_metadata_track_name": "Song number {track} of the made-up ones",
    "master_metadata_album_artist_name": "The Invented {artist}",
    "master_metadata_album_album_name": "Album {artist}",
    "spotify_track_uri": "spotify:track:{track:022d}",
    "episode_name": null,
    "episode_show_name": null,
    "spotify_episode_uri": null,
    "audiobook_title": null,
    "audiobook_uri": null,
    "audiobook_chapter_uri": null,
    "audiobook_chapter_title": null,
    "reason_start": "trackdone",
    "reason_end": "trackdone",
    "shuffle": false,
    "skipped": false,
    "offline": false,
    "offline_timestamp": 1709287242,
    "incognito_mode": false
  }}"""


def main(rows: int) -> None:
    """Make an export of ``rows`` rows, measure every way and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder, "my_spotify_data.zip")
        size = make_export(export, rows)
        say(f"{rows:,} rows, {size / 1e6:.0f} MB of JSON, {export.stat().st_size / 1e6:.0f} MB packed")
        say(f"{'way':16} {'s':>7} {'CPU s':>7} {'rows/s':>9} {'rows/CPU s':>11} {'peak MB':>8}")
        ways = {"parse": export, "import": export, "import again": export, "in other files": _repacked(export)}
        found = {way: _measure(way, path, Path(folder, "home")) for way, path in ways.items()}
        for way, one in found.items():
            say(
                f"{way:16} {one['wall']:7.1f} {one['cpu']:7.1f} {rows / one['wall']:9,.0f} {rows / one['cpu']:11,.0f}"
                f" {one['memory']:8.0f}"
            )
        parsed, first, again, _ = (found[way]["cpu"] for way in found)
        say(f"{parsed / first:.0%} of the speed of parsing alone; the second import {first / again:.1f} times as fast")


def make_export(path: Path, rows: int) -> int:
    """Write a zip of ``rows`` made-up plays in files of 12 MB, as Spotify does; returns the bytes of JSON."""
    size, plays = 0, _plays(rows)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, start in enumerate(range(0, rows, _ROWS_A_FILE)):
            some = [next(plays) for _ in range(min(_ROWS_A_FILE, rows - start))]
            content = ("[\n" + ",\n".join(some) + "\n]").encode()
            archive.writestr(f"Spotify Extended Streaming History/Streaming_History_Audio_{number}.json", content)
            size += len(content)
    return size


def _repacked(export: Path) -> Path:
    """The same rows in files of other bytes: each of them has to be found among what is stored."""
    other = export.with_name("repacked.zip")
    with zipfile.ZipFile(export) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + b"\n")
    return other


def _plays(rows: int) -> Iterator[str]:
    chance, moment = random.Random(0), _FIRST
    for _ in range(rows):
        ms = chance.randrange(1_000, 400_000)
        track = int(chance.paretovariate(0.4)) % _TRACKS
        moment += timedelta(milliseconds=ms // 2 + 1_000)
        yield _ROW.format(ts=moment, ms=ms, track=track, artist=track % 4_000)


def parse(export: Path) -> int:
    """Read every row with the parser that the import uses, and drop it; returns how many there are."""
    import ijson

    count = 0
    with zipfile.ZipFile(export) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                for _ in ijson.items(file, "item", use_float=True, buf_size=2**18):
                    count += 1
    return count


def _measure(way: str, export: Path, home: Path) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, "--one", way, str(export)]
    environment = os.environ | {"MOODLOG_HOME": str(home), "MOODLOG_DATABASE_URL": f"sqlite:///{home}/moodlog.db"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def one(way: str, export: Path) -> dict[str, Any]:
    """Measure ``way`` in this process."""
    from mood_core.app.import_export import import_export
    from mood_core.app.workspace import Workspace
    from mood_core.exports.parse_row import ImportFilter

    began, before = time.perf_counter(), time.process_time()
    if way == "parse":
        parse(export)
    else:
        with Workspace() as workspace:
            report = import_export(workspace, [export], user="me", timezone="UTC", row_filter=ImportFilter(min_ms=0))
        if sum(report.outcomes.values()) != report.rows_read:
            raise AssertionError(report.outcomes)
    return {
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - before,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def start() -> None:
    """Do what the command line asks for: one way, or all."""
    if sys.argv[1:2] == ["--one"]:
        say(json.dumps(one(sys.argv[2], Path(sys.argv[3]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)


if __name__ == "__main__":
    run_sealed(start)
