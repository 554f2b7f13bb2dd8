"""``moodlog statistics``: Spark counts from the lake what the views have in SQL."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mood_core.app.workspace import Workspace
from mood_core.domain.answers import AskedBecause, MoodAnswer
from mood_core.domain.head_text import StoredHead
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, ESTIMATED_FEATURES, LISTENS, MOOD_ANSWERS, MOOD_HEADS, MOODS, USERS
from mood_core.spark.session import SHORT_JAVA, spark_session
from mood_core.spark.statistics import create_views
from mood_core.store.engine.sql_files import sql_file
from mood_core.usecases.batches import Batches
from tests.spark.lakes import VIEWS, moodlog, needs_spark, with_little_spark
from tests.store_data import NOW, features, listens, moods, query, set_current, small_history, users

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

pytestmark = [pytest.mark.slow, needs_spark]


def test_spark_counts_what_the_views_have(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_little_spark(tmp_path, monkeypatch)
    with Workspace() as workspace:
        _everything_difficult(small_history(workspace.lake, workspace.database))
    moodlog(home, "compact")
    moodlog(home, "forget", "-u", "gone", "--yes")
    with Workspace() as workspace:
        workspace.lake.write(LISTENS, _late(), created_at=workspace.now() + timedelta(days=1))  # not in the ledger
        views = {name: query(workspace.database, statement) for name, statement in VIEWS.items()}
    found = json.loads(moodlog(home, "statistics", "--master", "local[2]", "--json"))
    assert {name: [tuple(row.values()) for row in rows] for name, rows in found.items()} == views
    sources = {row["feature_source"] for row in found["feature_coverage"]}
    assert sources == {"catalog", "estimated:program", "none"}
    assert {row["mood"] for row in found["mood_weekly_everybody"]} == {
        "Calm",
        "Energetic",
        "Happy",
        "Sad",
        "Unlabelled",
    }


@pytest.mark.parametrize(("repeated", "exchanges"), [(False, 1), (True, 2)])
def test_listens_are_sent_to_other_tasks_once_and_only_if_some_are_repeated(
    home: Path, *, repeated: bool, exchanges: int
) -> None:
    with Workspace() as workspace:
        batches = small_history(workspace.lake, workspace.database)
        if repeated:
            batches.add(LISTENS, listens([("ada", NOW, "t0"), ("ada", NOW - timedelta(days=1), "t1")]), now=NOW)
            batches.add(LISTENS, listens([("ada", NOW, "t0"), ("grace", NOW, "t2")]), now=NOW)
        with spark_session("local[1]", SHORT_JAVA) as spark:
            create_views(spark, workspace.lake, workspace.database)
            counts = spark.sql(sql_file("spark", "listen_counts").statement)
            plan = _plan(counts)
            counted = sum(counts.toArrow()["listens"].to_pylist())
        assert [(counted,)] == query(workspace.database, "SELECT count(*) FROM listens")
    assert _most_exchanges_of("played_at", plan) == exchanges  # one of them adds up the few counts of all tasks
    assert not [line for line in plan if "hashpartitioning(model_version" in line]  # or one task gets all labels


def _plan(frame: DataFrame) -> list[str]:
    return str(frame._jdf.queryExecution().executedPlan().toString()).splitlines()


def _most_exchanges_of(column: str, plan: list[str]) -> int:
    """How often rows of the files with a ``column`` are sent to other tasks. The depth of a line is its indent."""
    most = 0
    above: list[tuple[int, str]] = []
    for line in plan:
        node = line.lstrip(" :+-")
        depth = len(line) - len(node)
        above = [(each, kind) for each, kind in above if each < depth] + [(depth, node.split(" ")[0])]
        if node.startswith("FileScan") and f"{column}#" in node:
            most = max(most, [kind for _, kind in above].count("Exchange"))
    return most


def _late() -> pa.Table:
    return listens([("ada", NOW, "t0")])


def _everything_difficult(batches: Batches) -> None:
    """Repeated listens, moved people, answers, a personal head, estimated features, other models' labels, the gone."""
    now = NOW
    batches.add(USERS, users(("gone", "Asia/Kolkata"), recorded_at=now), now=now)
    heard = [("ada", now - timedelta(hours=5 * hour), f"t{hour % 9}") for hour in range(40)]
    batches.add(LISTENS, listens([*heard, *(("gone", at, track) for _, at, track in heard)]), now=now)
    batches.add(LISTENS, listens(heard[:20]), now=now)  # repeated
    batches.add(LISTENS, listens([("stranger", now, "t1")]), now=now)  # without a row of their own
    batches.add(USERS, users(("ada", "Australia/Adelaide"), recorded_at=now), now=now)
    batches.add(AUDIO_FEATURES, features(["t1", "t6"], now), now=now)
    batches.add(MOODS, moods({"t1": "Sad", "t6": "Happy"}, "m/1", now), now=now)  # t1 has a label
    batches.add(MOODS, moods({"t0": "Sad", "t2": "Sad"}, "m/2", now), now=now)
    estimated = features(["t7", "t1"], now)
    source = pa.array(["estimated:program"] * 2)
    estimated = estimated.set_column(estimated.schema.get_field_index("source"), "source", source)
    batches.add(ESTIMATED_FEATURES, estimated, now=now)
    batches.add(MOODS, moods({"t7": "Energetic", "t1": "Calm"}, "estimated-m/1", now), now=now)
    set_current(batches.database, "estimated-m/1")
    answers = [
        ("ada", "t0", "Happy|Calm", 1),
        ("ada", "t1", "none", 1),
        ("ada", "t2", "Sad", 1),
        ("ada", "t2", "undone", 2),
    ]
    made = [
        MoodAnswer(user, track, now + timedelta(minutes=minute), answer, AskedBecause.VOLUNTEERED, "m/1")
        for user, track, answer, minute in answers
    ]
    batches.add(MOOD_ANSWERS, to_table(MOOD_ANSWERS, made), now=now)
    _head(batches, "grace", np.array([[3.0, 0.0, 0.0, 0.0], *np.zeros((4, 4))]))


def _head(batches: Batches, user: str, coefficients: np.ndarray) -> None:
    head = StoredHead(coefficients, 0.5, None).to_text()
    row = {"user_id": user, "base_model": "m/1", "version": "m/1+1", "head": head, "scores": "{}"}
    rows = [
        row | {"trained_at": NOW - timedelta(days=1), "promoted": False},
        row | {"trained_at": NOW, "promoted": True},
    ]
    batches.add(MOOD_HEADS, pa.Table.from_pylist(rows), now=NOW)
