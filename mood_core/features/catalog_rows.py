"""A catalogue file as a checked stream of rows in one form, whatever it calls and writes things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mood_core.errors import InputError
from mood_core.features.catalog_check import ILLEGAL_SHARE, ColumnCheck
from mood_core.features.catalog_clean import choose_id_column, feature_values, track_ids
from mood_core.features.catalog_csv import DamagedRows, csv_batches, csv_form
from mood_core.features.catalog_files import CatalogFile, FileFormat
from mood_core.features.catalog_parquet import parquet_batches, parquet_columns
from mood_core.records import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mood_core.features.catalog_columns import Columns


@dataclass(slots=True)
class RowCounts:
    """What became of a file's rows: ``read`` in all, of which those ``without_id`` are left out.

    ``unusable`` ones have an id but lack a legal value; ``damaged`` ones could not even be read.
    """

    read: int = 0
    unusable: int = 0
    without_id: int = 0
    damaged: DamagedRows = field(default_factory=DamagedRows)


def clean_rows(file: CatalogFile, counts: RowCounts, at_byte: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """Batches of :func:`row_schema`, in file order; ``at_byte`` is told how far the reading is.

    Raises:
        InputError: the file is not what it should be; it may come after the last batch, so nothing is to be used
            before the stream has ended.
    """
    columns, batches = _raw(file, counts, at_byte)
    check: ColumnCheck | None = None
    id_column = ""
    for batch in batches:
        if check is None:
            id_column = choose_id_column(batch, columns, file.location)
            check = ColumnCheck(file.location, columns.of(id_column))
        yield _clean(batch, columns.of(id_column), check, counts)
    (check or ColumnCheck(file.location, {})).finish()
    _judge_damage(file, counts)


def row_schema() -> pa.Schema:
    """The form of the rows: the bare id, its row number in the file, whether all nine features are legal, the ten."""
    import pyarrow as pa

    fields = [("track_id", pa.string()), ("row", pa.int64()), ("usable", pa.bool_())]
    return pa.schema(fields + [(name, pa.float64()) for name in FEATURES])


def _raw(
    file: CatalogFile, counts: RowCounts, at_byte: Callable[[int], None]
) -> tuple[Columns, Iterator[pa.RecordBatch]]:
    if file.format is FileFormat.CSV:
        form = csv_form(file)
        return form.columns, csv_batches(file, form, counts.damaged, at_byte)
    columns = parquet_columns(file)
    return columns, parquet_batches(file, columns.all_names(), at_byte)


def _clean(batch: pa.RecordBatch, names: dict[str, str], check: ColumnCheck, counts: RowCounts) -> pa.RecordBatch:
    import numpy as np
    import pyarrow as pa

    values = feature_values(batch, names, check)
    usable = check.add(values)
    ids = track_ids(batch.column(names["track_id"]))
    rows = np.arange(counts.read, counts.read + batch.num_rows, dtype=np.int64)
    counts.read += batch.num_rows
    if ids is None:
        raise InputError(f"{check.file}: the column {names['track_id']!r} does not hold text throughout")
    counts.without_id += ids.null_count
    counts.unusable += int((~usable & np.asarray(ids.is_valid())).sum())
    arrays = [ids, pa.array(rows), pa.array(usable), *(_nullable(values.get(name), len(rows)) for name in FEATURES)]
    return pa.RecordBatch.from_arrays(arrays, schema=row_schema()).filter(ids.is_valid())


def _nullable(values: NDArray[np.float64] | None, rows: int) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(rows, pa.float64()) if values is None else pa.array(values, from_pandas=True)


def _judge_damage(file: CatalogFile, counts: RowCounts) -> None:
    damaged = counts.damaged
    if damaged.runaway or damaged.count > ILLEGAL_SHARE * (counts.read + damaged.count):
        raise InputError(
            f"{file.location}: {damaged.count} rows have the wrong number of cells, the first is {damaged.example!r};"
            " check the delimiter and the quotes"
        )
