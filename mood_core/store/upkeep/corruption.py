"""Damaged SQLite files: finds them, moves them away, and reads the data that only they have."""

from __future__ import annotations

import glob
from datetime import datetime
from pathlib import Path

from mood_core.errors import DatabaseDamaged, StoreError
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.named_queries import query
from mood_core.store.upkeep.rebuilding import Kept, kept_rows

_PARTS = ("", "-wal", "-shm")


_QUICK_BYTES = 128 * 2**20
"""A file of this size is checked in less than a second of CPU."""


def is_checked_quickly(database: Database) -> bool:
    """Whether :func:`check_pages` takes less than a second."""
    return database.file is not None and database.file.stat().st_size <= _QUICK_BYTES


def check_pages(database: Database) -> None:
    """Read every page of a SQLite file; does nothing on PostgreSQL.

    Raises:
        DatabaseDamaged: A page is damaged.
        StoreError: The database cannot be read at all.
    """
    if database.dialect != "sqlite":
        return
    with database.read() as connection:
        found = connection.scalar(query("find_damage"))
    if found != "ok":
        problem = f"the database {database} is damaged ({found})"
        raise DatabaseDamaged(f"{problem}; `moodlog rebuild` moves it away and makes it again")


def move_away(file: Path, *, now: datetime) -> Path:
    """Rename the SQLite database ``file`` to ``<name>.damaged-<time>`` in the same folder; returns the new path.

    Raises:
        StoreError: It cannot be renamed.
    """
    away = file.with_name(f"{file.name}.damaged-{now:%Y%m%dT%H%M%SZ}")
    try:
        for part in _PARTS:
            if (whole := Path(f"{file}{part}")).exists():
                whole.rename(f"{away}{part}")
    except OSError as error:
        raise StoreError(f"the damaged database {file} cannot be moved away: {error.strerror}") from error
    return away


def moved_away(database: Database) -> list[Path]:
    """The damaged files that were moved away from the path of ``database``, by name."""
    file = database.file
    return [] if file is None else sorted(file.parent.glob(f"{glob.escape(file.name)}.damaged-*"))


def accounts_of(file: Path) -> Kept:
    """The accounts and tokens in a damaged database; empty if they cannot be read."""
    damaged = open_database(f"sqlite:///{file}")
    try:
        with damaged.read() as connection:
            return kept_rows(connection)
    except StoreError:
        return {}
    finally:
        damaged.close()
