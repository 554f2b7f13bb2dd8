"""Immutable Parquet batch files, one dataset each, on a local disk or on S3."""

from mood_core.lake.batch_files import BatchFile
from mood_core.lake.lake import Lake, open_lake

__all__ = ["BatchFile", "Lake", "open_lake"]
