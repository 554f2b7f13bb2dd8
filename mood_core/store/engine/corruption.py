"""A database file that is damaged: found, moved away, and asked for what only it has."""

from __future__ import annotations

import glob
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from mood_core.errors import DatabaseDamaged, StoreError
from mood_core.store.engine.database import Database, open_database
from mood_core.store.loading.rebuilding import Kept, kept_rows

_PARTS = ("", "-wal", "-shm")


def check_pages(database: Database) -> None:
    """Read every page of a SQLite file; PostgreSQL looks after its own.

    Raises:
        DatabaseDamaged: One of them is damaged.
        StoreError: The database cannot be read at all.
    """
    if database.dialect != "sqlite":
        return
    with database.read() as connection:
        found = connection.scalar(text("PRAGMA quick_check(1)"))
    if found != "ok":
        problem = f"the database {database} is damaged ({found})"
        raise DatabaseDamaged(f"{problem}; `moodlog rebuild` moves it away and makes it again")


def move_away(file: Path, *, now: datetime) -> Path:
    """Rename the SQLite database ``file`` to ``<name>.damaged-<time>`` beside it, and return that.

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
    """The files in which damaged databases lie that were moved away from the place of ``database``, by name."""
    file = database.file
    return [] if file is None else sorted(file.parent.glob(f"{glob.escape(file.name)}.damaged-*"))


def accounts_of(file: Path) -> Kept:
    """The accounts and their tokens, as far as a damaged database still gives them: all or none."""
    damaged = open_database(f"sqlite:///{file}")
    try:
        with damaged.read() as connection:
            return kept_rows(connection)
    except StoreError:
        return {}
    finally:
        damaged.close()
