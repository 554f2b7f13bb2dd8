"""Writes all data of a person into one zip file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa

from mood_core.drafts import draft_of, publish_new, sweep_beside
from mood_core.errors import InputError
from mood_core.private_files import open_private


def _json(rows: pa.Table) -> bytes:
    return (json.dumps(rows.to_pylist(), ensure_ascii=False, indent=1, default=str) + "\n").encode()


def _csv(rows: pa.Table) -> bytes:
    """The rows for a spreadsheet: text that it would take for a formula gets an apostrophe before it."""
    from pyarrow import csv

    nulls = [pa.types.is_null(field.type) for field in rows.schema]
    kinds = [pa.string() if null else field.type for null, field in zip(nulls, rows.schema, strict=True)]
    target = io.BytesIO()
    typed = rows.cast(pa.schema(list(zip(rows.column_names, kinds, strict=True))))
    csv.write_csv(pa.table(dict(zip(typed.column_names, map(_no_formula, typed.columns), strict=True))), target)
    return target.getvalue()


def _no_formula(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Titles come from whoever uploads a track, and spreadsheets run what begins with one of these signs."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(column, r"^([=+\-@\t\r])", r"'\1") if pa.types.is_string(column.type) else column


def _parquet(rows: pa.Table) -> bytes:
    from pyarrow import parquet

    target = io.BytesIO()
    parquet.write_table(rows, target, compression="zstd")
    return target.getvalue()


FORMATS: Mapping[str, Callable[[pa.Table], bytes]] = MappingProxyType({"json": _json, "csv": _csv, "parquet": _parquet})
"""How a table becomes a file, by the file's suffix."""


def export_person(tables: Mapping[str, pa.Table], target: Path, kind: str) -> dict[str, int]:
    """Write ``tables`` as files of ``kind`` into the new zip ``target``; returns how many rows each has.

    The zip appears whole or not at all, and only its owner can read it.

    Raises:
        InputError: ``target`` exists, or cannot be written.
    """
    if not target.name or target.is_dir():
        raise InputError(f"{target} is a folder; name a file with --output")
    sweep_beside(target)
    fresh = draft_of(target)
    try:
        try:
            with open_private(fresh) as file, ZipFile(file, "w", ZIP_DEFLATED) as zipped:
                for name, rows in tables.items():
                    zipped.writestr(f"{name}.{kind}", FORMATS[kind](rows))
            publish_new(fresh, target)
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise InputError(f"{target} exists; name another file with --output") from None
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}; name another file with --output") from error
    return {name: rows.num_rows for name, rows in tables.items()}
