"""Rebuilds a PostgreSQL database beside the tables that are in use, from where an interrupted rebuild has stopped.

Each file is loaded in a transaction of its own. First those that are not about people, in order; then each worker loads
the people of its share from all others, and counts their listens, of some people in each transaction. Then keys and
indexes are completed, and what was published meanwhile is loaded as in any run. At the end the new tables replace the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from mood_core.errors import StoreBusy
from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS, PERSONAL, USERS
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.statistics import refresh_statistics
from mood_core.store.loading.counted import PEOPLE_AT_ONCE
from mood_core.store.loading.key_cache import KeyCache, key_cache_of
from mood_core.store.loading.ledger import enter, entries, remove
from mood_core.store.loading.load import load_batch, load_rows
from mood_core.store.loading.people_share import EVERYONE, PeopleShare
from mood_core.store.loading.whole_histories import count_whole_histories, prepare_counts
from mood_core.store.upkeep import second_schema
from mood_core.store.upkeep.replacing import replacing
from mood_core.store.upkeep.second_schema import Plan
from mood_core.usecases.upkeep.child_processes import child_processes

_ATTEMPTS = 3
_SHARED = tuple(f"{dataset.name}/" for dataset in PERSONAL if dataset is not USERS)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one process loads: the people of ``share``, into the database at ``url``."""

    lake: Lake
    url: str
    share: PeopleShare
    now: datetime


def rebuild_beside(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    skipped: Collection[str],
    workers: int,
    progress: Progress,
) -> tuple[int, int]:
    """Replace the rows that come from the lake by those of every file that is not ``skipped``, on ``workers`` cores.

    Returns the number of loaded files, and of their rows. The caller holds the locks of lake and labels. A rebuild that
    was interrupted continues if the lake still has its files, and the models and tombstones are the same.

    Raises:
        ConfigError: Something of others depends on the tables, or the user cannot make a schema; nothing is changed.
        StoreError: The database or the lake fails; the tables in use are not changed.
    """
    with second_schema.second_schema(database) as second:
        present = [path for dataset in DATASETS for path in lake.paths(dataset) if path not in skipped]
        plan = second_schema.stored_plan(second)
        wanted = second_schema.fingerprint(database, skipped)
        if plan is None or plan.fingerprint != wanted or not set(plan.files) <= set(present):
            plan = Plan(wanted, workers, tuple(present))
            second_schema.begin(database, second, plan, now=now)
        else:
            with database.read() as connection:
                second_schema.check_additions(connection)
        if not plan.loaded:
            _load(lake, second, plan, now, progress)
            with second.load() as connection:
                refresh_statistics(connection)
                prepare_counts(connection)
                connection.execute(query("end_loading"))
        _in_shares(_count_share, _parts(lake, second, plan, now), lambda _: None)
        second_schema.complete_tables(database)
        with second.write() as connection:
            refresh_statistics(connection)
        while _load_later(lake, second, skipped, now):
            pass

        def replace(connection: Connection) -> tuple[int, int]:
            second_schema.block_loads(connection)
            _load_later(lake, second, skipped, now)
            loaded = entries(second).values()
            second_schema.replace_tables(connection, now=now)
            return len(loaded), sum(row.row_count for row in loaded)

        return replacing(database, replace)


def _load(lake: Lake, second: Database, plan: Plan, now: datetime, progress: Progress) -> None:
    about_all = [path for path in plan.files if not path.startswith(_SHARED)]
    done = set(second.scalars(query("rebuild_steps"), {"share": EVERYONE.number}))
    for number, path in enumerate(about_all, start=1):
        if path not in done:
            _load_step(lake, second, path, EVERYONE, now)
        progress(number, len(plan.files))

    def report(share: float) -> None:
        progress(len(about_all) + int(share * (len(plan.files) - len(about_all))), len(plan.files))

    _in_shares(_load_share, _parts(lake, second, plan, now), report)


def _parts(lake: Lake, second: Database, plan: Plan, now: datetime) -> list[_Part]:
    url = second.engine.url.render_as_string(hide_password=False)
    return [_Part(lake, url, PeopleShare(number, plan.shares), now) for number in range(plan.shares)]


def _in_shares(work: Callable[[_Part, Progress], None], parts: list[_Part], report: Callable[[float], None]) -> None:
    """Do the ``work`` of each part in a process of its own; that of a single one in this process."""
    if len(parts) == 1:
        work(parts[0], lambda done, of: report(done / of))
        return
    with child_processes(work, parts) as children:
        children.results(report)


def _load_share(part: _Part, progress: Progress) -> None:
    """Load the people of one share from every file that it is not loaded from yet."""
    with closing(open_database(part.url)) as second:
        paths = second.scalars(query("rebuild_files"))
        shared = [path for path in paths if path.startswith(_SHARED)]
        done = set(second.scalars(query("rebuild_steps"), {"share": part.share.number}))
        for number, path in enumerate(shared, start=1):
            if path not in done:
                _load_step(part.lake, second, path, part.share, part.now)
            progress(number, len(shared))


def _count_share(part: _Part, progress: Progress) -> None:
    """Count the listens of the people of one share who are not counted yet, of some people in each transaction."""
    with closing(open_database(part.url)) as second:
        people = second.rows(query("uncounted_people"), {"number": part.share.number, "shares": part.share.shares})
        cache = KeyCache()
        for first in range(0, len(people), PEOPLE_AT_ONCE):
            some = people[first : first + PEOPLE_AT_ONCE]
            with second.write() as connection:
                count_whole_histories(connection, cache, some)
            progress(first + len(some), len(people))


def _load_step(lake: Lake, second: Database, path: str, share: PeopleShare, now: datetime) -> None:
    """Load the rows of ``share`` from a file; again if another process was adding the same tracks."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _try_step(lake, second, path, share, now)
        except StoreBusy:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _try_step(lake: Lake, second: Database, path: str, share: PeopleShare, now: datetime) -> None:
    file, tables = lake.stream(path)
    with second.load() as connection:
        step = {"path": path, "share": share.number}
        if connection.execute(query("enter_rebuild_step"), step).first() is None:
            return
        cache = key_cache_of(second).begin(connection)
        load_rows(connection, file, tables, cache, keep_counts=False, share=share)
        enter(connection, file, now)  # last: a process of another share waits until this one commits
        remove(connection, file.replaces)
    cache.committed()


def _load_later(lake: Lake, second: Database, skipped: Collection[str], now: datetime) -> int:
    """Load what was published since the rebuild began; returns the number of files."""
    known = entries(second).keys()
    paths = [path for dataset in DATASETS for path in lake.paths(dataset) if path not in skipped and path not in known]
    for path in paths:
        file, tables = lake.stream(path)
        load_batch(second, file, tables, now=now)
    return len(paths)
