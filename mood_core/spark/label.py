"""Labels all tracks of the lake by Spark. The driver gets the labels partition by partition and writes them.

The labels travel as Arrow streams, one for each batch of features, and are not stored on the way: after a crash there
is nothing to clean up. Spark computes what a lost worker had done again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mood_core.classifier.label_rows import label_batches
from mood_core.classifier.loading import RuntimeChoice
from mood_core.classifier.model_card import read_card
from mood_core.classifier.scoring import loaded_once
from mood_core.lake import Lake
from mood_core.lake.schema import AUDIO_FEATURES, MOODS, TRACKS
from mood_core.spark.session import SHORT_JAVA, spark_session
from mood_core.spark.tables import create_view, loaded_paths
from mood_core.store.engine.database import Database
from mood_core.store.engine.sql_files import sql_file

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MOST_AHEAD = 16
"""Partitions that wait for the driver at most: a partition of a large file has a million labels, 60 MB."""


@dataclass(frozen=True, slots=True)
class SentModel:
    """A model folder on the workers: the name of the archive that Spark unpacks there, and what runs the model."""

    archive: str
    runtime: RuntimeChoice

    @property
    def folder(self) -> Path:
        """The unpacked folder on this worker."""
        from pyspark import SparkFiles

        return Path(SparkFiles.getRootDirectory()) / self.archive


def labelled_by_spark(
    master: str, lake: Lake, database: Database, model: Path, runtime: RuntimeChoice, *, labelled_at: datetime
) -> Iterator[tuple[pa.Table, int]]:
    """The labels of all tracks with features that the model in the folder ``model`` has not labelled.

    Yields tables of the dataset ``moods``, each with the number of tracks read for it. Reads the lake alone.

    Raises:
        ConfigError: Spark is not installed, or the cluster cannot be reached.
        ModelError: The model cannot be used.
        StoreError: Spark gives up.
    """
    version = read_card(model).model_version
    with spark_session(master, SHORT_JAVA) as spark, tempfile.TemporaryDirectory(prefix="moodlog-model-") as folder:
        sent = _send(spark, model, runtime, Path(folder))
        create_view(spark, lake, AUDIO_FEATURES.name, loaded_paths(lake, database, AUDIO_FEATURES.name))
        create_view(spark, lake, TRACKS.name, loaded_paths(lake, database, TRACKS.name))
        labels = [path for path in loaded_paths(lake, database, MOODS.name) if version in lake.model_versions(path)]
        create_view(spark, lake, MOODS.name, labels)
        moods = spark.table(MOODS.name)
        moods.where(moods.model_version == version).createOrReplaceTempView("labelled")
        features = spark.sql(sql_file("spark", "features_to_label").statement)
        packed = features.mapInArrow(
            partial(pack_labels, model=sent, labelled_at=labelled_at), "labels binary, read bigint"
        )
        for row in _rows(spark, packed):
            yield pa.ipc.open_stream(row.labels).read_all(), row.read


def pack_labels(
    batches: Iterable[pa.RecordBatch], *, model: SentModel, labelled_at: datetime
) -> Iterator[pa.RecordBatch]:
    """Label batches of features on a worker: a row for each, with its labels as a stream and its number of tracks."""
    judge = loaded_once(model.folder, model.runtime)
    for batch in batches:
        for labels in label_batches([batch], judge, labelled_at=labelled_at):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, labels.schema) as stream:
                stream.write_batch(labels)
            columns = [pa.array([sink.getvalue().to_pybytes()], pa.binary()), pa.array([batch.num_rows], pa.int64())]
            yield pa.RecordBatch.from_arrays(columns, ["labels", "read"])


def _send(spark: SparkSession, model: Path, runtime: RuntimeChoice, folder: Path) -> SentModel:
    archive = Path(shutil.make_archive(str(folder / "model"), "zip", model))
    name = f"moodlog-model-{folder.name}"
    spark.sparkContext.addArchive(f"{archive}#{name}")
    return SentModel(name, runtime)


def _rows(spark: SparkSession, frame: DataFrame) -> Iterator[Any]:
    """The rows of ``frame``, partition by partition, while the next ones are computed."""
    context = spark.sparkContext
    ahead = min(context.defaultParallelism + 1, _MOST_AHEAD)
    with ThreadPoolExecutor(ahead) as threads:
        try:
            rdd = frame.rdd
            waiting: deque[Future[list[Any]]] = deque()
            for number in range(rdd.getNumPartitions()):
                waiting.append(threads.submit(context.runJob, rdd, list, [number]))
                if len(waiting) > ahead:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            context.cancelAllJobs()
