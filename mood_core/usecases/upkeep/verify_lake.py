"""Compares lake, ledger and SQL, and says what to do where they differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.ledger import LedgerRow, entries, newest_batch
from mood_core.store.queries.table_digests import counts, days_add_up, rows_of_nobody, totals_add_up
from mood_core.store.queries.tombstones import half_forgotten
from mood_core.usecases.batches import LOOK_BACK
from mood_core.usecases.remove_rows import has_forgotten
from mood_core.usecases.upkeep.compare_rows import compare_rows

_LOADING_S, _POLL_S = 2.0, 0.2
_RESTORE = "put it back from a backup; SQL still has its rows, and `moodlog rebuild --skip-damaged` would lose them"
_REBUILD_LOADS = "`moodlog rebuild` loads it; a run looks at the newest months alone"
_TAKE_OUT = (
    "`moodlog compact` replaces it by a file without them, or removes it where it holds nobody else; only a new consent"
    " or an import by name brings them back"
)
_MOVE_AWAY = "move it out of the lake: no row of it is in SQL by this file"

Progress = Callable[[int, int], None]
"""Hears how many files of how many are done."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: the ``subject`` (a file or a table), what is wrong and what to do.

    ``kind``: missing, damaged, changed, foreign, unloaded, leftover, forgotten or rows.
    """

    kind: str
    subject: str
    problem: str
    advice: str


@dataclass(slots=True)
class Verification:
    """What was looked at and what was found; ``rows`` and ``bytes`` are those of the files."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    deep: bool = False
    findings: list[Finding] = field(default_factory=list)

    @property
    def lost(self) -> list[Finding]:
        """The findings that stand for rows which the lake cannot give any more."""
        return [finding for finding in self.findings if finding.kind in ("missing", "damaged", "changed", "foreign")]


def verify(
    lake: Lake, database: Database, *, now: datetime, deep: bool = False, progress: Progress = lambda *_: None
) -> Verification:
    """Compare every file with the ledger by its sha256, and the ledger with SQL by counts; ``deep``: row by row.

    The deep comparison fills a database of its own from the lake, in a temporary folder. Others go on meanwhile: the
    lock is held only to look at findings again and to take a snapshot.

    Raises:
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake cannot be read at all.
    """
    parts = 2 if deep else 1
    found = verify_files(lake, database, progress=lambda done, of: progress(done, of * parts))
    found.deep = deep
    _confirm(lake, database, found)
    found.findings += _compare_counts(database)
    found.findings += _half_forgotten(database)
    if deep and not found.lost:
        found.findings += _compare_rows(lake, database, now, lambda done, of: progress(of + done, of * parts))
    return found


def _confirm(lake: Lake, database: Database, found: Verification) -> None:
    """Look at the findings again under the lock: what compaction or forgetting did meanwhile is no difference."""
    suspects = {finding.subject for finding in found.findings}
    if suspects:
        again = Verification()
        with named_lock(database, NamedLock.UPKEEP):
            _look_at_all(lake, database, again, wanted=suspects.__contains__)
        found.findings = again.findings


def verify_files(lake: Lake, database: Database, *, progress: Progress = lambda *_: None) -> Verification:
    """Read every file of the lake and compare it with the ledger."""
    found = Verification()
    _look_at_all(lake, database, found, progress=progress)
    return found


def _look_at_all(
    lake: Lake,
    database: Database,
    found: Verification,
    *,
    wanted: Callable[[str], bool] = lambda _: True,
    progress: Progress = lambda *_: None,
) -> None:
    """Add what is wrong with the files of ``wanted`` paths to ``found``."""
    ledger = entries(database)
    present = [path for dataset in DATASETS for path in lake.paths(dataset)]
    paths = [path for path in present if wanted(path)]
    for number, path in enumerate(paths, start=1):
        _look_at(lake, path, ledger.get(path), found)
        _look_for_forgotten(lake, database, path, found)
        progress(number, len(paths))
    _leave_out_what_is_loading(found, database)
    _say_what_loads(found, lake, database)
    missing = [path for path in sorted(ledger.keys() - set(present)) if wanted(path)]
    replaced = {id_ for path in present if missing and path not in ledger for id_ in lake.replaces(path)}
    for path in missing:
        found.findings.append(_gone(ledger[path], replaced))
    for path in (path for dataset in DATASETS for path in lake.superseded(dataset) if wanted(path)):
        advice = "`moodlog compact` removes it"
        found.findings.append(Finding("leftover", path, "is replaced by a compacted file", advice))
    for path in (path for path in lake.foreign() if wanted(path)):
        found.findings.append(Finding("foreign", path, "is no batch file", "move it out of the lake"))


def _say_what_loads(found: Verification, lake: Lake, database: Database) -> None:
    """A run looks at the newest months alone: for older files the advice is a rebuild, which loads every file."""
    unloaded = {finding.subject for finding in found.findings if finding.kind == "unloaded"}
    forgotten = {finding.subject for finding in found.findings if finding.kind == "forgotten"}
    # One finding a file: a file of somebody who was forgotten is never loaded as it is.
    found.findings = [each for each in found.findings if each.kind != "unloaded" or each.subject not in forgotten]
    unloaded -= forgotten
    if not unloaded:
        return
    newest = newest_batch(database)
    since = newest - LOOK_BACK if newest else None
    reached = {path for dataset in DATASETS for path in lake.paths(dataset, since=since)}
    found.findings = [
        replace(each, advice=_REBUILD_LOADS) if each.subject in unloaded - reached else each for each in found.findings
    ]


def _leave_out_what_is_loading(found: Verification, database: Database) -> None:
    # A run that goes on meanwhile publishes a file first and then loads it.
    deadline = time.monotonic() + _LOADING_S
    while any(finding.kind == "unloaded" for finding in found.findings):
        loaded = entries(database).keys()
        found.findings = [each for each in found.findings if each.kind != "unloaded" or each.subject not in loaded]
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)


def _look_at(lake: Lake, path: str, known: LedgerRow | None, found: Verification) -> None:
    """Add what is wrong with one file to ``found``."""
    found.files += 1
    try:
        file, tables = lake.stream(path)
        if known is None or known.sha256 != file.sha256:
            for _ in tables:
                pass  # reads every page, each with its checksum
    except BatchCorrupt as error:
        found.findings.append(_unreadable(path, known, error))
        return
    found.rows += file.row_count
    found.bytes += file.byte_count
    if known is None:
        advice = "`moodlog run` loads it, and so does `moodlog rebuild`"
        found.findings.append(Finding("unloaded", path, "is not in the ledger, so its rows are not in SQL", advice))
    elif known.sha256 != file.sha256:
        problem = f"has sha256 {file.sha256[:12]}…, but the ledger says {known.sha256[:12]}…"
        found.findings.append(Finding("changed", path, problem, _RESTORE))


def _look_for_forgotten(lake: Lake, database: Database, path: str, found: Verification) -> None:
    with suppress(BatchCorrupt):  # said already
        file, _ = lake.stream(path)
        if has_forgotten(lake, database, file):
            problem = "holds rows of a person who was forgotten; no run or rebuild loads those rows"
            found.findings.append(Finding("forgotten", path, problem, _TAKE_OUT))


def _unreadable(path: str, known: LedgerRow | None, error: BatchCorrupt) -> Finding:
    kind = "damaged" if known else "foreign"
    return Finding(kind, path, error.message, _RESTORE if known else _MOVE_AWAY)


def _gone(row: LedgerRow, replaced: Iterable[str]) -> Finding:
    if row.batch_id in set(replaced):
        problem = "is in the ledger, but a compacted file has replaced it"
        return Finding("leftover", row.path, problem, "`moodlog compact` or the next run puts the ledger right")
    return Finding("missing", row.path, f"is missing from the lake; it had {row.row_count} rows", _RESTORE)


def _half_forgotten(database: Database) -> list[Finding]:
    """People whom a killed run was forgetting; one that goes on holds the lock."""
    if not half_forgotten(database):
        return []
    with named_lock(database, NamedLock.UPKEEP):
        if not half_forgotten(database):
            return []
    problem = "still has a person who was being forgotten when that run was killed"
    return [Finding("forgotten", "users", problem, "`moodlog compact`, `moodlog run` or any import completes it")]


def _compare_counts(database: Database) -> list[Finding]:
    with database.read() as connection:  # of one moment: runs go on loading
        ledger, stored, days_are_right = entries(connection), counts(connection), days_add_up(connection)
        totals_are_right = totals_add_up(connection)
        nobodys = rows_of_nobody(connection)
    recorded = dict.fromkeys(DATASETS, 0)
    for row in ledger.values():
        recorded[row.dataset] += row.row_count
    findings = []
    for name in ("listens", "audio_features", "moods"):
        if stored[name] > recorded[name] or (recorded[name] and not stored[name]):
            problem = f"has {stored[name]} rows, but the ledger's batches have {recorded[name]}"
            findings.append(Finding("rows", name, problem, "`moodlog rebuild` makes SQL again from the lake"))
    for name, count in nobodys.items():
        problem = f"has {count} rows of nobody: their person is not in the table users"
        advice = "`moodlog rebuild` makes SQL again from the lake, which says whose they are"
        findings.append(Finding("rows", name, problem, advice))
    if not days_are_right:
        problem = "does not add up to the listens"
        findings.append(Finding("rows", "mood_days", problem, "`moodlog rebuild` counts the days again"))
    if not totals_are_right:
        problem = "does not add up to the listens"
        findings.append(Finding("rows", "listen_totals", problem, "`moodlog rebuild` counts the totals again"))
    return findings


def _compare_rows(lake: Lake, database: Database, now: datetime, progress: Progress) -> list[Finding]:
    return [
        Finding(
            "rows",
            f"{table} of {key}",
            f"has {ours} rows in SQL that are not the {theirs} of the lake",
            "`moodlog rebuild` makes SQL again from the lake",
        )
        for table, key, ours, theirs in compare_rows(lake, database, now, progress)
    ]
