"""Imports an export into a workspace, and labels what was imported."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from mood_core.app.parts import machine_zone
from mood_core.app.workspace import Workspace
from mood_core.exports.limits import Limits
from mood_core.exports.parse_row import ImportFilter
from mood_core.features.catalog.file_list import read_list
from mood_core.features.catalog.names import CatalogNames
from mood_core.features.fetch_report import FetchReport
from mood_core.settings import Settings
from mood_core.store.engine.database import Database
from mood_core.store.engine.read_only import read_only
from mood_core.store.loading.keep_up import keep_up
from mood_core.store.locks.named_locks import NamedLock
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.import_records import ImportRecords
from mood_core.store.queries.import_rows import ImportRows
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.account_lock import account_lock
from mood_core.usecases.imports.check_export import check_export
from mood_core.usecases.imports.confirm_undo import check_person
from mood_core.usecases.imports.import_export import ImportOptions, ImportReport, NoProgress, Progress, import_history
from mood_core.usecases.imports.match_pending import match_pending
from mood_core.usecases.imports.owner import RegisteringBatches, check_not_forgotten, find_owner
from mood_core.usecases.imports.undo_import import UndoReport, find_import, undo_import
from mood_core.usecases.imports.write import DryRun


def import_export(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    user: str | None = None,
    timezone: str | None = None,
    row_filter: ImportFilter | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import an export for the person called ``user``, who is created if unknown. A dry run writes nothing.

    Raises:
        InputError: The export, the person or the time zone is invalid.
        StoreBusy: The account is being pulled, or another process imports or rewrites the lake.
        StoreError: The database or the lake fails.
    """
    now, settings = workspace.now(), workspace.settings
    limits = Limits(
        total_bytes=settings.import_max_bytes,
        ratio=settings.import_max_ratio,
        members=settings.import_max_files,
        row_bytes=settings.import_max_row_bytes,
        depth=settings.import_max_depth,
    )
    check_export(paths, limits)
    with ExitStack() as stack:
        quarantine = stack.enter_context(tempfile.TemporaryFile("w+", encoding="ascii"))
        database = stack.enter_context(_database(workspace, dry_run=dry_run))
        owner = find_owner(Accounts(database), user, timezone, lambda: machine_zone() or "UTC", now=now)
        check_not_forgotten(database, owner, user)
        user_id = owner.user.user_id
        # A lease, so that no pull interferes. A dry run does not even open the accounts.
        renew = stack.enter_context(
            nullcontext(lambda: None) if dry_run else account_lock(workspace.accounts, user_id, workspace.now)
        )
        report = import_history(
            paths,
            owner.user,
            ImportRows(database),
            ImportRecords(database),
            ListenStore(database),
            DryRun() if dry_run else RegisteringBatches(lambda: workspace.batches, owner, renew),
            quarantine,
            now=now,
            keep=lambda: workspace.quarantine_file(user_id, quarantine),
            options=ImportOptions(row_filter or ImportFilter(), limits, dry_run),
            catalog=catalog_names(settings, cached=not dry_run),
            progress=progress or NoProgress(),
        )
        if not dry_run:
            keep_up(workspace.database)
    return report


def undo(workspace: Workspace, import_id: str) -> UndoReport:
    """Take an import back, then compare what lake and SQL have of the person, row by row.

    Raises:
        InputError: No such import can be taken back.
        StoreBusy: The account is being pulled, or another process imports, labels or rewrites the lake.
        StoreError: The lake or the database fails, or they differ afterwards.
    """
    now, records = workspace.now(), ImportRecords(workspace.database)
    user_id = find_import(records, import_id).user_id
    with workspace.lock(NamedLock.UPKEEP), workspace.lock(NamedLock.LABELS):  # no run matches the plays meanwhile
        workspace.batches.finish(now=now, everywhere=True)
        with account_lock(workspace.accounts, user_id, workspace.now):
            record = find_import(records, import_id)  # another process may have removed it meanwhile
            report = undo_import(record, records, workspace.lake, workspace.database, now=now)
            check_person(user_id, workspace.lake, workspace.database)
    return report


def label_now(
    workspace: Workspace, fetched: Callable[[int, int], None], labelled: Callable[[int, int], None]
) -> FetchReport:
    """Match plays by name, fetch missing features (most played tracks first) and label, without a run.

    The resolvers look up the names that were played most; the nightly run looks up the others.

    ``fetched`` and ``labelled`` are called with the number of tracks done and their total.

    Raises:
        InputError: A catalogue file is invalid.
        StoreError: The database or the lake fails.
    """
    match_names(workspace)
    if workspace.resolve_names(slices=1).found:
        match_names(workspace)
    report = workspace.fetch_features(most_heard_first=True, progress=fetched)
    workspace.label(progress=labelled)
    return report


def match_names(workspace: Workspace) -> int:
    """Match plays by name whose track is known by now or is in a catalogue file; returns their number."""
    rows, catalog = ImportRows(workspace.database), catalog_names(workspace.settings, cached=True)
    with workspace.lock(NamedLock.LABELS), workspace.accounts.leases.fenced():
        return match_pending(
            rows,
            workspace.batches,
            now=workspace.now(),
            catalog=catalog,
            quarantine=workspace.quarantine_rows,
        )


def catalog_names(settings: Settings, *, cached: bool) -> CatalogNames:
    """The names in the catalogue files; with ``cached``, searches are cached until the files change."""
    locations = (*settings.catalog, *read_list(settings.catalog_list))
    return CatalogNames(locations, settings.catalog_cache / "searched" if cached else None)


@contextmanager
def _database(workspace: Workspace, *, dry_run: bool) -> Iterator[Database]:
    """The database to import into, after loading what an earlier run left; read-only in a dry run."""
    if dry_run:
        with read_only(workspace.settings.database, now=workspace.now()) as database:
            yield database
    else:
        with workspace.lock(NamedLock.UPKEEP):
            workspace.batches.finish(now=workspace.now())
            yield workspace.database
