"""An import and what follows it, with a workspace's collaborators: for the command and the flow alike."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from typing import IO, Any

from mood_core.app.workspace import Workspace
from mood_core.exports.limits import Limits
from mood_core.exports.parse_row import ImportFilter
from mood_core.features.catalog.file_list import read_list
from mood_core.features.catalog.names import CatalogNames
from mood_core.features.fetch_report import FetchReport
from mood_core.settings import Settings
from mood_core.store.engine.database import Database
from mood_core.store.engine.read_only import read_only
from mood_core.store.locks.named_locks import NamedLock
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.account_lock import account_lock
from mood_core.usecases.imports.import_export import ImportOptions, ImportReport, NoProgress, Progress, import_history
from mood_core.usecases.imports.match_pending import match_pending
from mood_core.usecases.imports.owner import RegisteringBatches, check_not_forgotten, find_owner
from mood_core.usecases.imports.write import DryRun
from mood_core.usecases.quarantine import quarantine_rows


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
    """Import an export for the person called ``user``, who is made where there is none. A dry run writes nothing.

    Raises:
        InputError: The export, the person or the time zone is not what it should be.
        StoreBusy: The account is being pulled, or another process imports or rewrites the lake.
        StoreError: The database or the lake fails.
    """
    now, settings = workspace.now(), workspace.settings
    with ExitStack() as stack:
        quarantine = stack.enter_context(tempfile.TemporaryFile("w+", encoding="ascii"))
        database = stack.enter_context(_database(workspace, dry_run=dry_run))
        owner = find_owner(Accounts(database), user, timezone, machine_zone, now=now)
        check_not_forgotten(database, owner, user)
        user_id = owner.user.user_id
        renew = stack.enter_context(_holding(workspace, user_id, dry_run=dry_run))
        report = import_history(
            paths,
            owner.user,
            ImportRows(database),
            DryRun() if dry_run else RegisteringBatches(lambda: workspace.batches, owner, renew),
            quarantine,
            now=now,
            keep=lambda: quarantined(workspace, quarantine, user_id),
            options=ImportOptions(row_filter or ImportFilter(), limits_of(settings), dry_run),
            catalog=catalog_names(settings, remember=not dry_run),
            progress=progress or NoProgress(),
        )
    return report  # noqa: RET504 - for all that types tell, the stack may swallow an error


def quarantined(workspace: Workspace, rows: IO[str], user_id: str) -> Path | None:
    """Quarantine malformed ``rows``, unless the person was forgotten since the import began."""
    if workspace.batches.gone_among([user_id]):
        return None
    return quarantine_rows(rows, workspace.settings.quarantine, user_id)


def label_now(
    workspace: Workspace, asked: Callable[[int, int], None], labelled: Callable[[int, int], None]
) -> FetchReport:
    """Match plays by name, fetch missing features (most played tracks first) and label, without a run.

    ``asked`` receives for how many of how many tracks features were requested, ``labelled`` how many have a label.

    Raises:
        InputError: A catalogue file is not what it should be.
        StoreError: The database or the lake fails.
    """
    match_names(workspace)
    fetched = workspace.fetch_features(most_heard_first=True, progress=asked)
    workspace.label(progress=labelled)
    return fetched


def match_names(workspace: Workspace) -> int:
    """Give plays by name their tracks, where these are known by now or stand in a catalogue file; returns how many."""
    rows, catalog = ImportRows(workspace.database), catalog_names(workspace.settings, remember=True)
    with workspace.lock(NamedLock.LABELS), workspace.accounts.leased():
        return match_pending(
            rows,
            workspace.batches,
            now=workspace.now(),
            catalog=catalog,
            quarantine=lambda user_id, invalid: quarantined(workspace, _lines(invalid), user_id),
        )


def _lines(rows: Sequence[dict[str, Any]]) -> IO[str]:
    return StringIO("".join(f"{json.dumps(row)}\n" for row in rows))


def catalog_names(settings: Settings, *, remember: bool) -> CatalogNames:
    """The names in the catalogue files; with ``remember``, the same search in the same files is made once."""
    locations = (*settings.catalog, *read_list(settings.catalog_list))
    return CatalogNames(locations, settings.catalog_cache / "searched" if remember else None)


def limits_of(settings: Settings) -> Limits:
    """How much an archive may hold."""
    return Limits(
        total_bytes=settings.import_max_bytes,
        ratio=settings.import_max_ratio,
        members=settings.import_max_files,
        row_bytes=settings.import_max_row_bytes,
        depth=settings.import_max_depth,
    )


@contextmanager
def _database(workspace: Workspace, *, dry_run: bool) -> Iterator[Database]:
    """The database to import into, with what an earlier run left over loaded; a dry run only looks at it."""
    if dry_run:
        with read_only(workspace.settings.database, now=workspace.now()) as database:
            yield database
    else:
        with workspace.lock(NamedLock.UPKEEP):
            workspace.batches.finish(now=workspace.now())
            yield workspace.database


@contextmanager
def _holding(workspace: Workspace, user_id: str, *, dry_run: bool) -> Iterator[Callable[[], None]]:
    """Hold the account, so that no pull comes in between; a dry run takes nothing."""
    with ExitStack() as stack:
        yield (
            (lambda: None) if dry_run else stack.enter_context(account_lock(workspace.accounts, user_id, workspace.now))
        )


def machine_zone() -> str:
    """The IANA name of this machine's time zone; UTC where it does not say."""
    from tzlocal import get_localzone_name

    try:
        return get_localzone_name() or "UTC"
    except Exception:  # noqa: BLE001 - the library raises whatever the platform does
        return "UTC"
