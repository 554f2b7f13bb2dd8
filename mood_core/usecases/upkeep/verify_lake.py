"""Compares lake, ledger and SQL, and gives a remedy for each difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from mood_core.errors import BatchCorrupt
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import LedgerRow, entries, newest_batch
from mood_core.store.loading.tombstones import half_forgotten
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.upkeep.corruption import check_pages
from mood_core.store.upkeep.table_digests import counts, days_add_up, queues_are_right, rows_of_nobody, totals_add_up
from mood_core.usecases.batch_writer import LOOK_BACK
from mood_core.usecases.remove_rows import has_forgotten
from mood_core.usecases.upkeep.compare_rows import compare_rows

_LOADING_S, _POLL_S = 2.0, 0.2
_RESTORE = "restore it from a backup; SQL still has its rows, and `moodlog rebuild --skip-damaged` would lose them"
_REBUILD_LOADS = "`moodlog rebuild` loads it; a run checks only the newest months"
_REBUILD = "`moodlog rebuild` replaces SQL by the rows of the lake"
_REMOVE_PERSON = (
    "`moodlog compact` removes these rows from it, or the whole file if it has no others; only a new consent or an"
    " import by name brings them back"
)

Progress = Callable[[int, int], None]
"""Called with the number of files done and of all files."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: the ``subject`` (a file or a table), what is wrong, and what to do.

    ``kind``: missing, damaged, changed, foreign, unloaded, leftover, forgotten or rows.
    """

    kind: str
    subject: str
    problem: str
    advice: str


@dataclass(slots=True)
class Verification:
    """What was checked and found; ``rows`` and ``bytes`` are those of the files."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    deep: bool = False
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Verification) -> None:
        """Add what was checked and found in other files."""
        self.files += other.files
        self.rows += other.rows
        self.bytes += other.bytes
        self.findings += other.findings

    @property
    def lost(self) -> list[Finding]:
        """The findings about rows that can no longer be read from the lake."""
        return [finding for finding in self.findings if finding.kind in ("missing", "damaged", "changed", "foreign")]


def verify(
    lake: Lake,
    database: Database,
    *,
    now: datetime,
    deep: bool = False,
    workers: int = 1,
    progress: Progress = lambda *_: None,
) -> Verification:
    """Compare every file with the ledger by its sha256, and the ledger with SQL by counts; ``deep``: row by row.

    Files are read by ``workers`` threads. The deep comparison fills a temporary database from the lake, or one in each
    of ``workers`` processes. Other processes continue meanwhile: the lock is held only to check findings again and to
    take a snapshot.

    Raises:
        DatabaseDamaged: A page of a SQLite database is damaged.
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake cannot be read at all.
    """
    check_pages(database)
    parts = 2 if deep else 1
    found = verify_files(lake, database, workers=workers, progress=lambda done, of: progress(done, of * parts))
    found.deep = deep
    _confirm(lake, database, found)
    found.findings += _compare_counts(database)
    found.findings += _half_forgotten(database)
    if deep and not found.lost:
        found.findings += _compare_rows(lake, database, now, workers, lambda done, of: progress(of + done, of * parts))
    return found


def _confirm(lake: Lake, database: Database, found: Verification) -> None:
    """Check the findings again under the lock: changes by compaction or forgetting are no problem."""
    suspects = {finding.subject for finding in found.findings}
    if suspects:
        with named_lock(database, NamedLock.UPKEEP):
            found.findings = verify_files(lake, database, wanted=suspects.__contains__).findings


def verify_files(
    lake: Lake,
    database: Database,
    *,
    wanted: Callable[[str], bool] = lambda _: True,
    workers: int = 1,
    progress: Progress = lambda *_: None,
) -> Verification:
    """Read the files of the ``wanted`` paths, by default of all, in threads, and compare them with the ledger."""
    found, ledger = Verification(), entries(database)
    present = [path for dataset in DATASETS for path in lake.paths(dataset)]
    paths = [path for path in present if wanted(path)]
    checks = _in_threads(lambda path: _check_file(lake, database, path, ledger.get(path)), paths, workers)
    for number, check in enumerate(checks, start=1):
        found.add(check)
        progress(number, len(paths))
    _wait_for_loading(found, database)
    _correct_unloaded(found, lake, database)
    missing = [path for path in sorted(ledger.keys() - set(present)) if wanted(path)]
    replaced = {id_ for path in present if missing and path not in ledger for id_ in lake.replaces(path)}
    for path in missing:
        found.findings.append(_missing(ledger[path], replaced))
    for path in (path for dataset in DATASETS for path in lake.superseded(dataset) if wanted(path)):
        advice = "`moodlog compact` removes it"
        found.findings.append(Finding("leftover", path, "is replaced by a compacted file", advice))
    for path in (path for path in lake.foreign() if wanted(path)):
        found.findings.append(Finding("foreign", path, "is not a batch file", "move it out of the lake"))
    return found


def _correct_unloaded(found: Verification, lake: Lake, database: Database) -> None:
    """Advise a rebuild for older unloaded files, because a run loads only the newest months.

    A file with a forgotten person is never loaded as it is, so it keeps only the finding about that person.
    """
    forgotten = {finding.subject for finding in found.findings if finding.kind == "forgotten"}
    found.findings = [each for each in found.findings if each.kind != "unloaded" or each.subject not in forgotten]
    if not any(each.kind == "unloaded" for each in found.findings):
        return
    newest = newest_batch(database)
    since = newest - LOOK_BACK if newest else None
    reached = {path for dataset in DATASETS for path in lake.paths(dataset, since=since)}
    found.findings = [
        replace(each, advice=_REBUILD_LOADS) if each.kind == "unloaded" and each.subject not in reached else each
        for each in found.findings
    ]


def _wait_for_loading(found: Verification, database: Database) -> None:
    """Wait some seconds for unloaded files: a run publishes a file first and then loads it."""
    deadline = time.monotonic() + _LOADING_S
    while any(finding.kind == "unloaded" for finding in found.findings):
        loaded = entries(database).keys()
        found.findings = [each for each in found.findings if each.kind != "unloaded" or each.subject not in loaded]
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)


def _in_threads(check: Callable[[str], Verification], paths: Iterable[str], workers: int) -> Iterator[Verification]:
    """The results in the order of ``paths``; reading and hashing use several cores in threads."""
    if workers == 1:
        yield from map(check, paths)
        return
    with ThreadPoolExecutor(workers) as threads:
        try:
            yield from threads.map(check, paths)
        finally:
            threads.shutdown(cancel_futures=True)


def _check_file(lake: Lake, database: Database, path: str, known: LedgerRow | None) -> Verification:
    """Compare one file with its row ``known`` of the ledger, and look for forgotten people in it."""
    found = Verification(files=1)
    try:
        file, tables = lake.stream(path)
    except BatchCorrupt as error:
        found.findings.append(_damaged(path, error, known))
        return found
    try:
        if known is None or known.sha256 != file.sha256:
            for _ in tables:
                pass  # reads every page, each with its checksum
    except BatchCorrupt as error:
        found.findings.append(_damaged(path, error, known))
    else:
        found.rows, found.bytes = file.row_count, file.byte_count
        found.findings += _differences(file, known)
    with suppress(BatchCorrupt):  # there is a finding about it already
        if has_forgotten(lake, database, file):
            problem = "contains rows of a forgotten person; no run or rebuild loads those rows"
            found.findings.append(Finding("forgotten", path, problem, _REMOVE_PERSON))
    return found


def _damaged(path: str, error: BatchCorrupt, known: LedgerRow | None) -> Finding:
    if known:
        return Finding("damaged", path, error.message, _RESTORE)
    return Finding("foreign", path, error.message, "move it out of the lake: none of its rows are in SQL")


def _differences(file: BatchFile, known: LedgerRow | None) -> list[Finding]:
    if known is None:
        advice = "`moodlog run` loads it, and so does `moodlog rebuild`"
        return [Finding("unloaded", file.path, "is not in the ledger, so its rows are not in SQL", advice)]
    if known.sha256 != file.sha256:
        problem = f"has sha256 {file.sha256[:12]}…, but the ledger says {known.sha256[:12]}…"
        return [Finding("changed", file.path, problem, _RESTORE)]
    return []


def _missing(row: LedgerRow, replaced: Collection[str]) -> Finding:
    if row.batch_id in replaced:
        problem = "is in the ledger, but a compacted file has replaced it"
        return Finding("leftover", row.path, problem, "`moodlog compact` or the next run corrects the ledger")
    return Finding("missing", row.path, f"is missing from the lake; it had {row.row_count} rows", _RESTORE)


def _half_forgotten(database: Database) -> list[Finding]:
    """A finding if a killed run was forgetting a person; a living one holds the lock."""
    if not half_forgotten(database, everywhere=True):
        return []
    with named_lock(database, NamedLock.UPKEEP):
        if not half_forgotten(database, everywhere=True):
            return []
    problem = "still has a person whose `moodlog forget` was killed"
    return [Finding("forgotten", "users", problem, "`moodlog compact`, `moodlog run` or any import completes it")]


def _compare_counts(database: Database) -> list[Finding]:
    with database.read() as connection:  # one snapshot, because runs continue to load
        ledger, stored = entries(connection), counts(connection)
        sums = {"_mood_days": days_add_up(connection), "_listen_totals": totals_add_up(connection)}
        unknown, queues = rows_of_nobody(connection), queues_are_right(connection)
    recorded = dict.fromkeys(DATASETS, 0)
    for row in ledger.values():
        recorded[row.dataset] += row.row_count
    problems = [
        (name, f"has {stored[name]} rows, but the ledger's batches have {recorded[name]}")
        for name in ("listens", "audio_features", "moods")
        if stored[name] > recorded[name] or (recorded[name] and not stored[name])
    ]
    problems += [(name, f"has {many} rows whose person is not in the table users") for name, many in unknown.items()]
    problems += [
        (name, "does not add up to the listens of each person") for name, is_right in sums.items() if not is_right
    ]
    problems += [
        (name, "does not have exactly the tracks that wait") for name, is_right in queues.items() if not is_right
    ]
    return [Finding("rows", name, problem, _REBUILD) for name, problem in problems]


def _compare_rows(lake: Lake, database: Database, now: datetime, workers: int, progress: Progress) -> list[Finding]:
    found = compare_rows(lake, database, now, progress, workers=workers)
    problem = "has {} rows in SQL that differ from the {} rows of the lake"
    return [Finding("rows", f"{table} of {key}", problem.format(*rows), _REBUILD) for table, key, *rows in found]
