"""Digests of the rows of the lake, from a temporary database that is filled from its files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS, PERSONAL, USERS
from mood_core.store.engine.database import open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.loading.people_share import PeopleShare
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.upkeep.table_digests import TABLES, Digests, digests
from mood_core.usecases.upkeep.fill_database import fill_database

_SAME_IN_EACH_SHARE = (DATASETS.keys() - {dataset.name for dataset in PERSONAL}) | {USERS.name}


LakeDigests = tuple[int, dict[str, Digests]]
"""The number of files that were loaded, and the digests by table."""


@dataclass(frozen=True, slots=True)
class LakeShare:
    """What one process compares: the people of ``share`` and, divided among the processes, the tables without people.

    ``files`` are the paths to load, ``current`` the current model versions, and ``folder`` is for temporary files.
    """

    lake: Lake
    files: frozenset[str]
    current: tuple[str, ...]
    folder: Path
    now: datetime
    share: PeopleShare

    @property
    def tables(self) -> list[str]:
        """The tables that this share has digests of."""
        return [
            table
            for number, table in enumerate(TABLES)
            if table not in _SAME_IN_EACH_SHARE or number % self.share.shares == self.share.number
        ]


def lake_digests(part: LakeShare, progress: Callable[[int, int], None]) -> LakeDigests:
    """Load the files of ``part`` into a temporary database, and read it.

    Raises:
        BatchCorrupt: A file is missing or damaged.
        StoreError: The lake or the temporary database fails.
    """
    found: dict[str, Digests] = {}
    steps = len(part.files) + len(part.tables)
    with closing(open_database(f"sqlite:///{part.folder / f'lake-{part.share.number}.db'}")) as database:
        migrate(database, now=part.now)
        for version in part.current:
            MoodRows(database).set_current(version)
        files, _ = fill_database(
            part.lake,
            database,
            now=part.now,
            wanted=part.files.__contains__,
            share=part.share,
            progress=lambda done, _: progress(done, steps),
        )
        with database.read() as connection:
            for number, table in enumerate(part.tables, start=len(part.files) + 1):
                found[table] = digests(connection, table)
                progress(number, steps)
    return files, found
