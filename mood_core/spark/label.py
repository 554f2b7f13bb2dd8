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
from typing import TYPE_CHECKING

import pyarrow as pa

from mood_core.classifier.label_rows import label_batches
from mood_core.classifier.loading import RuntimeChoice
from mood_core.classifier.model_card import read_card
from mood_core.classifier.scoring import loaded_once
from mood_core.lake import Lake, open_lake
from mood_core.spark.parts import Part, parts_to_label
from mood_core.spark.session import SHORT_JAVA, spark_session
from mood_core.spark.tables import lake_url
from mood_core.store.engine.database import Database

if TYPE_CHECKING:
    from pyspark import RDD, SparkContext
    from pyspark.sql import SparkSession

    _Row = tuple[bytes, int]

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
        parts = parts_to_label(spark, lake, database, version)
        label = partial(label_parts, url=lake_url(lake), model=sent, labelled_at=labelled_at)
        for labels, read in _rows(spark.sparkContext, parts.mapPartitions(label)):
            yield pa.ipc.open_stream(labels).read_all(), read


def label_parts(
    parts: Iterable[Part], *, url: str, model: SentModel, labelled_at: datetime
) -> Iterator[tuple[bytes, int]]:
    """Label ``parts`` of the lake at ``url`` on a worker: streams of labels, each with its number of tracks."""
    lake, judge = open_lake(url), loaded_once(model.folder, model.runtime)
    for part in parts:
        for batch in part.features(lake):
            for labels in label_batches([batch], judge, labelled_at=labelled_at):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, labels.schema) as stream:
                    stream.write_batch(labels)
                yield sink.getvalue().to_pybytes(), batch.num_rows


def _send(spark: SparkSession, model: Path, runtime: RuntimeChoice, folder: Path) -> SentModel:
    archive = Path(shutil.make_archive(str(folder / "model"), "zip", model))
    name = f"moodlog-model-{folder.name}"
    spark.sparkContext.addArchive(f"{archive}#{name}")
    return SentModel(name, runtime)


def _rows(context: SparkContext, rows: RDD[_Row]) -> Iterator[_Row]:
    """The ``rows``, partition by partition, while the next ones are computed."""
    ahead = min(context.defaultParallelism + 1, _MOST_AHEAD)
    with ThreadPoolExecutor(ahead) as threads:
        try:
            waiting: deque[Future[list[_Row]]] = deque()
            for number in range(rows.getNumPartitions()):
                waiting.append(threads.submit(context.runJob, rows, list, [number]))
                if len(waiting) > ahead:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            context.cancelAllJobs()
