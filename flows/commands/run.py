"""``moodlog run``: runs the nightly flow in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

from flows.run_failed import RunFailed
from flows.server.runtime import PrefectRuntime, prefect_runtime
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT, echo_demo_note
from mood_core.cli.person_names import complete_person
from mood_core.cli.plain_table import table_console
from mood_core.errors import MoodlogError
from mood_core.settings import load_settings

if TYPE_CHECKING:
    from mood_core.usecases.nightly.night_report import NightReport


@click.command
@click.option(
    "-u",
    "--user",
    "users",
    multiple=True,
    metavar="ID|NAME",
    shell_complete=complete_person,
    help="Only this account; may be repeated.",
)
@click.option("--from", "first_day", type=options.DAY, help="Label only tracks played on this local day or later.")
@click.option("--to", "last_day", type=options.DAY, help="Label only tracks played on this local day or earlier.")
@click.option("--dry-run", is_flag=True, help="Fetch new listens from Spotify, but write nothing.")
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    users: tuple[str, ...],
    first_day: date | None,
    last_day: date | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the nightly flow now: pull recent listens, fetch features, label moods.

    It uses the Prefect server of PREFECT_API_URL or your Prefect profile, otherwise moodlog's own server, which keeps
    its history in HOME. Running it twice changes nothing.

    \b
    Examples:
      moodlog run
      moodlog run --user ada --dry-run
      moodlog run --from 2026-11-01 --to 2026-11-07
    """
    from flows.selection import selection_of
    from mood_core.app.workspace import Workspace
    from mood_core.usecases.nightly.night_report import NightReport

    days = first_day, last_day
    selection_of(users, *days)  # invalid options fail before Prefect starts
    settings = load_settings()
    echo_demo_note(settings.home)
    with Workspace(settings) as workspace:
        accounts = workspace.accounts
        if not accounts.page(1) and workspace.lake.is_empty():
            _end_with_hint(context, NightReport(dry_run=dry_run), as_json=as_json)
        if accounts.of_spotify(1) or any(account.consented_at for account in accounts.refused()):
            workspace.spotify_app  # noqa: B018 - an app that is not set fails before Prefect starts
    console = Console(stderr=True)
    with prefect_runtime(settings.home, verbose=context.obj["verbose"]) as runtime:
        with console.status("starting Prefect"):
            runtime.wait_until_ready()
        with console.status("pulling listens, fetching features, labelling moods"):
            report = run_nightly_flow(runtime, people=users, days=days, dry_run=dry_run)
    from flows.report_text import print_report, report_json

    if as_json:
        click.echo(json.dumps(report_json(report)))
    else:
        with Workspace() as workspace:
            pulled = sorted({outcome.user_id for outcome in report.outcomes})
            print_report(report, workspace.accounts.all(pulled), table_console())
    context.exit(report.exit_code)


def _end_with_hint(context: click.Context, report: NightReport, *, as_json: bool) -> NoReturn:
    """End without Prefect, which takes seconds to start: there is nobody to pull, and nothing to load or label."""
    from flows.report_text import report_json

    click.echo(NO_ACCOUNT, err=True)
    if as_json:
        click.echo(json.dumps(report_json(report)))
    context.exit(report.exit_code)


def run_nightly_flow(
    runtime: PrefectRuntime,
    *,
    people: Sequence[str] = (),
    days: tuple[date | None, date | None] = (None, None),
    dry_run: bool = False,
) -> NightReport:
    """Run the nightly flow in this process, on the server of ``runtime``.

    Raises:
        MoodlogError: The error that ended the flow.
    """
    from flows.run_nightly import run_nightly
    from mood_core.usecases.nightly.night_report import NightReport

    state = run_nightly(people, *days, dry_run, return_state=True)
    if state.state_details.flow_run_id is not None:
        runtime.wait_until_recorded(str(state.state_details.flow_run_id))
    result: object = state.result(raise_on_failure=False)
    if isinstance(result, RunFailed):
        result = result.report
    if isinstance(result, BaseException):
        raise result
    if not isinstance(result, NightReport):
        raise MoodlogError(f"the nightly flow ended as {state.name}: {state.message}")
    return result
