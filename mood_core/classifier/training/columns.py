"""Reading a table of tracks whatever its columns are called: public data sets name the same things differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mood_core.errors import InputError
from mood_core.records import FEATURES
from mood_core.vectors import MAY_BE_MISSING

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

ALIASES = {
    "track_id": ("id", "track_id", "uri", "spotify_id"),
    "duration_ms": ("duration_ms", "length", "duration", "duration (ms)"),
    "artist": ("artist", "artists", "artist_name"),
    "mood": ("mood",),
}
"""The names under which a column is found, the first present one counting."""


def canonical_table(path: Path) -> pa.Table:
    """The columns ``mood``, the features and where present ``track_id`` and ``artist`` of a CSV or Parquet file.

    The table's metadata tell what the file calls each.

    Raises:
        InputError: the file is absent, unreadable or of another kind, a column is absent, or a value is no number.
    """
    try:
        return _canonical(_read(path), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} holds text that is not UTF-8; save it in UTF-8 or as Parquet") from error


def _canonical(table: pa.Table, path: Path) -> pa.Table:
    import pyarrow as pa

    columns, called = {}, {}
    for name in ("mood", *FEATURES, "track_id", "artist"):
        found = _find(table, name)
        if found is not None:
            called[name], column = found
            columns[name] = _numeric(column, called[name], path) if name in FEATURES else column
        elif name == "mood" or (name in FEATURES and name not in MAY_BE_MISSING):
            raise InputError(f"{path.name} lacks the column {name}; it needs mood and {', '.join(FEATURES[:-1])}")
    return pa.table(columns).replace_schema_metadata(called)


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not path.is_file():
        raise InputError(f"there is no file {path}; name a CSV or Parquet file of labelled tracks")
    try:
        if path.suffix.lower() == ".parquet":
            return _whole(parquet.read_table(path))
        if path.suffix.lower() == ".csv":
            return _whole(csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True)))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path.name} cannot be read ({reason}); give a CSV file in UTF-8 or a Parquet file"
        ) from error
    raise InputError(f"{path.name} is neither .csv nor .parquet; convert it first")


def _whole(table: pa.Table) -> pa.Table:
    table.validate(full=True)  # text in a Parquet file may be anything
    return table.rename_columns(table.column_names)  # and so may names, which are only looked at when asked for


def _find(table: pa.Table, name: str) -> tuple[str, pa.ChunkedArray] | None:
    """The column that holds ``name``, with what the file calls it."""
    names = [str(column).strip().lower() for column in table.column_names]
    for alias in ALIASES.get(name, (name,)):
        if alias in names:
            position = names.index(alias)
            return table.column_names[position], table.column(position)
    return None


def _numeric(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """The column as float64; text is taken where every value is a number."""
    import pyarrow as pa

    try:
        return column.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    for row, value in enumerate(column.to_pylist(), start=1):
        if value is not None and not _is_number(value):
            raise InputError(f"{path.name}, row {row}, column {name}: {value!r} is not a number; correct it")
    return pa.chunked_array([pa.array([None if v is None else float(v) for v in column.to_pylist()], pa.float64())])


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
