"""Merges the small files of past months, so that the lake stays small and fast to read."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import BatchCorrupt
from mood_core.lake import BatchFile, Lake
from mood_core.lake.batch_files import conform
from mood_core.lake.schema import AUDIO_FEATURES, DATASETS, ESTIMATED_FEATURES, LISTENS, MOOD_ANSWERS, MOODS, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.ledger import LedgerRow, entries
from mood_core.store.loading.load import load_batch
from mood_core.store.loading.replaced_codes import SOURCE_COLUMNS, without_replaced
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.import_records import ImportRecords
from mood_core.usecases.batches import Batches
from mood_core.usecases.personal_files import NO_FILES, PersonalFiles
from mood_core.usecases.remove_rows import clean_lake, publish, replace_by

MERGED = (LISTENS, AUDIO_FEATURES, ESTIMATED_FEATURES, MOODS, MOOD_ANSWERS)
"""Datasets in which the first row of a key is used, so that merging changes nothing. The others are small."""

MOST_ROWS = 1_000_000
"""The maximum of rows in a merged file, so that writing it needs at most a few hundred MB of memory."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class CompactReport:
    """Files and bytes of the merged months before and after.

    ``leftovers`` counts replaced files that were removed late, ``cleaned`` files with rows of forgotten people.
    """

    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    leftovers: int = 0
    cleaned: int = 0


def compact(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    before: str | None = None,
    personal_files: PersonalFiles = NO_FILES,
    progress: Callable[[str, float], None] = lambda _what, _share: None,
) -> CompactReport:
    """Merge the files of every month before ``before`` (YYYY-MM) into few; by default of all but the current month.

    Future months, which a wrong clock started, are merged too: batches are written there until that month comes.
    Readers always see the rows either of the old files or of the new one, and the ledger follows in one transaction.
    Safe to rerun after a crash. Files that are damaged or not loaded are skipped.

    ``personal_files`` has the data about people outside lake and SQL. ``progress`` is called with a dataset and the
    share of its files, 0-1, that is merged.

    Raises:
        StoreBusy: Another process is rewriting the lake.
        LockLost: Another process has started to rewrite it meanwhile; nothing was changed since then.
        StoreError: The lake or the database fails; no row is lost.
    """
    with named_lock(database, NamedLock.UPKEEP):
        batches = Batches(lake, database, personal_files)
        batches.complete_forgettings(now=now)
        batches.sweep_personal_files()
        return _compact(lake, database, now, before, progress)


def _compact(
    lake: Lake, database: Database, now: datetime, before: str | None, progress: Callable[[str, float], None]
) -> CompactReport:
    report = CompactReport()
    lake.sweep()
    this = f"month={now.astimezone(UTC):%Y-%m}"
    for name in DATASETS:  # forgetting rewrites files of every dataset
        for path in lake.superseded(name):
            lake.remove(path)
            report.leftovers += 1
    _remove_replaced(lake, database, now)
    limits = ImportRecords(database).limits()
    for dataset in MERGED:
        ledger = entries(database)
        rows = [ledger[path] for path in lake.paths(dataset.name) if path in ledger]
        past = [row for row in rows if (_month(row) < f"month={before}" if before else _month(row) != this)]
        groups = [group for group in _groups(past) if len(group) > 1]
        for number, group in enumerate(groups):
            progress(dataset.name, number / len(groups))
            _merge(lake, database, dataset, group, limits, now, report)
    _repair_ledger(lake, database, now)
    report.cleaned = clean_lake(lake, database, now=now)
    return report


def _remove_replaced(lake: Lake, database: Database, now: datetime) -> None:
    """Remove from the files what ISRCs brought that were replaced since: merging keeps the first row of a track."""
    with database.read() as connection:
        if connection.scalar(query("replaced_after"), {"at": 0}) is None:
            return
    for dataset in (DATASETS[name] for name in SOURCE_COLUMNS):
        ledger = entries(database)
        for path in (path for path in lake.paths(dataset.name) if path in ledger):
            try:
                file, rows = lake.read(path)
            except BatchCorrupt as error:
                log.error("skipped: %s; run `moodlog verify`", error.message)  # noqa: TRY400 - the message is complete
                continue
            with database.read() as connection:
                others = without_replaced(connection, dataset.name, rows, file.created_at)
            if others.num_rows < rows.num_rows:
                replace_by(lake, database, file, others, now=now)


def _month(row: LedgerRow) -> str:
    return row.path.split("/")[1]


def _groups(rows: list[LedgerRow]) -> Iterator[list[LedgerRow]]:
    """Consecutive files of one month with at most :data:`MOST_ROWS` rows together."""
    group: list[LedgerRow] = []
    for row in rows:
        fits = sum(other.row_count for other in group) + row.row_count <= MOST_ROWS
        if group and not (fits and _month(group[0]) == _month(row)):
            yield group
            group = []
        group.append(row)
    yield group


def _merge(
    lake: Lake,
    database: Database,
    dataset: Dataset,
    group: list[LedgerRow],
    limits: Sequence[datetime],
    now: datetime,
    report: CompactReport,
) -> None:
    read = []
    for row in group:
        try:
            file, rows = lake.read(row.path)
        except BatchCorrupt as error:
            log.error("skipped: %s; run `moodlog verify`", error.message)  # noqa: TRY400 - the message is complete
            continue
        if file.sha256 == row.sha256:
            read.append((file, rows))
    for part in _parts(read, limits):
        if len(part) < 2:
            continue
        files = [file for file, _ in part]
        merged = _first_of_each(dataset, pa.concat_tables([rows for _, rows in part]).unify_dictionaries())
        made = publish(lake, database, dataset, merged, files, now=now)
        report.files_before += len(files)
        report.bytes_before += sum(file.byte_count for file in files)
        report.files_after += 1
        report.bytes_after += made.byte_count


def _parts(
    read: list[tuple[BatchFile, pa.Table]], limits: Sequence[datetime]
) -> list[list[tuple[BatchFile, pa.Table]]]:
    """The files that may become one file.

    Labels of different models stay apart, so that a model's files can be dropped. The files before, of and after
    each import, which the times ``limits`` separate, stay apart too, so that an import can be taken back.
    """
    parts: dict[tuple[int, str], list[tuple[BatchFile, pa.Table]]] = {}
    for file, rows in read:
        versions = rows["model_version"].unique().to_pylist() if "model_version" in rows.schema.names else []
        key = bisect_right(limits, file.created_at), "\n".join(sorted(versions))
        parts.setdefault(key, []).append((file, rows))
    return list(parts.values())


def _first_of_each(dataset: Dataset, rows: pa.Table) -> pa.Table:
    """``rows`` sorted by the key, with only the first row of each key, as in SQL."""
    ordered = conform(dataset, rows)  # the sort is stable, so the first row is that of the first batch
    if ordered.num_rows < 2:
        return ordered
    differs = None
    for name in dataset.key:
        column = ordered[name].combine_chunks()
        values = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        changed = pc.not_equal(values[1:], values[:-1])
        differs = changed if differs is None else pc.or_(differs, changed)
    return ordered.filter(pa.concat_arrays([pa.array([True]), differs]))


def _repair_ledger(lake: Lake, database: Database, now: datetime) -> None:
    """Complete the ledger after a run that was killed between lake and ledger."""
    ledger = entries(database)
    for name in DATASETS:
        for path in lake.paths(name):
            if path not in ledger and lake.replaces(path):
                load_batch(database, *lake.stream(path), now=now)
