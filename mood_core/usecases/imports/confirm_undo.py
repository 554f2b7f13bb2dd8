"""Compares what SQL and the lake have of one person, row by row, without reading the files of others."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import StoreError
from mood_core.lake import Lake
from mood_core.lake.schema import LISTENS, NAMED_PLAYS, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import entries
from mood_core.store.queries.import_records import keys_of_person


def check_person(user_id: str, lake: Lake, database: Database) -> None:
    """Check that SQL and the files in its ledger have the same listens and plays by name of ``user_id``.

    Raises:
        BatchCorrupt: A file cannot be read.
        StoreError: They differ.
    """
    with database.read() as connection:  # one snapshot, because runs for other people continue to load
        ledger = entries(connection)
        stored = {dataset: keys_of_person(connection, dataset.name, user_id) for dataset in (LISTENS, NAMED_PLAYS)}
    for dataset, rows in stored.items():
        key = [name for name in dataset.key if name != "user_id"]
        paths = [path for path in lake.paths(dataset.name) if path in ledger and user_id in lake.people(path)]
        in_lake = _in_lake(dataset, key, user_id, lake, paths)
        in_sql = pa.Table.from_arrays(_columns(rows, in_lake.schema), schema=in_lake.schema)
        if not _sorted(in_lake).equals(_sorted(in_sql)):
            raise StoreError(
                f"{dataset.name} of {user_id}: the rows differ between SQL ({len(rows):,}) and the lake "
                f"({in_lake.num_rows:,}); run `moodlog verify --deep` for all findings"
            )


def _in_lake(dataset: Dataset, key: Sequence[str], user_id: str, lake: Lake, paths: Sequence[str]) -> pa.Table:
    """The distinct keys of the person's rows in the files ``paths``, times in ms since 1970."""
    fields = [pa.field(name, pa.string()) for name in key]
    for place, name in enumerate(key):
        if not pa.types.is_string(dataset.schema.field(name).type) and name != "track_id":
            fields[place] = pa.field(name, pa.int64())
    schema = pa.schema(fields)
    tables = [schema.empty_table()]
    for path in paths:
        _, rows = lake.read(path)
        theirs = rows.filter(pc.equal(rows["user_id"].cast(pa.string()), user_id))
        columns = [theirs[field.name].cast(field.type) for field in fields]
        tables.append(pa.Table.from_arrays(columns, schema=schema))
    return pa.concat_tables(tables).group_by(list(key)).aggregate([]).cast(schema)


def _columns(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> list[pa.Array]:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in rows.schema.names]).combine_chunks()
