"""Turns records into Arrow tables of their dataset."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from mood_core.records import User, to_ms
from mood_core.schema import USERS, Dataset


def to_table(dataset: Dataset, records: Iterable[Any]) -> pa.Table:
    """A table in ``dataset``'s schema with a row for each record, whose attributes are named as the columns are."""
    rows = list(records)
    columns = [_column(field, [getattr(row, field.name) for row in rows]) for field in dataset.schema]
    return pa.Table.from_arrays(columns, schema=dataset.schema)


def users_table(users: Iterable[User], recorded_at: datetime) -> pa.Table:
    """The rows of ``users`` as recorded at ``recorded_at``."""
    rows = list(users)
    columns = [
        _column(field, [recorded_at if field.name == "recorded_at" else getattr(row, field.name) for row in rows])
        for field in USERS.schema
    ]
    return pa.Table.from_arrays(columns, schema=USERS.schema)


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    if pa.types.is_timestamp(field.type):
        return pa.array([_ms(value) for value in values], pa.int64()).cast(field.type)
    if pa.types.is_dictionary(field.type):
        return pa.array([str(value) for value in values], field.type.value_type).dictionary_encode()
    if pa.types.is_list(field.type):
        return pa.array([list(value) for value in values], field.type)
    return pa.array(values, field.type)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
