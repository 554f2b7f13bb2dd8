"""Copies a SQLite database at one point in time, while other programs write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from mood_core.errors import DatabaseDamaged, StoreBusy, StoreError
from mood_core.files.private import open_private
from mood_core.store.engine.named_queries import query

_WAIT_S = 60.0


def snapshot(source: Path, target: Path) -> None:
    """Copy the database file ``source`` to the new private file ``target`` and fsync it.

    The copy has everything that is committed, including the write-ahead log, and no remains of deleted rows.

    Raises:
        StoreBusy: Another program holds the database for longer than a minute.
        DatabaseDamaged: The database file is damaged.
        StoreError: The database cannot be read or the copy cannot be written.
    """
    # make_private_file needs hard links, which memory sticks do not have.
    open_private(target, new=True).close()
    try:
        with closing(sqlite3.connect(source, timeout=_WAIT_S, isolation_level=None)) as connection:
            connection.execute(query("vacuum_into").text, {"file": str(target)})
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise StoreBusy(f"another program holds {source}; try again in a minute") from error
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DatabaseDamaged(
            f"{source} is damaged ({error}); `moodlog rebuild` moves it away and makes it again"
        ) from error
    with target.open("rb") as copy:
        os.fsync(copy.fileno())
