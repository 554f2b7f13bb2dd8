"""Turns records into Arrow tables of their dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from mood_core.domain.records import User, to_ms
from mood_core.errors import BatchCorrupt
from mood_core.lake.schema import USERS, Dataset


def to_table(dataset: Dataset, records: Iterable[Any]) -> pa.Table:
    """A table in ``dataset``'s schema with a row for each record, whose attributes are named as the columns are.

    Raises:
        BatchCorrupt: A text cannot be written as Unicode, as one with a lone surrogate.
    """
    rows = list(records)
    return _table(dataset, {field.name: [getattr(row, field.name) for row in rows] for field in dataset.schema})


def users_table(users: Iterable[User], recorded_at: datetime) -> pa.Table:
    """The rows of ``users`` as recorded at ``recorded_at``. Raises as :func:`to_table`."""
    rows = list(users)
    given = {name: [getattr(row, name) for row in rows] for name in USERS.schema.names if name != "recorded_at"}
    return _table(USERS, {**given, "recorded_at": [recorded_at] * len(rows)})


def _table(dataset: Dataset, values: Mapping[str, list[Any]]) -> pa.Table:
    try:
        columns = [_column(field, values[field.name]) for field in dataset.schema]
    except UnicodeEncodeError as error:
        raise BatchCorrupt(f"rows of {dataset.name} hold text that is no Unicode; nothing of them was kept") from error
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


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
