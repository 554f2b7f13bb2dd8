"""Statistics over all people by Spark: the numbers of the views in SQL, counted from the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mood_core.domain.head_text import read_head
from mood_core.domain.moods import label
from mood_core.domain.personal_head import apply_head
from mood_core.domain.records import MOODS
from mood_core.lake import Lake
from mood_core.spark.session import SHORT_JAVA, spark_session
from mood_core.spark.tables import create_view, loaded_paths
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.loading.ledger import entries
from mood_core.store.loading.time_zones import offset_periods
from mood_core.store.loading.tombstones import person_hash
from mood_core.store.queries.mood_rows import current_version

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STATISTICS = ("mood_weekly_everybody", "mood_by_hour_everybody", "feature_coverage")
"""The statistics: by week, by hour of the day, and by feature source."""

_READ = ("forgotten", "users", "listens", "audio_features", "estimated_features", "moods", "mood_answers", "mood_heads")
_VIEWS = ("people", "heard", "labels", "answered", "sources")
_OWN = "user_id string, track_id string, mood string"


def statistics_by_spark(master: str, lake: Lake, database: Database) -> dict[str, pa.Table]:
    """Each of :data:`STATISTICS`, in the columns and the order of the views.

    The rows are those that SQL has: of batches in the ledger, of people who were not forgotten, each listen once. A
    person's time zone decides the week and the hour, and their own label replaces that of the current model.

    Raises:
        ConfigError: Spark is not installed, or the cluster cannot be reached.
        StoreError: Spark gives up.
    """
    with spark_session(master, SHORT_JAVA) as spark:
        create_views(spark, lake, database)
        _keep(spark, "listen_counts")
        return {name: _run(spark, name).toArrow() for name in STATISTICS}


def create_views(spark: SparkSession, lake: Lake, database: Database) -> None:
    """Make the rows of the lake that count, and what is known about them, temporary views for the statements."""
    stored = int(database.scalar(query("count_stored_listens")))  # before the files: a pull may add to both meanwhile
    for name in _READ:
        create_view(spark, lake, name, loaded_paths(lake, database, name))
    spark.udf.register("person_hash", person_hash)
    versions = pa.array([current_version(database, estimated=estimated) for estimated in (False, True)], pa.string())
    # From Arrow: Spark then knows that the table is small, and does not send all labels to one task to join them.
    models = spark.createDataFrame(pa.table({"model_version": versions, "estimated": [False, True]}))
    models.createOrReplaceTempView("current_models")
    _keep(spark, "kept_out")
    for name in _VIEWS:
        _run(spark, name).createOrReplaceTempView(name)
    _periods(spark).createOrReplaceTempView("utc_periods")
    _run(spark, "utc_offsets").createOrReplaceTempView("utc_offsets")
    own_labels = spark.table("answered")
    if _keep(spark, "heads"):
        own_labels = own_labels.unionByName(_run(spark, "labels_to_map").mapInArrow(map_by_heads, _OWN))
    own_labels.createOrReplaceTempView("own_labels")
    # As many listens as in SQL: none is repeated or of a forgotten person.
    once = spark.table("heard") if _listens_in(lake, database) == stored else _run(spark, "once")
    once.createOrReplaceTempView("once")


def map_by_heads(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The moods of tracks by the personal heads of people, as ``store/loading/head_labels.py`` finds them.

    Takes the columns ``user_id``, ``track_id``, ``p_calm`` to ``p_sad`` and ``head``; gives the first two and ``mood``.
    """
    for batch in batches:
        heads, places = np.unique(np.array(batch.column("head").to_pylist(), object), return_inverse=True)
        chances = np.stack([np.asarray(batch.column(f"p_{mood.lower()}"), np.float64) for mood in MOODS], axis=1)
        moods = np.empty(batch.num_rows, np.int8)
        for place, text in enumerate(heads):
            head, rows = read_head(text), places == place
            found = apply_head(head.coefficients, chances[rows])
            moods[rows] = label(found, head.threshold, head.set_thresholds).mood
        names = pa.array([MOODS[mood] for mood in moods], pa.string())
        yield pa.RecordBatch.from_pydict({"user_id": batch["user_id"], "track_id": batch["track_id"], "mood": names})


def _listens_in(lake: Lake, database: Database) -> int:
    """The number of listens in the lake, repeated ones too."""
    ledger = entries(database)
    return sum(ledger[path].row_count for path in loaded_paths(lake, database, "listens"))


def _periods(spark: SparkSession) -> DataFrame:
    """The offsets from UTC of people's time zones, as they are stored in SQL."""
    zones = {row.timezone for row in spark.table("people").select("timezone").distinct().collect()} | {"UTC"}
    rows = [(zone, *period) for zone in sorted(zones) for period in offset_periods(zone)]
    return spark.createDataFrame(rows, "timezone string, starts_at_ms bigint, ends_at_ms bigint, offset_s bigint")


def _keep(spark: SparkSession, name: str) -> int:
    """Compute a view of few rows now; returns their number. Spark omits joins with what it knows to be empty."""
    rows: pa.Table = _run(spark, name).toArrow()
    spark.createDataFrame(rows).createOrReplaceTempView(name)
    return int(rows.num_rows)


def _run(spark: SparkSession, name: str) -> DataFrame:
    return spark.sql(sql_file("spark", name).statement)
