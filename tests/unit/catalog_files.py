"""Files of features as tests write them, and a look into them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from mood_core.domain.records import AudioFeatures
from mood_core.features.catalog.source import CatalogSource
from tests.unit.features_fakes import AT, VALUES, track_id, tracks

Row = dict[str, Any]


ROWS: list[Row] = [{"id": track_id(n), **VALUES, "energy": 0.01 * n, "duration_ms": 180_000 + n} for n in range(1, 61)]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(list(map(dict, rows))), path)
    return path


WRITERS: list[Callable[[Path, Sequence[Mapping[str, Any]]], Path]] = [write_csv, write_parquet]


either_format = pytest.mark.parametrize("write", WRITERS)


def look_up(*locations: Path | str, numbers: Sequence[int] = range(1, 61), cache: Path) -> dict[str, AudioFeatures]:
    source = CatalogSource([str(location) for location in locations], cache)
    wanted = [track for track in tracks(max(numbers) + 1) if int(track.track_id) in numbers]
    return {each.track_id: each for each in source.fetch(wanted, AT).found}


def changed(**columns: Any) -> list[Row]:
    """The rows with some columns replaced: a value, or a function of the old one."""
    return [
        {**row, **{name: new(row.get(name)) if callable(new) else new for name, new in columns.items()}} for row in ROWS
    ]


def renamed(**names: str) -> list[Row]:
    return [{names.get(name, name): value for name, value in row.items()} for row in ROWS]
