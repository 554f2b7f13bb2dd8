"""Writes all data of a person into one zip file, a few thousand rows at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import InputError
from mood_core.files.atomic import publish_new, sweep_temporary, temporary_path
from mood_core.files.private import open_private
from mood_core.lake import Lake
from mood_core.lake.schema import USERS
from mood_core.usecases.spreadsheet import without_formulas

Rows = Callable[[], Iterator[pa.Table]]
"""Reads the rows of one part from the first one, in tables of limited size; at least one table, which may be empty."""


_as_lines = json.JSONEncoder(ensure_ascii=False, default=str, separators=("\n", ": ")).encode
"""Encodes a list of single values with one on each line: JSON has no line breaks inside of values."""


def _json(rows: Rows, target: IO[bytes]) -> int:
    """Write one array with an object on each line; returns the number of rows."""
    count = 0
    for table in rows():
        if table.num_rows:
            target.write(b",\n" if count else b"[\n")
            target.write(_json_lines(table))
            count += table.num_rows
    target.write(b"\n]\n" if count else b"[]\n")
    return count


def _json_lines(table: pa.Table) -> pa.Buffer:
    """An object on each line. Arrow joins the values, as Python would take several times as long for each."""
    parts: list[pa.Array | str] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        # Only different values are encoded.
        coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        texts = _as_lines(coded.dictionary.to_pylist())[1:-1].split("\n")
        before = ", " if parts else "{"
        parts += [f"{before}{json.dumps(name)}: ", pa.array(texts, pa.string()).take(coded.indices)]
    lines = pc.binary_join_element_wise(*parts, "}", "")
    return pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), ",\n")[0].as_buffer()


def _csv(rows: Rows, target: IO[bytes]) -> int:
    """Write rows for a spreadsheet; text that it would take for a formula gets an apostrophe before it."""
    from pyarrow import csv

    schema = _schema(rows, null_as=pa.string())
    with csv.CSVWriter(target, schema) as writer:
        return _write(rows, schema, lambda table: writer.write_table(without_formulas(table)))


def _parquet(rows: Rows, target: IO[bytes]) -> int:
    from pyarrow import parquet

    schema = _schema(rows, null_as=pa.null())
    with parquet.ParquetWriter(_Counted(target), schema, compression="zstd") as writer:
        return _write(rows, schema, writer.write_table)


def _schema(rows: Rows, *, null_as: pa.DataType) -> pa.Schema:
    """The types of all rows: those of a single table may be narrower, for example where all its values are missing."""
    schema = pa.schema([])
    for table in rows():
        schema = pa.unify_schemas([schema, table.schema], promote_options="permissive")
    return pa.schema([(field.name, null_as if pa.types.is_null(field.type) else field.type) for field in schema])


def _write(rows: Rows, schema: pa.Schema, write: Callable[[pa.Table], None]) -> int:
    count = 0
    for table in rows():
        count += table.num_rows
        if table.num_rows:
            write(table.cast(schema))
    return count


class _Counted(io.RawIOBase):
    """A member of a zip as Parquet's writer wants it: it asks for the position, which a member does not have."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target, self._position = target, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._target.write(data)
        self._position += size
        return size

    def tell(self) -> int:
        return self._position


FORMATS: Mapping[str, Callable[[Rows, IO[bytes]], int]] = MappingProxyType(
    {"json": _json, "csv": _csv, "parquet": _parquet}
)
"""How rows become a file, by the file's suffix; each returns the number of rows."""


def earlier_names(lake: Lake, user_id: str) -> Iterator[pa.Table]:
    """Every row of the person in the lake's dataset ``users``: SQL has the newest alone. One table at least.

    Raises:
        BatchCorrupt: A file cannot be read.
    """
    yield USERS.schema.empty_table()
    for path in lake.paths(USERS.name):
        for rows in lake.stream(path)[1]:
            yield rows.filter(pc.equal(rows["user_id"], user_id))


def export_person(parts: Mapping[str, Rows], target: Path, kind: str) -> dict[str, int]:
    """Write ``parts`` as files of ``kind`` into the new zip ``target``; returns how many rows each has.

    The zip appears whole or not at all, and only its owner can read it.

    Raises:
        InputError: ``target`` exists, or cannot be written.
    """
    if not target.name or target.is_dir():
        raise InputError(f"{target} is a folder; name a file with --output")
    sweep_temporary(target)
    fresh = temporary_path(target)
    try:
        try:
            counts = _write_zip(parts, fresh, kind)
            publish_new(fresh, target)
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise InputError(f"{target} exists; name another file with --output") from None
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}; name another file with --output") from error
    return counts


def _write_zip(parts: Mapping[str, Rows], path: Path, kind: str) -> dict[str, int]:
    counts = {}
    # The default level, 6, takes twice the time for files that are a fifth smaller.
    with open_private(path) as file, ZipFile(file, "w", ZIP_DEFLATED, compresslevel=3) as zipped:
        for name, rows in parts.items():
            with zipped.open(f"{name}.{kind}", "w", force_zip64=True) as member:
                counts[name] = FORMATS[kind](rows, member)
    return counts
