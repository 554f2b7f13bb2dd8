"""``moodlog import``: import a listening history that Spotify, ListenBrainz or Last.fm sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mood_core.cli import options
from mood_core.cli.person_names import complete_person
from mood_core.cli.terminal import echo_json
from mood_core.errors import InputError
from mood_core.exports.parse_row import SHORTEST_LISTEN_MS
from mood_core.files.outside import why_absent
from mood_core.text.format import plural

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from mood_core.features.fetch_report import StoppedSource
    from mood_core.usecases.imports.label_coverage import LabelCoverage


_OF_AN_IMPORT = ("paths", "timezone", "min_ms", "private", "label", "dry_run")
"""The parameters that only an import has."""

_WANTED = "the zip of Spotify or ListenBrainz, its folder or files, or a JSON or CSV of Last.fm"


@click.command("import")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "-u",
    "--user",
    metavar="ID|NAME",
    shell_complete=complete_person,
    help="The person; a new name creates a person without an account.",
)
@click.option("--timezone", metavar="ZONE", help="IANA time zone of a new person; default: this machine's.")
@click.option(
    "--min-ms",
    type=options.Integer(0),
    default=SHORTEST_LISTEN_MS,
    help="Skip plays shorter than this; 0 keeps all. Plays without a duration are kept.",
)
@click.option(
    "--private",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    help="Keep or drop plays of private sessions.",
)
@click.option("--label", is_flag=True, help="Fetch features and label at once, most played tracks first.")
@click.option("--undo", metavar="ID", help="Take the import with this id back, from lake and SQL; needs no PATH.")
@click.option("--list", "show", is_flag=True, help="List the imports that can be taken back; --json: one a line.")
@click.option("--dry-run", is_flag=True, help="Report the outcome of every row, and write nothing.")
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[Path, ...],
    user: str | None,
    timezone: str | None,
    min_ms: int,
    private: str,
    label: bool,
    undo: str | None,
    show: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a listening history that Spotify, ListenBrainz or Last.fm sent: zip, folder, JSON or CSV files.

    It reads both formats of Spotify, the extended history and the account data, in any mix. Every row's outcome is
    counted. Importing the same files again changes nothing. A damaged file stops no other file; it is named at the end,
    with exit code 2. You need no account and no app.

    \b
    Examples:
      moodlog import my_spotify_data.zip
      moodlog import my_spotify_data.zip --dry-run
      moodlog import my_spotify_data.zip --user ada --label
      moodlog import --list
      moodlog import --undo 1a2b3c4d
      moodlog import "Spotify Extended Streaming History" --user ada --timezone Europe/Berlin
    """
    if undo is not None:
        options.refuse_given(context, [*_OF_AN_IMPORT, "user", "show"], "--undo takes one import back at once")
        _undo(undo, as_json=as_json)
        return
    if show:
        options.refuse_given(context, _OF_AN_IMPORT, "--list imports nothing")
        _list(user, as_json=as_json)
        return
    if not paths:
        raise click.UsageError(f"Missing argument 'PATH...': {_WANTED}.")
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} {why_absent(path)}; give {_WANTED}")
    _import(paths, user, timezone, (min_ms, private == "keep"), label=label, dry_run=dry_run, as_json=as_json)


def _import(
    paths: tuple[Path, ...],
    user: str | None,
    timezone: str | None,
    row_filter: tuple[int, bool],
    *,
    label: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from mood_core.app.import_export import import_export, label_now
    from mood_core.app.workspace import Workspace
    from mood_core.cli.import_report import conclusion, print_notes, print_outcomes
    from mood_core.exports.parse_row import ImportFilter
    from mood_core.usecases.imports.label_coverage import NOT_REQUESTED

    with Workspace() as workspace, _bar() as bar:
        rows = ImportFilter(*row_filter)
        report = import_export(
            workspace, paths, user=user, timezone=timezone, row_filter=rows, dry_run=dry_run, progress=bar
        )
    if timezone is not None and timezone != report.timezone:
        click.echo(
            f"--timezone {timezone} was not used: {report.display_name} is in {report.timezone} already. To change it: "
            f"moodlog users set-timezone {report.user_id} {timezone}",
            err=True,
        )
    if not as_json:
        print_outcomes(report)
    fetched = None
    try:
        if label and not dry_run:
            with Workspace() as workspace, _bar() as bar:
                fetched = label_now(workspace, partial(bar.count, "features"), partial(bar.count, "labels"))
            report.pending_found = 0  # they were matched
    finally:  # if labelling fails, the import itself is still reported
        state = None if dry_run else _state(report.user_id)
        if as_json:
            echo_json(report.as_dict() | {"achieved": state and state.as_dict()})
        elif state:
            print_notes(conclusion(report, state))
    report.raise_damaged()
    if fetched and fetched.stopped and state and NOT_REQUESTED in state.missing:
        _raise_unavailable(fetched.stopped[0], state.missing[NOT_REQUESTED])


def _undo(import_id: str, *, as_json: bool) -> None:
    from mood_core.app.import_export import undo
    from mood_core.app.workspace import Workspace

    with Workspace() as workspace:
        report = undo(workspace, import_id)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    counts = plural(report.listens, "listen"), plural(report.pending_plays, "pending play")
    click.echo(
        f"Import {import_id} of {report.user_id} was taken back: {counts[0]} and {counts[1]} removed, "
        f"{plural(report.gaps_reopened, 'gap')} open again. Lake and SQL agree.\n"
        "Plays that other files have as well were stored once: import those files again to add them.",
        err=True,
    )


def _list(user: str | None, *, as_json: bool) -> None:
    from mood_core.app.workspace import Workspace
    from mood_core.cli.import_report import print_imports
    from mood_core.store.queries.import_records import ImportRecords
    from mood_core.usecases.people.manage_users import the_account

    with Workspace() as workspace:
        imports = ImportRecords(workspace.database).all(the_account(workspace.accounts, user).user_id if user else None)
    if not as_json:
        print_imports(imports)
    for each in imports if as_json else ():
        echo_json(each)


def _state(user_id: str) -> LabelCoverage:
    from mood_core.app.workspace import Workspace
    from mood_core.store.queries.import_rows import ImportRows
    from mood_core.usecases.imports.label_coverage import label_coverage

    with Workspace() as workspace:
        return label_coverage(user_id, ImportRows(workspace.database))


def _raise_unavailable(stopped: StoppedSource, tracks: int) -> NoReturn:
    from mood_core.errors import Unavailable

    raise Unavailable(
        f"{stopped.service} did not answer ({stopped.reason}), so {plural(tracks, 'track')} have no features yet; the "
        "import is complete: run `moodlog run` later to label the rest",
        source=stopped.service,
    )


class _Bar:
    """A progress bar with rows and the time left."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars, self._step = bars, ""
        self._task = bars.add_task("reading", total=None)

    def started(self, step: str, total: int) -> None:
        self._step = step
        self._bars.reset(self._task, total=total or None, description=step)

    def __call__(self, rows: int, done: int, /) -> None:
        self._bars.update(self._task, completed=done, description=f"{self._step} {rows:,} rows")

    def count(self, step: str, done: int, of: int) -> None:
        if self._step != step:
            self.started(step, of)
        self._bars.update(self._task, completed=done, description=f"{step} of {done:,} of {of:,} tracks")


@contextmanager
def _bar() -> Iterator[_Bar]:
    from rich.progress import TimeRemainingColumn

    from mood_core.cli.progress import bars

    with bars(TimeRemainingColumn()) as shown:
        yield _Bar(shown)
