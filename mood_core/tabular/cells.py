"""Converts a file's columns to bare Spotify ids and float64 features. Pure except for the counts of the check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mood_core.domain.records import FEATURES
from mood_core.domain.spotify_ids import ID_PATTERN, TRACK_PATTERN
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mood_core.tabular.columns import Columns
    from mood_core.tabular.unit_checks import ColumnCheck


def find_id_column(batch: pa.RecordBatch, columns: Columns) -> str | None:
    """The first of the id columns whose filled cells in ``batch`` are mostly Spotify ids; None without one.

    Cells without an id do not count: a collection of several sources has ids for some of them only.
    """
    import pyarrow.compute as pc

    for name in columns.ids:
        text = as_text(batch.column(name))
        filled = 0 if text is None else pc.sum(pc.not_equal(pc.utf8_trim_whitespace(text), "")).as_py() or 0
        ids = track_ids(batch.column(name))
        if ids is not None and (pc.count(ids).as_py() or 0) * 2 > filled:
            return name
    return None


def choose_id_column(batch: pa.RecordBatch, columns: Columns, file: str) -> str:
    """Like :func:`find_id_column`.

    Raises:
        InputError: no column has Spotify ids; the message names a column and an example.
    """
    if (found := find_id_column(batch, columns)) is not None:
        return found
    name = columns.ids[0]
    example = next((value for value in batch.column(name).slice(0, 100).to_pylist() if value is not None), "nothing")
    raise InputError(
        f"{file}: the column {name!r} contains {str(example)[:60]!r}, which is not a Spotify track id, URI or URL"
    )


def track_ids(column: pa.Array) -> pa.Array | None:
    """The bare Spotify ids in ``column`` (ids, URIs or URLs), null for other text; None if the column is not text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = as_text(column)
    return None if text is None else pc.struct_field(pc.extract_regex(text, TRACK_PATTERN), "id").cast(pa.string())


def as_text(column: pa.Array) -> pa.Array | None:
    """``column`` as strings if it has any of Arrow's text types, otherwise None."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return column.cast(pa.string()) if textual else None


def feature_values(
    batch: pa.RecordBatch, names: Mapping[str, str], check: ColumnCheck
) -> dict[str, NDArray[np.float64]]:
    """The features of ``batch`` by moodlog's names, (n,) float64 each; NaN for missing values and text.

    Raises:
        InputError: a column is neither numbers nor text.
    """
    return {name: _numbers(batch.column(names[name]), name, names[name], check) for name in FEATURES if name in names}


def _numbers(column: pa.Array, name: str, own_name: str, check: ColumnCheck) -> NDArray[np.float64]:
    import numpy as np
    import pyarrow as pa

    text = as_text(column)
    if text is not None:
        column = _parsed(text, name, check)
    if not _numeric(column.type):
        raise InputError(f"{check.file}: the column {own_name!r} has {column.type} values; give numbers")
    values: NDArray[np.float64] = np.asarray(
        column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
    )
    return values


def _parsed(text: pa.Array, name: str, check: ColumnCheck) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(text)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        numeric = pc.match_substring_regex(trimmed, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$")
        wrong = trimmed.filter(pc.invert(pc.fill_null(numeric, fill_value=True)))
        check.not_a_number(name, len(wrong), wrong[0].as_py())
        # Arrow does not parse a leading plus sign.
        plain = pc.utf8_ltrim(pc.if_else(numeric, trimmed, pa.scalar(None, pa.string())), "+")
        return plain.cast(pa.float64())


def _numeric(kind: Any) -> bool:
    import pyarrow as pa

    return is_plain_number(kind) or bool(pa.types.is_decimal(kind) or pa.types.is_null(kind))


def is_bare(column: pa.Array) -> bool:
    """Whether a column is text and every value is a bare Spotify id or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return plain and pc.all(pc.match_substring_regex(column, f"^{ID_PATTERN}$")).as_py() is not False


def is_plain_number(kind: pa.DataType) -> bool:
    """Whether values of this type convert to Python numbers."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def texts_of(column: pa.Array) -> pa.Array:
    """``column`` of any type as trimmed text; the first item of lists, null for empty values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        values = [None if not value else str(value[0]) for value in column.to_pylist()]
        column = pa.array(values, pa.string())
    text = as_text(column)
    if text is None:
        text = pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    trimmed = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
