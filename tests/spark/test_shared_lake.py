"""Spark with PostgreSQL and a lake on S3, while other commands replace files of the lake."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from mood_core.app.workspace import Workspace
from mood_core.lake.schema import PERSONAL
from standin import StandIn
from tests.flows.cluster import s3_running
from tests.flows.deployed import until
from tests.nights import connected_and_pulled, one_night, workspace_of
from tests.postgres_pool import PostgresPool
from tests.spark.cluster import PATIENCE_S
from tests.spark.lakes import LABELS, VIEWS, command, labels, make_history, moodlog, needs_spark, with_little_spark
from tests.store_data import query

pytestmark = [pytest.mark.slow, pytest.mark.postgresql, needs_spark]

LOCAL = ("--master", "local[2]")
ROWS = 8_000
_STORED = "SELECT count(*) FROM moods", "SELECT count(*) FROM audio_features"


@pytest.fixture
def shared(home: Path, postgres_pool: PostgresPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The history of ``make_history``, in PostgreSQL and on S3."""
    with s3_running() as s3, postgres_pool.database() as url:
        for name, value in (s3 | {"MOODLOG_DATABASE_URL": url}).items():
            monkeypatch.setenv(name, value)
        make_history(home, ROWS)
        yield home


@pytest.fixture
def expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The labels of one process, on SQLite and a local disk."""
    make_history(tmp_path / "alone", ROWS)
    moodlog(tmp_path / "alone", "relabel")
    found = labels(tmp_path / "alone")
    shutil.rmtree(tmp_path / "alone")
    return found


def test_files_are_replaced_while_spark_reads(
    expected: list[tuple[object, ...]], shared: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_little_spark(tmp_path, monkeypatch)
    with subprocess.Popen(**command(shared, "relabel", "--engine", "spark", *LOCAL), stderr=subprocess.PIPE) as running:
        with Workspace() as workspace:
            until(lambda: workspace.lake.paths("moods") or running.poll() is not None, PATIENCE_S)
        moodlog(shared, "forget", "-u", "ada", "--yes")
        moodlog(shared, "compact")
        connected_and_pulled(standin, monkeypatch)
        stopped = running.communicate(timeout=PATIENCE_S)[1].decode()
    assert running.returncode == 0 or "run this again" in stopped, stopped
    moodlog(shared, "relabel", "--engine", "spark", *LOCAL)
    with workspace_of(standin) as workspace:
        assert _labels(workspace) == expected
        one_night(workspace)
        assert [row for row in _labels(workspace) if str(row[0]).startswith("track0")] == expected
        stored, with_features = (query(workspace.database, statement)[0][0] for statement in _STORED)
        lake = workspace.lake
        in_lake = sum(lake.read(path)[0].row_count for path in lake.paths("moods"))
        assert stored == with_features == in_lake > len(expected)
        for dataset in PERSONAL:
            assert all("ada" not in lake.people(path) for path in lake.paths(dataset.name)), dataset.name
        assert query(workspace.database, "SELECT count(*) FROM listens NATURAL JOIN users WHERE user_id = 'ada'") == [
            (0,)
        ]
        views = {name: query(workspace.database, statement) for name, statement in VIEWS.items()}
    assert "agree" in moodlog(shared, "verify", "--deep")
    found = json.loads(moodlog(shared, "statistics", *LOCAL, "--json"))
    counted = {name: [tuple(row.values()) for row in rows] for name, rows in found.items()}
    assert counted == {name: [tuple(map(_plain, row)) for row in rows] for name, rows in views.items()}


def _labels(workspace: Workspace) -> list[tuple[object, ...]]:
    """As ``labels``: PostgreSQL gives the shortest number that is the same float32."""
    rows = query(workspace.database, LABELS)
    return [tuple(float(np.float32(item)) if isinstance(item, float) else item for item in row) for row in rows]


def _plain(value: object) -> object:
    """PostgreSQL's numbers as JSON has them."""
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
