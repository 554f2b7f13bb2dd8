"""``moodlog demo``: all steps with invented listeners, against a stand-in of the external services."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import SpinnerColumn, TimeElapsedColumn

from flows.commands.run import run_nightly_flow
from flows.server.runtime import prefect_runtime
from mood_core.cli import options
from mood_core.cli.progress import bars
from mood_core.domain.records import ALL_MOODS, UNLABELLED
from mood_core.files.outside import absolute
from mood_core.installation import program
from mood_core.text.format import plural

if TYPE_CHECKING:
    from mood_core.app.workspace import Workspace
    from mood_core.store.queries.history import MoodCount
    from mood_core.usecases.nightly.night_report import NightReport

_REPORTED_PEOPLE = 12
_SHOWN_DAYS = 7


@click.command
@click.option("--days", type=options.Integer(1, 90), default=60, help="Number of days to simulate.")
@click.option("--listeners", type=options.Integer(1, 50), default=5, help="Number of listeners.")
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

    Starts a stand-in for Spotify and ReccoBeats on this machine and connects simulated listeners to it. The listens of
    the last three days are pulled, those of earlier days are stored at once. Then it runs the nightly flow under
    Prefect: listens, audio features, moods, Parquet, SQL. A second demo adds only new data.

    \b
    Examples:
      moodlog demo
      moodlog demo --days 30 --listeners 3
      sqlite3 moodlog-demo/moodlog.db "SELECT * FROM mood_daily LIMIT 10"
    """
    home = absolute(home)
    _introduce(days, listeners, home)
    verbose = context.obj["verbose"]
    with _progress() as progress, prefect_runtime(home, verbose=verbose, pages=False) as runtime:
        # Prefect's server starts in the background.
        from flows.demo_simulation import point_settings_at, simulate_days
        from mood_core.app.demo_home import mark_demo_home
        from standin import StandIn

        with StandIn(seed=seed, listeners=listeners) as standin:
            mark_demo_home(home)
            point_settings_at(standin, home)
            simulate_days(standin, days, lambda day, share: progress("pulling listens", day, share))
            progress("starting Prefect", "", 1.0)
            import flows.run_nightly  # noqa: F401 - the server starts meanwhile

            runtime.wait_until_ready()
            progress("running the nightly flow", "", 1.0)
            report = run_nightly_flow(runtime)
        progress("writing the page", "", 1.0)
        achieved = _write_page(home)
    _show(home, report, achieved, as_json=as_json)
    context.exit(report.exit_code)


def _introduce(days: int, listeners: int, home: Path) -> None:
    """Say what the demo is and what will happen."""
    click.echo(
        f"A demo of moodlog with {plural(listeners, 'invented listener')}: no account, no internet.\n"
        f"It takes {plural(days, 'day')} of listens from a simulated Spotify, runs the nightly flow under Prefect\n"
        f"(audio features, moods, Parquet, SQL) and writes a page. It needs less than a minute and writes only to\n"
        f"{home}",
        err=True,
    )


@contextmanager
def _progress() -> Iterator[Callable[[str, str, float], None]]:
    """A callback that takes the step, its detail and the share that is done: a bar, or a line a step in a pipe."""
    with bars(SpinnerColumn(), TimeElapsedColumn()) as shown:
        task, steps = shown.add_task("starting", total=1.0), set[str]()

        def progress(step: str, detail: str, share: float) -> None:
            if shown.disable and step not in steps:
                click.echo(f"{step} ...", err=True)
            steps.add(step)
            shown.update(task, description=f"{step} {detail}".rstrip(), completed=share)

        yield progress


def _write_page(home: Path) -> dict[str, Any]:
    """Write the page of moods; returns the number of people, listens and listens with a mood."""
    from mood_core.app.workspace import Workspace
    from mood_core.cli.report import write_report

    with Workspace() as workspace:
        people = [account.user_id for account in workspace.accounts.all()]
        write_report(workspace, home / "report.html", users=tuple(people[:_REPORTED_PEOPLE]))
        counts = _days(workspace)
    listens = sum(count.total for count in counts)
    labelled = listens - sum(count.listens[ALL_MOODS.index(UNLABELLED)] for count in counts)
    return {"people": len(people), "listens": listens, "labelled_listens": labelled}


def _days(workspace: Workspace) -> list[MoodCount]:
    from mood_core.store.queries.history import HistoryFilter, mood_counts

    return mood_counts(workspace.database, "day", HistoryFilter())


def _show(home: Path, report: NightReport, achieved: dict[str, Any], *, as_json: bool) -> None:
    from flows.report_text import report_json

    files = {"database": "moodlog.db", "lake": "lake", "report": "report.html"}
    places = {"home": str(home), **{name: str(home / file) for name, file in files.items()}}
    if as_json:
        click.echo(json.dumps(report_json(report) | places | {"achieved": achieved}))
        return
    person = _show_last_days(report)
    share = achieved["labelled_listens"] / max(achieved["listens"], 1)
    click.echo(
        f"\n{report.verdict.value}: {plural(achieved['people'], 'person', 'people')}, "
        f"{plural(achieved['listens'], 'listen')}, {share:.0%} of them with a mood.\n\n"
        f"Page      {places['report']}\nDatabase  {places['database']}\nParquet   {places['lake']}\n"
    )
    here = f"MOODLOG_HOME={shlex.quote(str(home))} {program()}"
    click.echo(
        f"Look further:\n  {here} report --open\n  {here} history --user {shlex.quote(person)} --by weekday\n"
        f"  {here} status\nYour own listens:\n  {program()} connect --help\n  {program()} import --help"
    )


def _show_last_days(report: NightReport) -> str:
    """Print the last days of the page's first person, and the problems of the run; returns the person's name."""
    from mood_core.app.workspace import Workspace
    from mood_core.cli.mood_table import print_mood_table

    console = Console()
    with Workspace() as workspace:
        days = _days(workspace)
    totals = Counter[str]()
    for count in days:
        totals[count.user_id] += count.total
    first = [count for count in days if count.user_id == totals.most_common(1)[0][0]]
    print_mood_table(first[-_SHOWN_DAYS:], console)
    for problem in report.kinds_of_problems:
        console.print(problem, markup=False, highlight=False)
    return first[0].display_name if first else ""
