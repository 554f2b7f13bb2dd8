"""``moodlog status``: accounts, gaps, feature coverage, batches and calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT, echo_demo_note
from mood_core.cli.plain_table import plain_table, print_table, table_console
from mood_core.cli.status_sections import attention, sections, summary
from mood_core.cli.terminal import echo_json
from mood_core.domain.poll_schedule import interval, most_accounts, reason, within_quota
from mood_core.files.outside import absolute
from mood_core.store.loading.ledger import batch_counts
from mood_core.store.queries.accounts import Account, people_counted
from mood_core.store.queries.forecast import forecast, what_helps
from mood_core.store.queries.overview import (
    coverage,
    coverage_by_person,
    coverage_by_year,
    gaps,
    reach,
    unavailable_sources,
)
from mood_core.text.sanitise import plain

_MOST_ROWS = 50
_NOT_PULLED = {"pull_every_minutes": None, "pull_reason": None}


show_everything = click.option("--all", "everything", is_flag=True, help="Show all sections.")


@click.command
@options.as_json
@show_everything
@options.most_people
def command(as_json: bool, everything: bool, limit: int | None) -> None:
    """Show connected accounts, the share of listens with a mood, and scheduled runs.

    It shows accounts with the days until Spotify needs a new consent (six months after the last one), how many of the
    newest listens have a mood and what would raise that, the schedule, and problems. Times are local.

    --all also shows the range of each history by source (pending: pending plays, whose track is not known yet),
    possible gaps, the sources of audio features, the batches in the ledger, and the calls of the last 24 hours. The
    wait between two pulls of an account is the time in which half of its window of 50 listens filled in the busiest
    period of the last two weeks, from 30 minutes to 12 hours. With a small daily budget of calls it is longer.

    \b
    Examples:
      moodlog status
      moodlog status --all
      moodlog status --json --limit 0 | jq .gaps
      moodlog status --json | jq .schedule
    """
    show_status(lambda _: None, as_json=as_json, everything=everything, limit=limit)


def show_status(
    schedule: Callable[[Path], dict[str, Any] | None],
    *,
    as_json: bool,
    everything: bool,
    limit: int | None = None,
    commands: Collection[str] = (),
) -> None:
    """Write the status to stdout; ``schedule`` returns the section about scheduled runs for a home, or None.

    Without ``everything``, a terminal shows the most important sections. ``limit`` is the most people, 0 for all.
    ``commands`` are the names of all commands.
    """
    with Workspace() as workspace:
        echo_demo_note(workspace.settings.home)
        people, _ = workspace.accounts.numbers()
        most = options.PEOPLE_SHOWN if limit is None else limit
        accounts = workspace.accounts.first(most, now=workspace.now()) if 0 < most < people else None
        lake, users = workspace.settings.lake, _users(workspace, accounts)
        ids = [user["user_id"] for user in users]
        some = None if accounts is None else ids
        newest = forecast(workspace.reading, ids)
        state = {
            "people": people if accounts is not None else len(users),
            "users": users,
            "newest_listens": asdict(newest) | {"share": round(newest.share, 4)},
            "history": _by_person(users, reach(workspace.reading, some)),
            "gaps": gaps(workspace.database, some),
            **(_details(workspace, users, some) if as_json or everything else {}),
            "unavailable_sources": unavailable_sources(workspace.database),
            "api_calls": workspace.calls.last_day(),
            "api_budgets": workspace.calls.budgets,
            "not_before": {name: moment.isoformat() for name, moment in workspace.calls.not_before().items()},
            "model_version": workspace.mood_rows.current_version(),
            "database": str(workspace.database),
            # Opening the lake would import PyArrow, which takes half of this command's time.
            "lake": lake if "://" in lake else str(absolute(Path(lake))),
            "schedule": schedule(workspace.settings.home),
        }
    if as_json:
        echo_json(state)
    else:
        advice = [*what_helps(newest, commands), *filter(None, [newest.note_on_years])]
        _print(state, advice, table_console(), everything=everything)


def _details(workspace: Workspace, users: list[dict[str, Any]], some: list[str] | None) -> dict[str, Any]:
    """What only ``--all`` and ``--json`` show: it reads all tracks and batches."""
    return {
        "coverage": coverage(workspace.reading),
        "coverage_by_person": _by_person(users, coverage_by_person(workspace.reading, some)),
        "coverage_by_year": coverage_by_year(workspace.reading),
        "batches": batch_counts(workspace.database),
    }


def _users(workspace: Workspace, accounts: list[Account] | None) -> list[dict[str, Any]]:
    """A row for each of ``accounts``, or for everybody."""
    budget = workspace.settings.spotify_daily_budget
    floor = within_quota(workspace.accounts.count_active(most_accounts(budget)) if budget else 0, budget)
    rows = []
    for account in workspace.accounts.all() if accounts is None else accounts:
        pace = account.pace
        every, because = round(max(interval(pace), floor) / timedelta(minutes=1)), reason(pace, floor)
        is_pulled = account.state == "active"
        pulling = {"pull_every_minutes": every, "pull_reason": because} if is_pulled else _NOT_PULLED
        rows.append(_user(workspace, account) | pulling)
    return rows


def _user(workspace: Workspace, account: Account) -> dict[str, Any]:
    return {
        "user_id": account.user_id,
        "display_name": account.display_name,
        "timezone": account.timezone,
        "service": account.service,
        "state": account.state,
        "state_reason": account.state_reason,
        "token_days_left": account.consented_at and workspace.days_left(account.consented_at),
        "watermark": account.newest_listen_at and account.newest_listen_at.isoformat(),
        "last_pulled_at": account.last_pulled_at and account.last_pulled_at.isoformat(),
        "last_problem": account.last_problem,
        "changed_plays": len(account.changed_at),
    }


def _by_person(users: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` in the order of ``users``."""
    place = {user["user_id"]: at for at, user in enumerate(users)}
    return sorted(rows, key=lambda row: place.get(row["user_id"], len(place)))


def _print(state: dict[str, Any], advice: Sequence[str], console: Console, *, everything: bool) -> None:
    if not state["users"]:
        console.print(NO_ACCOUNT, markup=False)
    for title, rows in (sections if everything else summary)(state).items():
        if rows:
            console.print(title, style="bold", markup=False)
            print_table(plain_table(rows[:_MOST_ROWS]), console)
            console.print()
        if len(rows) > _MOST_ROWS:
            console.print(f"These are {_MOST_ROWS} of {len(rows)}; --json has them all.")
    if len(state["users"]) < state["people"]:
        shown, people = len(state["users"]), people_counted(state["people"])
        console.print(f"These are {shown} of {people}, those with a problem first; --limit N shows more, 0 all.")
    if advice:
        console.print("Without a mood", style="bold")
        console.print(*advice, "", sep="\n", markup=False)
    for line in () if everything else attention(state):
        console.print(line, markup=False)
    console.print(f"Model {state['model_version'] or 'not used yet'}", markup=False)
    places = f"Database {plain(state['database'])}\nLake {plain(state['lake'])}"
    console.print(places, markup=False, soft_wrap=True)
    if not everything:
        console.print("`moodlog status --all` shows histories, gaps, feature sources, batches and calls.", markup=False)
