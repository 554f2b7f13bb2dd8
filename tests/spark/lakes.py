"""A home whose lake is difficult to read without SQL, and what it should contain after labelling."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mood_core.app.workspace import Workspace
from mood_core.domain.records import FEATURES
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, TRACKS, USERS
from mood_core.settings import Settings
from tests.flows.deployed import MOODLOG
from tests.store_data import NOW, listens, tracks, users

needs_spark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
    reason="needs the extra spark and Java: .ci/run installs both",
)

FILES, ROWS = 6, 20_000
LABELS = """
SELECT
    t.track_id, m.mood, m.p_calm, m.p_energetic, m.p_happy, m.p_sad, m.uncertain, m.out_of_distribution, m.mood_set,
    s.source, c.model_version
FROM moods AS m
INNER JOIN tracks AS t ON m.track_key = t.track_key
INNER JOIN sources AS s ON m.source_key = s.source_key
INNER JOIN models AS c ON m.model_key = c.model_key
ORDER BY t.track_id
"""
"""Every label in SQL, without its time."""

VIEWS = {
    "mood_weekly_everybody": "SELECT * FROM mood_weekly_everybody ORDER BY week, mood",
    "mood_by_hour_everybody": """
        SELECT h.hour, h.mood, h.listens, round(1.0 * h.listens / sum(h.listens) OVER (PARTITION BY h.hour), 4) AS share
        FROM (SELECT hour, mood, sum(listens) AS listens FROM mood_by_hour GROUP BY hour, mood) AS h
        ORDER BY h.hour, h.mood
    """,
    "feature_coverage": "SELECT * FROM feature_coverage ORDER BY feature_source",
}
"""What Spark's statistics are compared with."""


def name(number: int) -> str:
    """The id of a track."""
    return f"track{number:017}"


def make_history(home: Path, rows: int = ROWS) -> None:
    """Two people, and the features of some 120,000 tracks in six files of ``rows``.

    Some features are repeated in a later file with other values, some have no duration, and some of those tracks have
    it from one or two batches of tracks.
    """
    at = NOW - timedelta(days=40)
    with Workspace(Settings(home=home), now=lambda: at) as workspace:
        batches = workspace.batches
        batches.add(USERS, users(("ada", "Europe/Berlin"), ("grace", "America/New_York"), recorded_at=at), now=at)
        for file in range(FILES):
            batches.add(AUDIO_FEATURES, _features(file, rows), now=at)
        for duration in (200_000, 300_000, 999):
            known = tracks(*(name(number) for number in range(3_000, 3_300 + duration // 1_000)))
            durations = pa.array([duration] * known.num_rows, pa.int32())
            batches.add(TRACKS, known.set_column(4, "duration_ms", durations), now=at)
        heard = [(user, at + timedelta(hours=hour), name(hour)) for user in ("ada", "grace") for hour in range(800)]
        batches.add(LISTENS, listens(heard), now=at)


def _features(file: int, rows: int) -> pa.Table:
    random = np.random.default_rng(file)
    columns: dict[str, Any] = {feature: random.random(rows) for feature in FEATURES[:9]}
    columns |= {"loudness": -30 * columns["loudness"], "tempo": 60 + 120 * columns["tempo"]}
    first = file * rows - 500 * (file > 0)  # repeats 500 of the file before
    durations = pa.array(random.integers(60_000, 400_000, rows), pa.int32())
    unknown = pa.array((np.arange(rows) >= 3_000) & (np.arange(rows) < 4_000))
    return pa.table(
        {"track_id": [name(first + number) for number in range(rows)]}
        | columns
        | {
            "duration_ms": pa.compute.if_else(unknown, pa.scalar(None, pa.int32()), durations),
            "source": ["catalog"] * rows,
            "fetched_at": pa.array([NOW] * rows, pa.timestamp("ms", "UTC")),
        }
    )


def command(home: Path, *arguments: str) -> dict[str, Any]:
    """How to start ``moodlog`` on a home, for ``subprocess``."""
    return {"args": [*MOODLOG, *arguments], "env": {**os.environ, "MOODLOG_HOME": str(home)}}


def moodlog(home: Path, *arguments: str) -> str:
    """Run a command that succeeds; returns its stdout."""
    done = subprocess.run(**command(home, *arguments), capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def with_little_spark(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Spark shuffle 2 partitions instead of 200, without Java's second compiler: fit for few rows."""
    lines = "spark.sql.shuffle.partitions 2\nspark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC\n"
    (folder / "spark-defaults.conf").write_text(lines)
    monkeypatch.setenv("SPARK_CONF_DIR", str(folder))


def labels(home: Path) -> list[tuple[Any, ...]]:
    """Every label in SQL, without its time."""
    with closing(sqlite3.connect(home / "moodlog.db")) as opened:
        return opened.execute(LABELS).fetchall()


def labels_in_lake(home: Path) -> int:
    """The number of labels in all files of the lake."""
    return sum(pq.read_metadata(path).num_rows for path in (home / "lake" / "moods").glob("*/*.parquet"))
