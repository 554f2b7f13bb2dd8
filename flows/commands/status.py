"""``moodlog status`` with the schedule: the command of ``mood_core`` does not use Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flows.check_schedule import ask_prefect, has_served
from flows.server.find_server import running_server
from flows.server.health_route import FILE, health
from flows.server.runtime import configured_server
from mood_core.app.workspace import utc_now
from mood_core.cli import options
from mood_core.cli.status import command as library_command
from mood_core.cli.status import show_everything, show_status
from mood_core.errors import MoodlogError

_NO_TIMES: dict[str, Any] = {"next_runs": {}, "last_successes": {}, "last_nightly_success": None}


@click.command(help=library_command.help)
@options.as_json
@show_everything
@options.most_people
@click.pass_context
def command(context: click.Context, as_json: bool, everything: bool, limit: int | None) -> None:
    """Show who is connected, how complete their history is, and what runs by itself."""
    group = context.find_root()
    commands = group.command.list_commands(group) if isinstance(group.command, click.Group) else ()
    show_status(schedule, as_json=as_json, everything=everything, limit=limit, commands=commands)


def schedule(home: Path) -> dict[str, Any]:
    """The section about scheduled runs: the next runs, the last successes, and the problems."""
    if configured_server() is None:
        folder = home / "prefect"
        if running_server(folder) is None:
            problems = ["no scheduled run starts: moodlog serve does not run"] if has_served(home) else []
            return {"server": None, **_NO_TIMES, "problems": problems}
        _, report = health(folder / FILE, utc_now())
        if "next_runs" in report:
            times = {name: report.get(name, empty) for name, empty in _NO_TIMES.items()}
            return {"server": "moodlog serve", **times, "problems": report["problems"]}
    return _read(home)


def _read(home: Path) -> dict[str, Any]:
    try:
        found = ask_prefect(home)
    except MoodlogError as error:
        return {"server": "Prefect", **_NO_TIMES, "problems": [error.message]}
    if found is None:
        return {"server": None, **_NO_TIMES, "problems": []}
    problems = [f"no run is scheduled for {', '.join(found.unscheduled)}"] if found.unscheduled else []
    if not found.active:
        problems.append("the nightly run is not scheduled on this Prefect server")
    if found.failed_since is not None:
        problems.append(f"the nightly run that ended {found.failed_since:%Y-%m-%d %H:%M} UTC failed")
    if found.waits_for_worker:
        problems.append("no worker polls for the nightly run")
    problems += [f"{dead} is held by no process" for dead in found.ghosts]
    return {"server": "Prefect", **found.times(), "problems": problems}
