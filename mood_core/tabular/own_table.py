"""Recognises the tables that moodlog wrote by their columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

_LONGEST_HEADING = 10_000


def has_columns(path: Path, names: Sequence[str]) -> bool:
    """Whether the CSV or Parquet file ``path`` has exactly the columns ``names``, in this order.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEADING)
    if head.startswith(b"PAR1"):
        try:
            return bool(parquet.read_schema(path).names == list(names))
        except pa.ArrowException:
            return False
    return next(csv.reader(head.decode("utf-8", "replace").splitlines()[:1]), []) == list(names)
