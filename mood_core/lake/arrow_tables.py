"""Converts records to Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

import pyarrow as pa

from mood_core.domain.records import User, to_ms
from mood_core.errors import BatchCorrupt
from mood_core.lake.schema import USERS, Dataset


def to_table(dataset: Dataset, records: Iterable[Any]) -> pa.Table:
    """A table in ``dataset``'s schema with one row per record; attributes have the names of the columns.

    A nullable column that the records do not have is empty.

    Raises:
        BatchCorrupt: A text is not valid Unicode, such as a lone surrogate.
    """
    rows = list(records)
    return _table(dataset, {field.name: _values(rows, field.name, field.nullable) for field in dataset.schema})


def users_table(users: Iterable[User], recorded_at: datetime) -> pa.Table:
    """The rows of ``users`` as recorded at ``recorded_at``. Raises like :func:`to_table`."""
    rows = list(users)
    given = {name: [getattr(row, name) for row in rows] for name in USERS.schema.names if name != "recorded_at"}
    return _table(USERS, {**given, "recorded_at": [recorded_at] * len(rows)})


def _values(records: Iterable[Any], name: str, nullable: bool) -> list[Any]:
    return [getattr(record, name, None) for record in records] if nullable else list(map(attrgetter(name), records))


def _table(dataset: Dataset, values: Mapping[str, list[Any]]) -> pa.Table:
    try:
        columns = [_column(field, values[field.name]) for field in dataset.schema]
    except UnicodeEncodeError as error:
        raise BatchCorrupt(f"rows of {dataset.name} contain invalid Unicode; they were not stored") from error
    return pa.Table.from_arrays(columns, schema=dataset.schema)


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    if pa.types.is_timestamp(field.type):
        return pa.array([_ms(value) for value in values], pa.int64()).cast(field.type)
    if pa.types.is_dictionary(field.type):
        return pa.array(
            [None if value is None else str(value) for value in values], field.type.value_type
        ).dictionary_encode()
    if pa.types.is_list(field.type):
        return pa.array([list(value) for value in values], field.type)
    return pa.array(values, field.type)


def _ms(time: datetime | None) -> int | None:
    return None if time is None else to_ms(time)
