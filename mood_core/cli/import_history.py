"""``moodlog import``: a whole listening history from the zip that Spotify sends."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from mood_core.errors import InputError
from mood_core.private_files import file_stem, make_private_folder, write_private
from mood_core.store.turns import Turn

if TYPE_CHECKING:
    from mood_core.bootstrap import Workspace
    from mood_core.pipeline.import_history import ImportOptions, ImportReport


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("-u", "--user", metavar="ID|NAME", help="Whose history it is; a new name makes a person without account.")
@click.option("--timezone", metavar="ZONE", help="IANA time zone of a new person; this machine's by default.")
@click.option(
    "--min-ms", type=click.IntRange(0), default=0, show_default=True, help="Leave out plays shorter than this."
)
@click.option(
    "--private", type=click.Choice(["keep", "drop"]), default="keep", show_default=True, help="Private sessions."
)
@click.option("--label", is_flag=True, help="Fetch features and label at once, the most heard tracks first.")
@click.option("--dry-run", is_flag=True, help="Say what would become of every row, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(
    paths: tuple[Path, ...],
    user: str | None,
    timezone: str | None,
    min_ms: int,
    private: str,
    label: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import the listening history that Spotify sends on request: zip, folder or JSON files.

    Both forms are read, the extended history and the account data, mixed as they come. Every row's fate is counted;
    importing the same again changes nothing. Nobody needs an account or an app for this.

    \b
    Examples:
      moodlog import my_spotify_data.zip
      moodlog import my_spotify_data.zip --dry-run
      moodlog import my_spotify_data.zip --user ada --label
      moodlog import "Spotify Extended Streaming History" --user ada --timezone Europe/Berlin
    """
    from mood_core.bootstrap import Workspace
    from mood_core.history.limits import Limits
    from mood_core.history.reader import Choice
    from mood_core.pipeline.import_history import ImportOptions

    with Workspace() as workspace, _bar() as (started, progress):
        settings = workspace.settings
        limits = Limits(settings.import_max_bytes, settings.import_max_ratio, settings.import_max_files)
        options = ImportOptions(Choice(min_ms, private == "keep"), limits=limits, dry_run=dry_run)
        report = import_for(
            workspace, paths, user=user, timezone=timezone, options=options, started=started, progress=progress
        )
        if label and not dry_run:
            label_now(workspace, progress)
    if as_json:
        click.echo(json.dumps(as_dict(report), ensure_ascii=False))
    else:
        _print(report, labelled=label)


def import_for(
    workspace: Workspace,
    paths: tuple[Path, ...],
    *,
    user: str | None,
    timezone: str | None,
    options: ImportOptions,
    started: Callable[[int], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> ImportReport:
    """Import for the person called ``user``, who is made where there is none.

    Raises:
        InputError: The export, the person or the time zone is not what it should be.
        StoreBusy: The account is being pulled, or another process imports or rewrites the lake.
        StoreError: The database or the lake fails.
    """
    from mood_core.pipeline.hold_account import held
    from mood_core.pipeline.import_history import import_history
    from mood_core.store.import_rows import ImportRows

    with ExitStack() as stack:
        if not options.dry_run:
            stack.enter_context(workspace.turn(Turn.UPKEEP))
            workspace.batches.finish(now=workspace.now())
        user_id, make = _person(workspace, user, timezone)
        holding = held(workspace.accounts, user_id, workspace.now)
        renew = stack.enter_context(nullcontext(lambda: None) if options.dry_run else holding)
        quarantine = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
        writer = _Registering(workspace, make, renew)
        report = import_history(
            paths,
            user_id,
            ImportRows(workspace.database),
            workspace.listens,
            writer,
            quarantine,
            now=workspace.now(),
            options=options,
            started=started,
            progress=progress,
        )
        if not options.dry_run and not report.seen_before:
            report.quarantine = _keep(quarantine, workspace.settings.home / "quarantine", user_id)
    return report


def label_now(workspace: Workspace, progress: Callable[[int, int], None]) -> None:
    """Match plays by name, fetch missing features (the most heard tracks first) and label, without a run."""
    from mood_core.pipeline.fetch_features import fetch_for
    from mood_core.pipeline.label_tracks import label_tracks
    from mood_core.pipeline.match_waiting import match_waiting
    from mood_core.store.import_rows import ImportRows

    now, batches, rows = workspace.now(), workspace.batches, workspace.mood_rows
    with workspace.turn(Turn.LABELS):
        match_waiting(ImportRows(workspace.database), batches, now=now)
        wanting = workspace.feature_rows.tracks_without_features(most_heard_first=True)
        fetch_for(wanting, workspace.feature_sources(), workspace.feature_rows, batches, now=now, progress=progress)
        label_tracks(workspace.classifier, workspace.model_card, rows, workspace.models, batches, now=now)


def as_dict(report: ImportReport) -> dict[str, Any]:
    """The report for machines."""
    return {
        "user_id": report.user_id,
        "rows_read": report.rows_read,
        "fates": dict(report.fates),
        "dry_run": report.dry_run,
        "seen_before": report.seen_before,
        "files": report.files,
        "other_files": report.other_files,
        "gaps_filled": report.gaps_filled,
        "first_at": report.first_at and report.first_at.isoformat(),
        "last_at": report.last_at and report.last_at.isoformat(),
        "quarantine": report.quarantine and str(report.quarantine),
    }


class _Registering:
    """Writes batches; a new person is made known before the first one, and their account is held on to."""

    def __init__(self, workspace: Workspace, make: Callable[[], None], renew: Callable[[], None]) -> None:
        self._workspace, self._make, self._renew = workspace, make, renew
        self._made = False

    def add(self, dataset: Any, rows: Any, *, now: Any) -> int:
        self._renew()
        if not self._made:
            self._make()
            self._made = True
        return self._workspace.batches.add(dataset, rows, now=now)


def _person(workspace: Workspace, user: str | None, timezone: str | None) -> tuple[str, Callable[[], None]]:
    from mood_core.store.time_zones import zone

    accounts = workspace.accounts.all([user] if user else None)
    if len(accounts) == 1:
        return accounts[0].user_id, lambda: None
    if accounts:
        raise InputError(
            "several people are known here; say whose history it is by --user, `moodlog status` lists them"
        )
    name = user or "me"
    zone(timezone or _this_machines_zone())
    user_id = f"local-{re.sub(r'[^a-z0-9]+', '-', name.casefold()).strip('-') or 'person'}"
    return user_id, lambda: _make(workspace, user_id, name, timezone or _this_machines_zone())


def _make(workspace: Workspace, user_id: str, name: str, timezone: str) -> None:
    from mood_core.pipeline.connect_account import register_user
    from mood_core.records import User

    now = workspace.now()
    register_user(User(user_id, name, timezone, now), lambda _: None, workspace.batches, now=now)


def _this_machines_zone() -> str:
    from tzlocal import get_localzone_name

    try:
        return get_localzone_name() or "UTC"
    except Exception:  # noqa: BLE001 - the library raises whatever the platform does
        return "UTC"


def _keep(quarantine: IO[str], folder: Path, user_id: str) -> Path | None:
    from hashlib import sha256

    quarantine.seek(0)
    content = quarantine.read().encode()
    if not content:
        return None
    make_private_folder(folder)
    path = folder / f"{file_stem(user_id)}-{sha256(content).hexdigest()[:12]}.ndjson"
    write_private(path, content)
    return path


@contextmanager
def _bar() -> Iterator[tuple[Callable[[int], None], Callable[[int, int], None]]]:
    """A bar on stderr with rows and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("reading", total=None)
        yield (
            lambda total: bars.update(task, total=total),
            lambda rows, done: bars.update(task, completed=done, description=f"{rows:,} rows"),
        )


def _print(report: ImportReport, *, labelled: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from mood_core.history.fates import MEANING, Fate

    table = Table("fate", "rows", "meaning", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, count in report.fates.items():
        table.add_row(name, f"{count:,}", MEANING[Fate(name)])
    table.add_row("rows read", f"{report.rows_read:,}", "all of them", style="bold")
    console = Console()
    console.print(table)
    notes = Console(stderr=True, highlight=False)
    if report.dry_run:
        notes.print("Dry run: nothing was written.")
    if report.quarantine:
        notes.print(f"Damaged rows: {report.quarantine}")
    if report.gaps_filled:
        notes.print(f"{report.gaps_filled} possible gaps are filled.")
    if report.fates[Fate.IMPORTED.value] and not report.dry_run and not labelled:
        notes.print("Next: `moodlog run` fetches features and labels moods.")
