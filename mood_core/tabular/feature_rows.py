"""Streams a table of audio features as checked rows in one schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mood_core.domain.records import FEATURES
from mood_core.errors import InputError
from mood_core.tabular.cells import choose_id_column, feature_values, find_id_column, texts_of, track_ids
from mood_core.tabular.csv_reader import DamagedRows, csv_batches, csv_form
from mood_core.tabular.files import FileFormat, TableFile
from mood_core.tabular.parquet_reader import parquet_batches, parquet_columns
from mood_core.tabular.unit_checks import ColumnCheck, is_too_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mood_core.tabular.columns import Columns

TEXTS = ("isrc", "release_date")
"""Additional text columns of rows of features; both may be missing."""

LABELS = ("mood", "artist", "source", "isrc", "recording")
"""Additional text columns of labelled rows; all except the mood may be missing."""


@dataclass(slots=True)
class RowCounts:
    """Counts of a table's rows: ``read`` in total; rows ``without_id`` are dropped.

    ``unusable`` rows have an id and an invalid or missing value; ``damaged`` rows could not be read. ``notes`` describe
    missing columns, columns that are not read, and dropped optional values. ``called`` has the table's own name of
    each column.
    """

    read: int = 0
    unusable: int = 0
    without_id: int = 0
    damaged: DamagedRows = field(default_factory=DamagedRows)
    notes: list[str] = field(default_factory=list)
    called: Mapping[str, str] = field(default_factory=dict)


def feature_rows(
    file: TableFile, counts: RowCounts, at_byte: Callable[[int], None] = lambda _: None, *, labelled: bool = False
) -> Iterator[pa.RecordBatch]:
    """Batches of :func:`row_schema`, in file order; ``at_byte`` receives the position in the file.

    ``labelled``: the rows have a mood; rows without an id are kept.

    Raises:
        InputError: the file is invalid. This may be raised after the last batch, so use no row before the end.
    """
    columns, batches = _raw(file, counts, at_byte, labelled=labelled)
    counts.notes += columns.notes()
    check: ColumnCheck | None = None
    for batch in batches:
        if check is None:
            ids = find_id_column(batch, columns) if labelled else choose_id_column(batch, columns, file.location)
            counts.called = columns.of(ids)
            check = ColumnCheck(file.location, counts.called)
        cleaned = _clean(batch, counts.called, check, counts)
        rows = _with_texts(cleaned, batch, columns, labelled=labelled)
        yield rows if labelled else rows.filter(rows.column("track_id").is_valid())
    check = check or ColumnCheck(file.location, {})
    _judge_damage(file, counts)
    check.finish()
    counts.notes += check.notes()


def row_schema(*, labelled: bool = False) -> pa.Schema:
    """The schema of the rows: bare id, row number in the file, whether the features are valid, features, and texts."""
    import pyarrow as pa

    fields = [("track_id", pa.string()), ("row", pa.int64()), ("usable", pa.bool_())]
    texts = [(name, pa.string()) for name in _texts(labelled=labelled)]
    return pa.schema([*fields, *((name, pa.float64()) for name in FEATURES), *texts])


def _texts(*, labelled: bool) -> tuple[str, ...]:
    return LABELS if labelled else TEXTS


def _raw(
    file: TableFile, counts: RowCounts, at_byte: Callable[[int], None], *, labelled: bool
) -> tuple[Columns, Iterator[pa.RecordBatch]]:
    if file.format is FileFormat.CSV:
        form = csv_form(file, labelled=labelled)
        names = form.columns.all_names(labelled=labelled)
        return form.columns, csv_batches(file, form, counts.damaged, at_byte, names)
    columns = parquet_columns(file, labelled=labelled)
    return columns, parquet_batches(file, columns.all_names(labelled=labelled), at_byte)


def _clean(batch: pa.RecordBatch, names: Mapping[str, str], check: ColumnCheck, counts: RowCounts) -> pa.RecordBatch:
    import numpy as np
    import pyarrow as pa

    values = feature_values(batch, names, check)
    usable = check.add(values)
    ids = track_ids(batch.column(names["track_id"])) if "track_id" in names else pa.nulls(batch.num_rows, pa.string())
    rows = np.arange(counts.read, counts.read + batch.num_rows, dtype=np.int64)
    counts.read += batch.num_rows
    if ids is None:
        raise InputError(f"{check.file}: the column {names['track_id']!r} contains values that are not text; give text")
    counts.without_id += ids.null_count
    counts.unusable += int((~usable & np.asarray(ids.is_valid())).sum())
    arrays = [ids, pa.array(rows), pa.array(usable), *(_nullable(values.get(name), len(rows)) for name in FEATURES)]
    return pa.RecordBatch.from_arrays(arrays, names=row_schema().names[: len(arrays)])


def _with_texts(cleaned: pa.RecordBatch, batch: pa.RecordBatch, columns: Columns, *, labelled: bool) -> pa.RecordBatch:
    import pyarrow as pa

    named = {**columns.labels(), "release_date": columns.release_date}
    names = _texts(labelled=labelled)
    texts = [texts_of(batch.column(named[name])) if named[name] else pa.nulls(len(batch)) for name in names]
    return pa.RecordBatch.from_arrays(
        [*cleaned.columns, *(each.cast(pa.string()) for each in texts)], schema=row_schema(labelled=labelled)
    )


def _nullable(values: NDArray[np.float64] | None, rows: int) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(rows, pa.float64()) if values is None else pa.array(values, from_pandas=True)


def _judge_damage(file: TableFile, counts: RowCounts) -> None:
    damaged = counts.damaged
    if damaged.runaway or is_too_many(damaged.count, counts.read + damaged.count):
        where = f"row {damaged.row:,}: " if damaged.row else ""
        what = "a quote is not closed" if damaged.runaway else f"{damaged.count} rows have the wrong number of cells"
        raise InputError(
            f"{file.location}: {what}, first in {where}{damaged.example!r}; check the delimiter and close the quotes"
        )
