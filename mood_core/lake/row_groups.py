"""Row groups of batch files: the smallest parts of the lake that several processes can read independently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mood_core.lake.batch_files import readable

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from mood_core.lake.lake import Lake

_CHUNK = 50_000
_LARGEST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group of the file at ``path``: its rows, the ids from ``first`` to ``last``, and its columns with nulls."""

    path: str
    number: int
    rows: int
    first: str
    last: str
    incomplete: frozenset[str]


def row_groups(lake: Lake, path: str, key: str, columns: frozenset[str]) -> list[RowGroup]:
    """The row groups of the file at ``path``, from its footer alone: ``first`` and ``last`` are those of ``key``.

    ``incomplete`` are those of ``columns`` that have nulls, or may have some.

    Raises:
        BatchCorrupt: The file is missing or cannot be read.
    """
    with lake.opened(path) as parquet:
        return [_row_group(path, number, parquet, key, columns) for number in range(parquet.metadata.num_row_groups)]


def read_row_group(lake: Lake, path: str, number: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The ``columns`` of a row group in batches of up to 50,000 rows; dictionaries are decoded.

    Raises:
        BatchCorrupt: The file is missing, or a page is damaged.
    """
    with lake.opened(path) as parquet, readable(path):
        for batch in parquet.iter_batches(_CHUNK, row_groups=[number], columns=columns):
            rows = pa.Table.from_batches([batch])
            kinds = [
                field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in rows.schema
            ]
            schema = pa.schema(list(zip(rows.schema.names, kinds, strict=True)))
            yield from rows.cast(schema).select(columns).combine_chunks().to_batches()


def _row_group(path: str, number: int, parquet: pq.ParquetFile, key: str, columns: frozenset[str]) -> RowGroup:
    group = parquet.metadata.row_group(number)
    statistics: dict[str, Any] = {}
    for place in range(group.num_columns):
        column = group.column(place)
        statistics[column.path_in_schema] = column.statistics
    found = statistics.get(key)
    first, last = (found.min, found.max) if found is not None and found.has_min_max else ("", _LARGEST)
    complete = {name for name, each in statistics.items() if each is not None and each.null_count == 0}
    return RowGroup(path, number, group.num_rows, first, last, columns - complete)
