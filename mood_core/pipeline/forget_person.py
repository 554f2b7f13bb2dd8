"""Forgets a person: their token, their rows in every file of the lake, their rows in SQL.

The files come first and SQL last, so that a run that was killed finds the person again and completes. A file that
holds rows of others is replaced by one without the person's, which names the old one as replaced: whoever reads the
lake in between loads neither twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import StoreError
from mood_core.lake import Lake
from mood_core.pipeline.batches import Batches
from mood_core.schema import DATASETS, Dataset
from mood_core.store.database import Database
from mood_core.store.forgetting import Forgetting
from mood_core.store.ledger import remove
from mood_core.store.load import load_batch
from mood_core.store.turns import Turn, turn

PERSONAL = tuple(dataset for dataset in DATASETS.values() if "user_id" in dataset.schema.names)
"""Datasets whose rows belong to a person. Tracks, their features and their moods are facts of recordings and stay."""


@dataclass(slots=True)
class ForgetReport:
    """How many ``listens`` went from SQL, and how many files were ``rewritten``, ``removed`` and ``checked``."""

    listens: int = 0
    rewritten: int = 0
    removed: int = 0
    checked: int = 0


def forget_person(
    user_id: str,
    lake: Lake,
    database: Database,
    *,
    owner: str,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> ForgetReport:
    """Forget ``user_id`` everywhere; ``owner`` names this run. Killed anywhere and called again, it completes.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        BatchCorrupt: A file cannot be read, so nobody can tell whether the person is in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    with turn(database, Turn.UPKEEP):
        return _forget(user_id, lake, database, owner, now, progress)


def _forget(
    user_id: str, lake: Lake, database: Database, owner: str, now: datetime, progress: Callable[[str], None]
) -> ForgetReport:
    report = ForgetReport()
    forgetting = Forgetting(database)
    forgetting.begin(user_id, owner, now=now)
    Batches(lake, database).finish(now=now, everywhere=True)
    for dataset in PERSONAL:
        progress(dataset.name)
        for path in lake.superseded(dataset.name):
            lake.remove(path)
        for path in lake.paths(dataset.name):
            _take_out(user_id, dataset, path, lake, database, now, report)
    _check(user_id, lake, report)
    report.listens = forgetting.end(user_id)
    return report


def _take_out(
    user_id: str, dataset: Dataset, path: str, lake: Lake, database: Database, now: datetime, report: ForgetReport
) -> None:
    file, rows = lake.read(path)
    others = rows.filter(pc.invert(_is(rows, user_id)))
    if others.num_rows == rows.num_rows:
        return
    if others.num_rows:
        load_batch(database, lake.compact(dataset, others, [file]), others, now=now)
        report.rewritten += 1
        return
    with database.write(durable=True) as connection:
        remove(connection, [file.batch_id])
    lake.remove(path)
    report.removed += 1


def _check(user_id: str, lake: Lake, report: ForgetReport) -> None:
    for dataset in PERSONAL:
        for path in sorted({*lake.paths(dataset.name), *lake.superseded(dataset.name)}):
            _, tables = lake.stream(path)
            report.checked += 1
            if any(pc.any(_is(rows, user_id)).as_py() for rows in tables):
                raise StoreError(f"{path} still holds rows of {user_id}; run `moodlog forget` again")


def _is(rows: pa.Table, user_id: str) -> pa.ChunkedArray:
    return pc.equal(rows["user_id"].cast(pa.string()), user_id)
