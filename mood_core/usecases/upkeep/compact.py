"""Merges the small files of past months, so that the lake stays quick to read and small."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import BatchCorrupt
from mood_core.lake import BatchFile, Lake
from mood_core.lake.batch_files import conform
from mood_core.lake.schema import AUDIO_FEATURES, DATASETS, LISTENS, MOODS, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.loading.load import load_batch
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.ledger import LedgerRow, entries
from mood_core.usecases.batches import Batches
from mood_core.usecases.elsewhere import NOWHERE, Elsewhere
from mood_core.usecases.remove_rows import clean_lake, publish

MERGED = (LISTENS, AUDIO_FEATURES, MOODS)
"""Datasets of which the first row of a key counts, so that merging changes nothing. The others are small."""

MOST_ROWS = 1_000_000
"""No merged file has more rows: it stays quick to write and needs a few hundred MB of memory at most."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class CompactReport:
    """Files and bytes of the merged months before and after; ``leftovers``: replaced files removed later than due."""

    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    leftovers: int = 0


def compact(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    before: str | None = None,
    elsewhere: Elsewhere = NOWHERE,
    progress: Callable[[str, float], None] = lambda _what, _share: None,
) -> CompactReport:
    """Merge the files of every month before ``before`` (YYYY-MM) into few; by default of all but the current one.

    So those of a month ahead are merged, too: a clock that was wrong has begun it, and every batch goes there until it
    comes. A reader sees the rows of the old files or of the new one at every moment, and the ledger follows in one
    transaction. Killed anywhere, it is finished by the next run. Files that are damaged or not loaded are left alone.

    ``elsewhere`` is what is kept of people outside lake and SQL. ``progress`` hears which share, 0-1, of the files of
    which dataset is merged.

    Raises:
        StoreBusy: Another process is rewriting the lake.
        LockLost: Another process has begun to rewrite it meanwhile; nothing was changed since.
        StoreError: The lake or the database fails; no row is lost then.
    """
    with named_lock(database, NamedLock.UPKEEP):
        batches = Batches(lake, database, elsewhere)
        batches.complete_forgettings(now=now)
        batches.sweep_elsewhere()
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
    for dataset in MERGED:
        ledger = entries(database)
        paths = [path for path in lake.paths(dataset.name) if _is_over(path.split("/")[1], this, before)]
        groups = list(_groups(paths, ledger))
        for number, group in enumerate(groups):
            progress(dataset.name, number / len(groups))
            _merge(lake, database, dataset, group, now, report)
    _take_over(lake, database, now)
    return report


def _is_over(month: str, this: str, before: str | None) -> bool:
    return month < f"month={before}" if before else month != this


def _groups(paths: list[str], ledger: dict[str, LedgerRow]) -> Iterator[list[LedgerRow]]:
    """Runs of two or more loaded files of one month, in their order, of up to a million rows together."""
    group: list[LedgerRow] = []
    for path in paths:
        row = ledger.get(path)
        if row is None:
            continue
        fits = sum(other.row_count for other in group) + row.row_count <= MOST_ROWS
        if group and not (fits and group[0].path.split("/")[1] == path.split("/")[1]):
            if len(group) > 1:
                yield group
            group = []
        group.append(row)
    if len(group) > 1:
        yield group


def _merge(
    lake: Lake, database: Database, dataset: Dataset, group: list[LedgerRow], now: datetime, report: CompactReport
) -> None:
    read = []
    for row in group:
        try:
            file, rows = lake.read(row.path)
        except BatchCorrupt as error:
            log.error("left alone: %s; `moodlog verify` says more", error.message)  # noqa: TRY400 - it is told whole
            continue
        if file.sha256 == row.sha256:
            read.append((file, rows))
    for part in _by_model(read):
        if len(part) < 2:
            continue
        files = [file for file, _ in part]
        merged = _first_of_each(dataset, pa.concat_tables([rows for _, rows in part]).unify_dictionaries())
        made = publish(lake, database, dataset, merged, files, now=now)
        report.files_before += len(files)
        report.bytes_before += sum(file.byte_count for file in files)
        report.files_after += 1
        report.bytes_after += made.byte_count


def _by_model(read: list[tuple[BatchFile, pa.Table]]) -> list[list[tuple[BatchFile, pa.Table]]]:
    """Labels of different models stay in different files, so that an old model's can be dropped whole."""
    parts: dict[tuple[str, ...], list[tuple[BatchFile, pa.Table]]] = {}
    for file, rows in read:
        versions = rows["model_version"].unique().to_pylist() if "model_version" in rows.schema.names else []
        parts.setdefault(tuple(sorted(versions)), []).append((file, rows))
    return list(parts.values())


def _first_of_each(dataset: Dataset, rows: pa.Table) -> pa.Table:
    """``rows`` sorted by the key, without those whose key an earlier batch had: SQL keeps the first as well."""
    ordered = conform(dataset, rows)  # sorts, and rows of one key stay in the order of their batches
    if ordered.num_rows < 2:
        return ordered
    differs = None
    for name in dataset.key:
        column = ordered[name].combine_chunks()
        values = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        changed = pc.not_equal(values[1:], values[:-1])
        differs = changed if differs is None else pc.or_(differs, changed)
    return ordered.filter(pa.concat_arrays([pa.array([True]), differs]))


def _take_over(lake: Lake, database: Database, now: datetime) -> None:
    """Put the ledger right where an earlier run was killed between the lake and the ledger, and the lake after that.

    Files with rows of forgotten people, which a late run published or somebody put back, are replaced.
    """
    ledger = entries(database)
    for name in DATASETS:
        for path in lake.paths(name):
            if path not in ledger and lake.replaces(path):
                load_batch(database, *lake.stream(path), now=now)
    clean_lake(lake, database, now=now)
