"""The datasets of the lake as tables of Spark: the rows that are in SQL, and nothing else of the lake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import entries

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PATTERNS = re.compile(r"([\\{}\[\]*?])")
_MOST_TASKS = 200
"""Tasks that read one dataset from S3 at most: a lake may have thousands of nightly files."""


def loaded_paths(lake: Lake, database: Database, dataset: str) -> list[str]:
    """Paths of the batches of ``dataset`` that are in the ledger: none that a compacted file replaces."""
    ledger = entries(database)
    return [path for path in lake.paths(dataset) if path in ledger]


def lake_url(lake: Lake) -> str:
    """Where a worker opens ``lake``."""
    return lake.root if lake.is_local else f"s3://{lake.root}"


def create_view(spark: SparkSession, lake: Lake, dataset: str, paths: Sequence[str], name: str = "") -> None:
    """Make the files at ``paths`` a temporary view, by default with the name of the dataset.

    Its columns are those of the dataset and ``batch``, whose alphabetical order is that of the batches.
    """
    from pyspark.sql.functions import col, lit
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(spark_schema(dataset))
    if not paths:
        # From Arrow: Spark then knows that the table is empty, and omits joins with it.
        rows = spark.createDataFrame(spark_schema(dataset).empty_table(), schema).withColumn("batch", lit(""))
    elif lake.is_local:
        files = spark.read.schema(schema).parquet(*(_address(lake, path) for path in paths))
        rows = files.withColumn("batch", col("_metadata.file_name"))
    else:
        rows = _from_s3(spark, lake, dataset, paths)
    rows.createOrReplaceTempView(name or dataset)


def read_files(batches: Iterable[pa.RecordBatch], *, url: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read the files of the lake at ``url`` whose paths are in the column ``path``, on a worker.

    ``schema`` has the columns of the dataset in the types of Spark, and ``batch``.
    """
    lake = open_lake(url)
    for path in (path for batch in batches for path in batch.column("path").to_pylist()):
        _, tables = lake.stream(path)
        for table in tables:
            file_name = pa.repeat(path.rpartition("/")[2], table.num_rows)
            yield from table.append_column("batch", file_name).select(schema.names).cast(schema).to_batches()


def _from_s3(spark: SparkSession, lake: Lake, dataset: str, paths: Sequence[str]) -> DataFrame:
    """The rows of files that PyArrow reads, with the keys in the environment of the workers; needs no `hadoop-aws`."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = spark_schema(dataset).append(pa.field("batch", pa.string()))
    slices = spark.sparkContext.parallelize([(path,) for path in paths], min(len(paths), _MOST_TASKS))
    read = partial(read_files, url=lake_url(lake), schema=schema)
    return spark.createDataFrame(slices, "path string").mapInArrow(read, from_arrow_schema(schema))


def _address(lake: Lake, path: str) -> str:
    """The address of a local file for Hadoop, which reads some characters as patterns."""
    return "file://" + _PATTERNS.sub(r"\\\1", f"{lake.root}/{path}")


def spark_schema(dataset: str) -> pa.Schema:
    """The columns of ``dataset`` in types that Spark has: no dictionaries, and times in microseconds."""
    return pa.schema([pa.field(field.name, _spark_type(field.type)) for field in DATASETS[dataset].schema])


def _spark_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind
