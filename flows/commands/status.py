"""``moodlog status`` with the schedule: the command of ``mood_core`` does not use Prefect."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from flows.check_schedule import ask_prefect, has_served
from flows.server.find_server import running_server
from flows.server.health_route import FILE, health
from flows.server.runtime import configured_server
from mood_core.app.workspace import utc_now
from mood_core.cli.status import command as library_command
from mood_core.cli.status import show_status
from mood_core.errors import MoodlogError


@click.command(help=library_command.help)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(as_json: bool) -> None:
    """Show who is connected, how complete their history is, and what runs by itself."""
    show_status(schedule, as_json=as_json)


def schedule(home: Path) -> dict[str, Any]:
    """The section about scheduled runs: the next runs, the last successes, and the problems."""
    if configured_server() is None:
        folder = home / "prefect"
        if running_server(folder) is None:
            problems = ["no scheduled run starts: moodlog serve does not run"] if has_served(home) else []
            return _section(None, {}, {}, problems)
        _, report = health(folder / FILE, utc_now())
        if "next_runs" in report:
            return _section("moodlog serve", report["next_runs"], report.get("last_successes", {}), report["problems"])
    return _read(home)


def _read(home: Path) -> dict[str, Any]:
    try:
        found = ask_prefect(home)
    except MoodlogError as error:
        return _section("Prefect", {}, {}, [error.message])
    if found is None:
        return _section(None, {}, {}, [])
    problems = [f"no run is scheduled for {', '.join(found.unscheduled)}"] if found.unscheduled else []
    if not found.active:
        problems.append("the nightly run is not scheduled on this Prefect server")
    if found.failed_since is not None:
        problems.append(f"the nightly run that ended {_iso(found.failed_since)} failed")
    if found.waits_for_worker:
        problems.append("no worker polls for the nightly run")
    problems += [f"{dead} is held by no process" for dead in found.ghosts]
    next_runs = {name: _iso(at) for name, at in found.next_runs} | dict.fromkeys(found.unscheduled)
    return _section("Prefect", next_runs, {name: _iso(at) for name, at in found.last_successes}, problems)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _section(
    server: str | None, next_runs: dict[str, str | None], last_successes: dict[str, str | None], problems: list[str]
) -> dict[str, Any]:
    return {
        "server": server,
        "next_runs": next_runs,
        "last_nightly_success": last_successes.get("nightly"),
        "last_successes": last_successes,
        "problems": problems,
    }
