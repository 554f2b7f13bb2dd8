"""Everything SQL knows of one person, for them to take along. Tokens stay: they open an account."""

from __future__ import annotations

import pyarrow as pa
from sqlalchemy import text

from mood_core.store.database import Database
from mood_core.store.sql_files import sql_file

_PARTS = ("person", "listens", "gaps", "plays_by_name", "imports")


def personal_rows(database: Database, user_id: str) -> dict[str, pa.Table]:
    """The ``person``, their ``listens`` with track and mood, their ``gaps``, and what they imported, all of one moment.

    ``plays_by_name`` are the plays that an export named by artist and title alone, ``imports`` the exports themselves.

    Raises:
        StoreError: The database cannot be read.
    """
    found = {}
    with database.read() as connection:
        for name in _PARTS:
            result = connection.execute(text(sql_file("export", name).text), {"id": user_id})
            names = list(result.keys())
            columns = list(zip(*result, strict=True)) or [()] * len(names)
            found[name] = pa.table(dict(zip(names, map(pa.array, columns), strict=True)))
    return found
