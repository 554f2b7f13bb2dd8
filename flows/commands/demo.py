"""``moodlog demo``: all steps with invented listeners, against a stand-in of the external services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import SpinnerColumn, TimeElapsedColumn

from flows.commands.run import run_nightly_flow
from flows.server.runtime import prefect_runtime
from mood_core.cli import options
from mood_core.cli.progress import bars
from mood_core.files.outside import absolute

if TYPE_CHECKING:
    from mood_core.usecases.nightly.night_report import NightReport

_REPORTED_PEOPLE = 12


@click.command
@click.option("--days", type=click.IntRange(1, 90), default=7, help="Number of days to simulate.")
@click.option("--listeners", type=click.IntRange(1, 50), default=5, help="Number of listeners.")
@click.option("--seed", type=int, default=7, help="Random seed of the data.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("moodlog-demo"),
    help="Folder for the database and the Parquet files.",
)
@options.as_json
@click.pass_context
def command(context: click.Context, days: int, listeners: int, seed: int, home: Path, as_json: bool) -> None:
    """Run the whole pipeline with simulated listeners, without an account and without the internet.

    Starts a stand-in for Spotify and ReccoBeats on this machine and connects simulated listeners to it. It simulates
    some days with a pull every two hours, then runs the nightly flow under Prefect: listens, audio features, moods,
    Parquet, SQL. A second demo adds only new data.

    \b
    Examples:
      moodlog demo
      moodlog demo --days 30 --listeners 3
      sqlite3 moodlog-demo/moodlog.db "SELECT * FROM mood_daily LIMIT 10"
    """
    home = absolute(home)
    shown = bars(SpinnerColumn(), TimeElapsedColumn())
    with shown as progress, prefect_runtime(home, verbose=context.obj["verbose"]) as runtime:
        # Prefect's server starts in the background.
        from flows.demo_simulation import point_settings_at, simulate_days
        from standin import StandIn

        step = progress.add_task("starting", total=1.0)
        with StandIn(seed=seed, listeners=listeners) as standin:
            point_settings_at(standin, home)
            simulate_days(
                standin,
                days,
                lambda what, share: progress.update(step, description=f"pulling, {what}", completed=share),
            )
            progress.update(step, description="waiting for Prefect", completed=1.0)
            runtime.wait_until_ready()
            progress.update(step, description="running the nightly flow")
            report = run_nightly_flow(runtime)
        progress.update(step, description="done")
    _show(home, report, as_json=as_json)
    context.exit(report.exit_code)


def _show(home: Path, report: NightReport, *, as_json: bool) -> None:
    from flows.report_text import print_report, report_json
    from mood_core.app.workspace import Workspace
    from mood_core.cli.mood_table import print_mood_table
    from mood_core.cli.report import write_report
    from mood_core.store.queries.history import HistoryFilter, mood_counts

    files = {"database": "moodlog.db", "lake": "lake", "report": "report.html"}
    places = {"home": str(home), **{name: str(home / file) for name, file in files.items()}}
    with Workspace() as workspace:
        people = [account.user_id for account in workspace.accounts.all()]
        write_report(workspace, home / "report.html", users=tuple(people[:_REPORTED_PEOPLE]))
    if as_json:
        click.echo(json.dumps(report_json(report) | places))
        return
    console = Console()
    with Workspace() as workspace:
        print_mood_table(mood_counts(workspace.database, "day", HistoryFilter()), console)
        print_report(report, workspace.accounts.all(), console)
    click.echo(f"\nDatabase  {places['database']}\nParquet   {places['lake']}\nReport    {places['report']}")
    click.echo(f"Next      MOODLOG_HOME={home} moodlog history --by weekday")
