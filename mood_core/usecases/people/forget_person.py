"""Forgets a person: deletes their token, their rows in every file of the lake, and their rows in SQL.

First the person's rows are searched in the lake: each file is read once, and a damaged one stops it before anything
changes. Then a tombstone is written, then the files, and SQL last: the next run of anything finds the person there and
completes an interrupted run, by the files that are left. A file that also has rows of others is replaced by one without
the person's; the new file names the old one as replaced, so that no reader loads rows twice.

Tracks, their names, features and moods describe recordings and stay. A person's own local files and names that
no resolver found are deleted with the last person who heard them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from mood_core.lake import Lake
from mood_core.lake.schema import OF_TRACKS, PERSONAL, RESOLUTIONS, USERS, Dataset
from mood_core.resolvers.resolver import FOUND
from mood_core.store.engine.database import Database
from mood_core.store.loading.tombstones import half_forgotten, tombstone_of
from mood_core.store.locks.named_locks import NamedLock, named_lock, named_lock_unless_held
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.pending_responses import PendingResponses
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.store.upkeep import second_schema
from mood_core.text.sanitise import plain
from mood_core.usecases.batch_writer import BatchWriter
from mood_core.usecases.collect_responses import pending_names
from mood_core.usecases.people.lake_complete import check_nothing_absent, check_nothing_unknown, files_of
from mood_core.usecases.people.remove_everywhere import Progress, RemoveEverywhere, Wanted
from mood_core.usecases.people.whom_to_forget import names_in
from mood_core.usecases.personal_files import NO_FILES, PersonalFiles


@dataclass(slots=True)
class ForgetReport:
    """The number of deleted listens and local files in SQL.

    Also how many files of the lake were ``rewritten``, ``removed`` and ``read``, and how many rows of Prefect's
    history were removed or changed (``runs``). ``left`` lists what may still contain the person: damaged databases, a
    log that another program reads, temporary files of other hosts, and settings in Prefect's pages. In
    ``forgotten_before`` is the day on which the person was forgotten already.
    """

    listens: int = 0
    local_files: int = 0
    rewritten: int = 0
    removed: int = 0
    read: int = 0
    runs: int = 0
    left: tuple[str, ...] = ()
    forgotten_before: str | None = None


def forget_person(
    user_id: str,
    lake: Lake,
    database: Database,
    *,
    owner: str,
    now: datetime,
    called: str = "",
    personal_files: PersonalFiles = NO_FILES,
    without: Collection[str] = (),
    progress: Progress = lambda _step, _share: None,
) -> ForgetReport:
    """Forget ``user_id`` everywhere. Idempotent; the next run of anything completes an interrupted one.

    The tombstone is written first: from then on no row of the person is stored, loaded or rebuilt. Data in
    ``personal_files`` are deleted before the person's last row.

    Args:
        user_id: The person.
        lake: The lake.
        database: The database.
        owner: This run, as the owner of leases.
        now: The current time.
        called: Another name of the person, which is deleted from Prefect's history too.
        personal_files: Data outside lake and SQL.
        without: Files of the ledger that are lost.
        progress: Is called with each step and the share of it that is done, 0-1.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        LakeIncomplete: Lake and ledger do not have the same files; nothing is changed.
        BatchCorrupt: A file cannot be read, so the person may be in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    with named_lock(database, NamedLock.UPKEEP):
        check_nothing_absent(lake, database, without)
        batches = BatchWriter(lake, database)
        present = files_of(lake)
        batches.load_unloaded(now=now, everywhere=True)
        check_nothing_unknown(lake, database, present)
        rows = _rows_of(user_id, lake, database, now, progress)
        rows.search()
        before = tombstone_of(database, user_id)
        PersonErasure(database).begin(user_id, owner, now=now)
        batches.add_tombstone(user_id, now=now)
        report = _forget(user_id, rows, personal_files, called)
    if before is not None and before.in_force:
        report.forgotten_before = f"{before.forgotten_at:%Y-%m-%d}"
    return report


def complete_forgetting(user_id: str, batches: BatchWriter, *, now: datetime, wait_s: float = 0.0) -> None:
    """Complete the run of :func:`forget_person` for ``user_id``, if one was interrupted.

    Raises:
        StoreBusy: Another process is rewriting the lake, after ``wait_s`` seconds.
        BatchCorrupt: A file cannot be read.
        StoreError: The lake or the database fails.
    """
    if user_id not in half_forgotten(batches.database):
        return
    with named_lock_unless_held(batches.database, NamedLock.UPKEEP, wait_s=wait_s):
        if user_id in half_forgotten(batches.database):  # another process may have completed it while this one waited
            batches.load_unloaded(now=now, everywhere=True)
            batches.add_tombstone(user_id, now=now)
            rows = _rows_of(user_id, batches.lake, batches.database, now, lambda _step, _share: None)
            _forget(user_id, rows, batches.personal_files)


def _rows_of(user_id: str, lake: Lake, database: Database, now: datetime, progress: Progress) -> RemoveEverywhere:
    return RemoveEverywhere(lake, database, now, PERSONAL, Wanted("user_id", frozenset([user_id])), progress)


def _forget(user_id: str, rows: RemoveEverywhere, personal_files: PersonalFiles, called: str = "") -> ForgetReport:
    lake, database = rows.lake, rows.database
    second_schema.discard(database)
    erasure, accounts = PersonErasure(database), Accounts(database)
    own = accounts.with_id(user_id)
    rows.search()
    names = {called, own.display_name if own else ""}
    names |= {name for id_, name in names_in(lake, rows.found(USERS)) if id_ == user_id}

    def known(words: Collection[str]) -> set[str]:
        found = accounts.with_name_or_id({plain(word) for word in words})
        return {word for id_, name in found.items() if id_ != user_id for word in (id_, name)}

    def remove(datasets: Sequence[Dataset], wanted: Wanted) -> RemoveEverywhere:
        removal = RemoveEverywhere(lake, database, rows.now, datasets, wanted, rows.progress)
        removal.remove()
        return removal

    local = erasure.local_files(user_id)
    rows.remove()
    done = [rows]
    files = sorted(erasure.of_nobody_else(user_id, local | rows.local))
    if files:
        done.append(remove(OF_TRACKS, Wanted("track_id", frozenset(files))))
    unknown = erasure.own_names(user_id, pending_names(PendingResponses(database)))
    if unknown:
        artists = frozenset(artist for artist, _ in unknown)
        done.append(remove([RESOLUTIONS], Wanted("artist", artists, lambda table: _is_unknown(table, unknown))))
    removed = personal_files.remove(user_id, sorted(names - {""}), known)
    report = ForgetReport(runs=removed.runs)
    report.rewritten = sum(each.rewritten for each in done)
    report.removed = sum(each.removed for each in done)
    report.read = sum(len(each.read) for each in done)
    report.listens, report.local_files = erasure.end(user_id, files, unknown)
    report.left = (*lake.temporary_files(), *erasure.left, *removed.left)
    return report


def _is_unknown(rows: pa.Table, names: Collection[tuple[str, str]]) -> pa.ChunkedArray:
    """The answers of resolvers that did not find one of ``names``."""
    columns = (rows[name].to_pylist() for name in ("artist", "title", "outcome"))
    gone = [outcome != FOUND and (artist, title) in names for artist, title, outcome in zip(*columns, strict=True)]
    return pa.chunked_array([pa.array(gone, pa.bool_())])
