"""The audio features of a table as a matrix for the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import MAY_BE_MISSING, legal
from mood_core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def feature_matrix(table: pa.Table | pa.RecordBatch) -> NDArray[np.float32]:
    """Return the features of ``table`` as an (n, 10) float32 matrix with columns in the order of ``FEATURES``.

    Nulls and invalid durations (0, negative, seconds) become NaN; without a ``duration_ms`` column its values are NaN.
    Other columns are ignored.

    Raises:
        InputError: one of the other nine columns is absent or not numeric, or a column occurs twice.
    """
    names = table.schema.names
    matrix = np.empty((table.num_rows, len(FEATURES)), dtype=np.float32)
    for position, name in enumerate(FEATURES):
        if names.count(name) > 1:
            raise InputError(f"the column {name} occurs {names.count(name)} times; remove all but one")
        if name in names:
            values = _column(table, name)
            matrix[:, position] = np.where(legal(values, name), values, np.nan) if name in MAY_BE_MISSING else values
        elif name in MAY_BE_MISSING:
            matrix[:, position] = np.nan
        else:
            raise InputError(f"the audio features lack the column {name}; give all of {', '.join(FEATURES[:-1])}")
    return matrix


def _column(table: pa.Table | pa.RecordBatch, name: str) -> NDArray[np.float32]:
    column = table.column(name)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan, dtype=np.float32)
    if pa.types.is_decimal(column.type):
        column = column.cast("float64")
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise InputError(f"the column {name} holds {column.type}, not numbers; convert it before labelling")
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    with np.errstate(over="ignore"):  # NumPy converts too large numbers to infinity, Arrow fails
        return np.concatenate([np.empty(0, np.float32), *(_values(chunk).astype(np.float32) for chunk in chunks)])


def _values(chunk: pa.Array) -> NDArray[Any]:
    """The numbers of ``chunk``, NaN for null.

    ``to_numpy`` and ``to_pandas_dtype`` import pandas, the second one in PyArrow 22 even if it is not installed.
    """
    if not len(chunk):
        return np.empty(0)
    if chunk.null_count:
        chunk = chunk.cast("float64", safe=False).fill_null(np.nan)
    letter = "f" if pa.types.is_floating(chunk.type) else "u" if pa.types.is_unsigned_integer(chunk.type) else "i"
    kind = np.dtype(f"{letter}{chunk.type.bit_width // 8}")
    return np.frombuffer(chunk.buffers()[1], kind)[chunk.offset : chunk.offset + len(chunk)]
