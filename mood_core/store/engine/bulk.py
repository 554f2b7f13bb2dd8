"""Inserts many rows with one statement: executemany on SQLite, COPY to a staging table on PostgreSQL.

Both run in the transaction of the given connection. In benchmarks, each was the fastest way to do so.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query

_STAGED = "SELECT * FROM staging"
_CHUNK = 50_000
_FEW = 200

_POSTGRESQL_TYPES = {
    pa.int8(): "smallint",
    pa.int32(): "bigint",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
}


def insert_rows(connection: Connection, statement: str, rows: pa.Table) -> int:
    """Run the named ``statement``, which inserts the columns of ``rows`` in their order from a table ``staging``.

    Rows are sent in chunks of 50,000, in constant memory. Returns the number of inserted or changed rows.
    """
    if rows.num_rows == 0:
        return 0
    sql = query(statement).text
    if connection.dialect.name == "postgresql":
        return _copy_and_insert(connection, sql, rows)
    return _execute_many(connection, sql, rows)


def insert_few_rows(connection: Connection, statement: str, rows: pa.Table) -> int:
    """Like :func:`insert_rows`, without a staging table for up to 200 rows of integers, which are faster without it."""
    if not 0 < rows.num_rows <= _FEW:
        return insert_rows(connection, statement, rows)
    return _execute_many(connection, query(statement).text, rows)


def _execute_many(connection: Connection, statement: str, rows: pa.Table) -> int:
    done = 0
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    values = f"VALUES ({', '.join([place] * rows.num_columns)})"
    sql = statement.replace(_STAGED, values)
    for chunk in rows.to_batches(max_chunksize=_CHUNK):
        if chunk.num_rows == 0:
            continue  # a part of a concatenated table; executemany refuses no rows
        columns = [column.to_pylist() for column in chunk.columns]
        done += connection.exec_driver_sql(sql, list(zip(*columns, strict=True))).rowcount
    return done


def _copy_and_insert(connection: Connection, statement: str, rows: pa.Table) -> int:
    names = ", ".join(rows.schema.names)
    types = ", ".join(f"{field.name} {_POSTGRESQL_TYPES[field.type]}" for field in rows.schema)
    connection.execute(query("create_staging", columns=types))
    _copy(connection, query("fill_staging", columns=names).text, rows)
    done = connection.exec_driver_sql(statement).rowcount
    connection.execute(query("drop_staging"))
    return done


def _copy(connection: Connection, sql: str, rows: pa.Table) -> None:
    driver: Any = connection.connection.cursor()
    options = csv.WriteOptions(include_header=False)
    with driver, driver.copy(sql) as copy:
        for chunk in rows.to_batches(max_chunksize=_CHUNK):
            sink = pa.BufferOutputStream()
            csv.write_csv(pa.Table.from_batches([chunk]), sink, options)
            copy.write(memoryview(sink.getvalue()))
