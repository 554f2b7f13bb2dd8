"""The parts of the lake whose tracks Spark labels: row groups of audio features, in tasks of about the same size."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.domain.records import FEATURES
from mood_core.lake import Lake
from mood_core.lake.row_groups import RowGroup, read_row_group, row_groups
from mood_core.lake.schema import AUDIO_FEATURES, MOODS, TRACKS
from mood_core.spark.tables import create_view, loaded_paths
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.loading.ledger import entries

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import Row, SparkSession

_ROWS = 50_000
"""Rows of a task: small files share one, and a larger row group is one by itself."""

_DURATION = "duration_ms"


@dataclass(frozen=True, slots=True)
class Part:
    """A row group, without the tracks ``skipped``, and with ``durations`` that the source of its features lacks."""

    path: str
    number: int
    skipped: Collection[str] = ()
    durations: Mapping[str, int] | None = None

    def features(self, lake: Lake) -> Iterator[pa.RecordBatch]:
        """Its tracks with the features that they are labelled by."""
        columns = ["track_id", *FEATURES, "source"]
        skipped = pa.array(self.skipped, pa.string())
        for batch in read_row_group(lake, self.path, self.number, columns):
            wanted = batch.filter(pc.invert(pc.is_in(batch["track_id"], skipped))) if self.skipped else batch
            durations = self._with_known(wanted["track_id"], wanted[_DURATION])
            yield pa.RecordBatch.from_pydict(
                {
                    **{name: wanted[name] for name in ("track_id", *FEATURES)},
                    _DURATION: durations,
                    "feature_source": wanted["source"],
                }
            )

    def _with_known(self, ids: pa.Array, durations: pa.Array) -> pa.Array:
        if not self.durations or not durations.null_count:
            return durations
        known = pa.array([self.durations.get(each) for each in ids.to_pylist()], durations.type)
        return pc.coalesce(durations, known)


def parts_to_label(spark: SparkSession, lake: Lake, database: Database, version: str) -> RDD[Part]:
    """The parts with tracks that the model ``version`` has not labelled, a partition for each task.

    Spark compares the rows of the lake only if some need it: if some tracks have a label, features in two files or no
    duration. The driver knows that from the ledger and the footers of the files.
    """
    paths = loaded_paths(lake, database, AUDIO_FEATURES.name)
    groups = [group for path in paths for group in row_groups(lake, path, "track_id", frozenset({_DURATION}))]
    tasks = _tasks(groups)
    labels = [path for path in loaded_paths(lake, database, MOODS.name) if version in lake.model_versions(path)]
    if not (labels or any(group.incomplete for group in groups) or _has_repeated(database, paths)):
        plain = [[Part(group.path, group.number) for group in task] for task in tasks]
        return spark.sparkContext.parallelize(plain, len(plain) or 1).flatMap(list)
    create_view(spark, lake, AUDIO_FEATURES.name, paths)
    create_view(spark, lake, TRACKS.name, loaded_paths(lake, database, TRACKS.name))
    create_view(spark, lake, MOODS.name, labels)
    moods = spark.table(MOODS.name)
    moods.where(moods.model_version == version).createOrReplaceTempView("labelled")
    rows = [
        (number, group.path, group.path.rpartition("/")[2], group.number, group.first, group.last)
        for number, task in enumerate(tasks)
        for group in task
    ]
    columns = "task int, path string, batch string, number int, first string, last string"
    spark.createDataFrame(rows, columns).createOrReplaceTempView("parts")
    found = spark.sql(sql_file("spark", "parts_to_label").statement).rdd
    return found.map(_numbered).partitionBy(len(tasks) or 1, int).values()


def _numbered(row: Row) -> tuple[int, Part]:
    found: Any = row
    return found.task, Part(found.path, found.number, found.skipped or (), found.durations)


def _tasks(groups: Sequence[RowGroup]) -> list[list[RowGroup]]:
    tasks: list[list[RowGroup]] = []
    rows = _ROWS
    for group in groups:
        if rows + group.rows > _ROWS:
            tasks.append([])
            rows = 0
        tasks[-1].append(group)
        rows += group.rows
    return tasks


def _has_repeated(database: Database, paths: Sequence[str]) -> bool:
    """Whether the files at ``paths`` have more rows than SQL has tracks with features."""
    ledger = entries(database)
    return sum(ledger[path].row_count for path in paths) != int(database.scalar(query("count_features")))
