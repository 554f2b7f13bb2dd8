"""Imports an export: reads all of it, decides what is new, then writes. Nothing of a damaged file is imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from mood_core.domain.records import Gap, User, from_ms
from mood_core.errors import InputError
from mood_core.exports.limits import Limits
from mood_core.exports.outcomes import RowOutcome
from mood_core.exports.parse_row import ImportFilter
from mood_core.exports.parsed_export import ParsedExport
from mood_core.exports.reader import read_history
from mood_core.exports.sources import digest_of, open_export
from mood_core.store.queries.import_records import ImportRecords
from mood_core.store.queries.import_rows import ImportRows
from mood_core.store.queries.listens import ListenStore
from mood_core.text.format import first_few, plural
from mood_core.usecases.imports.check_export import no_history
from mood_core.usecases.imports.decide import Plan, decide
from mood_core.usecases.imports.import_scrobbles import import_scrobbles
from mood_core.usecases.imports.known_listens import gather
from mood_core.usecases.imports.track_lookup import Catalog, no_catalog
from mood_core.usecases.imports.write import Import, Writer, write


class Progress(Protocol):
    """Receives the progress of an import."""

    def started(self, step: str, total: int) -> None:
        """``step`` begins with ``total`` units (bytes for "reading", rows for "writing")."""

    def __call__(self, rows: int, done: int, /) -> None:
        """``rows`` have been read or written, and ``done`` of the total."""


class NoProgress:
    """Ignores progress."""

    def started(self, step: str, total: int) -> None:
        """See :class:`Progress`."""

    def __call__(self, rows: int, done: int, /) -> None:
        """See :class:`Progress`."""


_READ_AGAIN = {RowOutcome.UNMATCHED.value, "local_track"}
"""Outcomes of earlier imports that may be others now: a track is known; older versions dropped local files."""


@dataclass(slots=True)
class ImportReport:
    """Result of an import. ``outcomes`` add up to ``rows_read``; times are those of the imported listens.

    ``account_data`` counts the plays without a track id, ``address_files`` the tracks in playlists and libraries, and
    ``repaired`` the broken characters of names that were replaced; ``shorter_kept`` counts stored listens that are
    shorter than ``min_ms``, the limit of this import. ``pending_found`` counts the plays that were pending before and
    whose track is known now; the next run matches them. ``import_id`` takes the import back; it is None if nothing
    was stored. ``damaged_files`` were left out; each has a message with the remedy.
    """

    user_id: str
    display_name: str
    timezone: str
    dry_run: bool = False
    rows_read: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    files: dict[str, int] = field(default_factory=dict)
    other_files: list[str] = field(default_factory=list)
    damaged_files: dict[str, str] = field(default_factory=dict)
    gaps_filled: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    seen_before: bool = False
    quarantine: Path | None = None
    repaired: int = 0
    account_data: int = 0
    min_ms: int = 0
    import_id: str | None = None
    shorter_kept: int = 0
    address_files: dict[str, int] = field(default_factory=dict)
    pending_found: int = 0

    def raise_damaged(self) -> None:
        """Raise the error that ends an import without all of its files.

        Raises:
            InputError: Files are damaged.
        """
        if self.damaged_files:
            left_out, names = plural(len(self.damaged_files), "damaged file"), first_few(list(self.damaged_files))
            raise InputError(f"{left_out} left out: {names}. Repair, download or remove them, and import again")

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values, times in ISO 8601."""
        return asdict(self) | {
            "outcomes": dict(self.outcomes),
            "first_at": self.first_at and self.first_at.isoformat(),
            "last_at": self.last_at and self.last_at.isoformat(),
            "quarantine": self.quarantine and str(self.quarantine),
        }


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Import options: the row filter, the limits, and whether to write."""

    row_filter: ImportFilter = field(default_factory=ImportFilter)
    limits: Limits = field(default_factory=Limits)
    dry_run: bool = False

    @property
    def text(self) -> str:
        """The options that affect outcomes, as text."""
        rows = self.row_filter
        return f"from_ms={rows.min_ms},private={'keep' if rows.keep_private else 'drop'}"


def import_history(
    paths: Sequence[Path],
    user: User,
    rows: ImportRows,
    records: ImportRecords,
    listens: ListenStore,
    batches: Writer,
    quarantine: IO[str],
    *,
    now: datetime,
    keep: Callable[[], Path | None] = lambda: None,
    options: ImportOptions = ImportOptions(),
    catalog: Catalog = no_catalog,
    progress: Progress = NoProgress(),  # noqa: B008 - it has no state
) -> ImportReport:
    """Import the export in ``paths`` for ``user``.

    Args:
        paths: zips, folders or JSON files.
        user: the person whose history it is.
        rows: SQL queries.
        records: the imports that can be taken back.
        listens: stored plays, to compare scrobbles with.
        batches: writes batches, or only checks them in a dry run.
        quarantine: receives malformed rows, one JSON object per line.
        now: the date of the batches.
        keep: saves the quarantined rows to a file before the export is recorded as imported, so that they survive a
            crash.
        options: the row filter, the limits, and whether to write.
        catalog: the names in the person's catalogue files; read only if a play by name needs them.
        progress: receives the progress.

    Raises:
        InputError: No path has a listening history that can be read, or an archive is refused; nothing is written.
        StoreError: The database or the lake fails. Running the import again continues it.
    """
    with open_export(paths, options.limits) as files:
        digest = digest_of(paths)
        earlier = rows.imported(user.user_id, digest, options.text)
        if earlier is not None and _READ_AGAIN.isdisjoint(earlier[1]):
            kept = rows.listens_shorter_than(options.row_filter.min_ms, user.user_id)
            return _already_imported(user, options, *earlier, shorter_kept=kept)
        progress.started("reading", sum(file.size for file in files))
        read = read_history(files, options.row_filter, options.limits, quarantine, progress, now=now)
    if not read.files and read.damaged:
        reason, *others = read.damaged.values()
        raise InputError(reason + (f". {plural(len(others), 'other file')} damaged as well" if others else ""))
    if not read.files:
        raise no_history(paths, read.other_files)
    known = gather(read, user.user_id, rows, catalog)
    first = batches.next_time(now)
    begun = None if options.dry_run else records.begin(user.user_id, digest, options.text, first=first)
    report = _import(user, Import(user.user_id, read, known, now), rows, listens, batches, options, progress)
    _add_scrobbles(report, read, listens, batches, now)
    if begun is not None:
        report.quarantine = keep()
        report.import_id = _record(*begun, report, records, until=batches.next_time(now))
        if not read.damaged:
            rows.record_imported(user.user_id, digest, options.text, report.rows_read, report.outcomes, now=now)
    return report


def _record(
    import_id: str, is_continued: bool, report: ImportReport, records: ImportRecords, *, until: datetime
) -> str | None:
    """Record the completed import; returns its id, or None if it stored nothing that could be taken back."""
    stored = report.outcomes[RowOutcome.IMPORTED], report.outcomes[RowOutcome.UNMATCHED], report.gaps_filled
    if not is_continued and not any(stored):
        records.discard(import_id)
        return None
    records.complete(import_id, report.rows_read, report.outcomes, until=until)
    return import_id


def _import(
    user: User,
    what: Import,
    rows: ImportRows,
    listens: ListenStore,
    batches: Writer,
    options: ImportOptions,
    progress: Progress,
) -> ImportReport:
    read = what.read
    plan = decide(read, what.known, rows.named(what.user_id) if read.names else ())
    gaps = _covered(rows.open_gaps(what.user_id), read, what.now)
    progress.started("checking" if options.dry_run else "writing", plan.new_rows)
    write(what, plan, gaps, rows.titled_among, listens, batches, lambda done: progress(done, done))
    first, last = _reach(plan)
    return ImportReport(
        user.user_id,
        user.display_name,
        user.timezone,
        options.dry_run,
        read.rows_read,
        Counter({each.value: count for each in RowOutcome if (count := read.outcomes[each] + plan.outcomes[each])}),
        read.files,
        read.other_files,
        read.damaged,
        len(gaps),
        first,
        last,
        repaired=read.repaired,
        address_files=read.address_files,
        account_data=len(read.named.what),
        pending_found=what.known.pending_found,
        min_ms=options.row_filter.min_ms,
        shorter_kept=rows.listens_shorter_than(options.row_filter.min_ms, user.user_id),
    )


def _add_scrobbles(
    report: ImportReport, read: ParsedExport, listens: ListenStore, batches: Writer, now: datetime
) -> None:
    """Import the scrobbles of ``read``, the precise ones first, and add their outcomes to ``report``."""
    for (source, to_the_minute), scrobbles in sorted(read.scrobbles.items(), key=lambda item: (item[0][1], item[0][0])):
        outcomes, times = import_scrobbles(
            report.user_id, scrobbles, source, listens, batches, to_the_minute=to_the_minute, now=now
        )
        report.outcomes += Counter({outcome.value: count for outcome, count in outcomes.items()})
        times += [time for time in (report.first_at, report.last_at) if time]
        report.first_at, report.last_at = min(times, default=None), max(times, default=None)


def _reach(plan: Plan) -> tuple[datetime | None, datetime | None]:
    times = np.concatenate([plan.extended.at_ms, plan.account.at_ms])
    return (from_ms(int(times.min())), from_ms(int(times.max()))) if len(times) else (None, None)


def _covered(gaps: Iterable[Gap], read: ParsedExport, now: datetime) -> list[Gap]:
    """The gaps within the period of the export, marked as filled; a damaged file may have their plays."""
    if read.damaged:
        return []
    times = [
        from_ms(time * 1000)
        for plays in (read.tracked, read.named)
        if len(plays.ended_s)
        for time in _ends(plays.ended_s)
    ]
    times += [scrobble.started_at for scrobbles in read.scrobbles.values() for scrobble in scrobbles]
    if not times:
        return []
    first, last = min(times), max(times)
    return [replace(gap, filled_at=now) for gap in gaps if first <= gap.starts_at and gap.ends_at <= last]


def _ends(times: Sequence[int]) -> tuple[int, int]:
    return min(times), max(times)


def _already_imported(
    user: User, options: ImportOptions, rows_read: int, outcomes: dict[str, int], *, shorter_kept: int
) -> ImportReport:
    """The report of an export that was imported before: its stored rows count as already imported."""
    person = user.user_id, user.display_name, user.timezone
    report = ImportReport(*person, options.dry_run, rows_read, seen_before=True, min_ms=options.row_filter.min_ms)
    report.shorter_kept = shorter_kept
    for name, count in outcomes.items():
        stored = name in (RowOutcome.IMPORTED, RowOutcome.UNMATCHED)
        report.outcomes[RowOutcome.ALREADY_IMPORTED.value if stored else name] += count
    return report
