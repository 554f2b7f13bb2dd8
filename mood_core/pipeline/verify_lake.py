"""Compares lake, ledger and SQL, and says what to do where they differ."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake
from mood_core.pipeline.fill_database import fill_database
from mood_core.schema import DATASETS
from mood_core.store.contents import TABLES, Digests, counts, days_add_up, digests
from mood_core.store.database import Database, open_database
from mood_core.store.ledger import LedgerRow, entries, entries_in
from mood_core.store.migrate import migrate
from mood_core.store.mood_rows import MoodRows, current_version
from mood_core.store.turns import Turn, turn

_LOADING_S, _POLL_S = 2.0, 0.2
_RESTORE = "put it back from a backup; SQL still has its rows, and `moodlog rebuild --skip-damaged` would lose them"
_MOVE_AWAY = "move it out of the lake: no row of it is in SQL by this file"

Progress = Callable[[int, int], None]
"""Hears how many files of how many are done."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: the ``subject`` (a file or a table), what is wrong and what to do.

    ``kind``: missing, damaged, changed, foreign, unloaded, leftover or rows.
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

    The deep comparison fills a database of its own from the lake, in a temporary folder.

    Raises:
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake cannot be read at all.
    """
    with turn(database, Turn.UPKEEP):
        found = verify_files(lake, database, progress=progress)
        found.deep = deep
        found.findings += _compare_counts(database)
        if deep and not found.lost:
            found.findings += _compare_rows(lake, database, now)
    return found


def verify_files(lake: Lake, database: Database, *, progress: Progress = lambda *_: None) -> Verification:
    """Read every file of the lake and compare it with the ledger."""
    ledger = entries(database)
    found = Verification()
    paths = [path for dataset in DATASETS for path in lake.paths(dataset)]
    replaced: set[str] = set()
    for number, path in enumerate(paths, start=1):
        replaced |= _look_at(lake, path, ledger.get(path), found)
        progress(number, len(paths))
    _leave_out_what_is_loading(found, database)
    for path in sorted(ledger.keys() - set(paths)):
        found.findings.append(_gone(ledger[path], replaced))
    for path in (path for dataset in DATASETS for path in lake.superseded(dataset)):
        advice = "`moodlog compact` removes it"
        found.findings.append(Finding("leftover", path, "is replaced by a compacted file", advice))
    for path in lake.foreign():
        found.findings.append(Finding("foreign", path, "is no batch file", "move it out of the lake"))
    return found


def _leave_out_what_is_loading(found: Verification, database: Database) -> None:
    # A run that goes on meanwhile publishes a file first and then loads it.
    deadline = time.monotonic() + _LOADING_S
    while any(finding.kind == "unloaded" for finding in found.findings):
        loaded = entries(database).keys()
        found.findings = [each for each in found.findings if each.kind != "unloaded" or each.subject not in loaded]
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)


def _look_at(lake: Lake, path: str, known: LedgerRow | None, found: Verification) -> set[str]:
    """Add what is wrong with one file to ``found``; returns the ids of the batches that it replaces."""
    found.files += 1
    try:
        file, tables = lake.stream(path)
        if known is None or known.sha256 != file.sha256:
            for _ in tables:
                pass  # reads every page, each with its checksum
    except BatchCorrupt as error:
        found.findings.append(_unreadable(path, known, error))
        return set()
    found.rows += file.row_count
    found.bytes += file.byte_count
    if known is None:
        advice = "`moodlog run` loads it, and so does `moodlog rebuild`"
        found.findings.append(Finding("unloaded", path, "is not in the ledger, so its rows are not in SQL", advice))
    elif known.sha256 != file.sha256:
        problem = f"has sha256 {file.sha256[:12]}…, but the ledger says {known.sha256[:12]}…"
        found.findings.append(Finding("changed", path, problem, _RESTORE))
    return set(file.replaces)


def _unreadable(path: str, known: LedgerRow | None, error: BatchCorrupt) -> Finding:
    kind = "damaged" if known else "foreign"
    return Finding(kind, path, error.message, _RESTORE if known else _MOVE_AWAY)


def _gone(row: LedgerRow, replaced: Iterable[str]) -> Finding:
    if row.batch_id in set(replaced):
        problem = "is in the ledger, but a compacted file has replaced it"
        return Finding("leftover", row.path, problem, "`moodlog compact` or the next run puts the ledger right")
    return Finding("missing", row.path, f"is missing from the lake; it had {row.row_count} rows", _RESTORE)


def _compare_counts(database: Database) -> list[Finding]:
    with database.read() as connection:  # of one moment: runs go on loading
        ledger, stored, days_are_right = entries_in(connection), counts(connection), days_add_up(connection)
    recorded = dict.fromkeys(DATASETS, 0)
    for row in ledger.values():
        recorded[row.dataset] += row.row_count
    findings = []
    for name in ("listens", "audio_features", "moods"):
        if stored[name] > recorded[name] or (recorded[name] and not stored[name]):
            problem = f"has {stored[name]} rows, but the ledger's batches have {recorded[name]}"
            findings.append(Finding("rows", name, problem, "`moodlog rebuild` makes SQL again from the lake"))
    if not days_are_right:
        problem = "does not add up to the listens"
        findings.append(Finding("rows", "mood_days", problem, "`moodlog rebuild` counts the days again"))
    return findings


def _compare_rows(lake: Lake, database: Database, now: datetime) -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="moodlog-verify-") as folder:
        other = open_database(f"sqlite:///{Path(folder) / 'verify.db'}")
        try:
            migrate(other, now=now)
            with database.read() as connection:  # of one moment: what is loaded later is not compared
                loaded, current, ours = entries_in(connection), current_version(connection), _held(connection)
            if current is not None:
                MoodRows(other).set_current(current)
            fill_database(lake, other, now=now, wanted=loaded.__contains__)
            with other.read() as connection:
                theirs = _held(connection)
            return [finding for table in TABLES for finding in _differences(table, ours[table], theirs[table])]
        finally:
            other.close()


def _held(connection: Connection) -> dict[str, Digests]:
    return {table: digests(connection, table) for table in TABLES}


def _differences(table: str, ours: Digests, theirs: Digests) -> list[Finding]:
    nothing = (0, 0)
    different = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key, nothing) != theirs.get(key, nothing))
    return [
        Finding(
            "rows",
            f"{table} of {key}",
            f"has {ours.get(key, nothing)[0]} rows in SQL that are not the {theirs.get(key, nothing)[0]} of the lake",
            "`moodlog rebuild` makes SQL again from the lake",
        )
        for key in different
    ]
