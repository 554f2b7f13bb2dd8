"""The datasets of the lake as tables of Spark: the rows that are in SQL, and nothing else of the lake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import entries

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

_PATTERNS = re.compile(r"([\\{}\[\]*?])")


def loaded_paths(lake: Lake, database: Database, dataset: str) -> list[str]:
    """Paths of the batches of ``dataset`` that are in the ledger: none that a compacted file replaces."""
    ledger = entries(database)
    return [path for path in lake.paths(dataset) if path in ledger]


def create_view(spark: SparkSession, lake: Lake, dataset: str, paths: Sequence[str], name: str = "") -> None:
    """Make the files at ``paths`` a temporary view, by default with the name of the dataset.

    Its columns are those of the dataset and ``batch``, whose alphabetical order is that of the batches.
    """
    from pyspark.sql.functions import col, lit

    schema = _schema(dataset)
    if paths:
        files = spark.read.schema(schema).parquet(*(_address(lake, path) for path in paths))
        rows = files.withColumn("batch", col("_metadata.file_name"))
    else:
        rows = spark.createDataFrame([], schema).withColumn("batch", lit(""))
    rows.createOrReplaceTempView(name or dataset)


def _address(lake: Lake, path: str) -> str:
    """The address of a file for Hadoop, which names buckets by ``s3a`` and reads some characters as patterns."""
    return ("file://" if lake.is_local else "s3a://") + _PATTERNS.sub(r"\\\1", f"{lake.root}/{path}")


def _schema(dataset: str) -> StructType:
    from pyspark.sql.pandas.types import from_arrow_schema

    plain = [
        pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
        for field in DATASETS[dataset].schema
    ]
    return from_arrow_schema(pa.schema(plain))
