"""``moodlog run``: the nightly flow, now."""

from __future__ import annotations

import json
from datetime import datetime

import click
from rich.console import Console

from flows.running import run_flow
from flows.server.runtime import prefect_runtime
from mood_core.cli.day import DAY
from mood_core.settings import load_settings


@click.command
@click.option("-u", "--user", "users", multiple=True, metavar="ID|NAME", help="Only this account; may be repeated.")
@click.option("--from", "first_day", type=DAY, help="Label only tracks heard on this local day or later.")
@click.option("--to", "last_day", type=DAY, help="Label only tracks heard on this local day or earlier.")
@click.option("--dry-run", is_flag=True, help="Fetch new listens from Spotify, but write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
@click.pass_context
def command(
    context: click.Context,
    users: tuple[str, ...],
    first_day: datetime | None,
    last_day: datetime | None,
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
    from flows.selecting import selection_of

    days = (first_day.date() if first_day else None, last_day.date() if last_day else None)
    selection_of(users, *days)  # what is wrong is said at once, not after Prefect has started
    verbose = context.obj["verbose"]
    console = Console(stderr=True)
    with prefect_runtime(load_settings().home, verbose=verbose) as runtime:
        with console.status("starting Prefect"):
            runtime.wait_until_ready()
        with console.status("pulling listens, fetching features, labelling moods"):
            report = run_flow(
                runtime,
                people=users,
                first_day=days[0],
                last_day=days[1],
                dry_run=dry_run,
            )
    from flows.report_text import print_report, report_json
    from mood_core.app.workspace import Workspace

    if as_json:
        click.echo(json.dumps(report_json(report)))
    else:
        with Workspace() as workspace:
            print_report(report, workspace.accounts.all(), Console())
    context.exit(report.exit_code)
