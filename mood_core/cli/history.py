"""``moodlog history``: show moods by day, week, month, year, hour, weekday or track."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.mood_table import print_listens, print_mood_table
from mood_core.cli.plain_table import table_console
from mood_core.cli.terminal import echo_json
from mood_core.domain.records import ALL_MOODS
from mood_core.store.engine.database import Database
from mood_core.store.queries.history import (
    GROUPINGS,
    HistoryFilter,
    MoodCount,
    days_with_listens,
    latest_listens,
    mood_counts,
)
from mood_core.store.queries.selection import check_days
from mood_core.usecases.people.manage_users import accounts_called

_MOST_DAYS, _MOST_PEOPLE = 100, 12


@click.command
@options.one_person
@click.option(
    "--by",
    type=click.Choice([*GROUPINGS, "track"]),
    help=f"Group listens by this; default: day, month for more than {_MOST_DAYS} days, person for more than"
    f" {_MOST_PEOPLE} people.",
)
@options.first_day
@options.last_day
@click.option("--limit", type=options.Integer(1, 2**31), default=100, help="Number of listens, with --by track.")
@options.as_json_lines
def command(
    user: str | None, by: str | None, first_day: date | None, last_day: date | None, limit: int, as_json: bool
) -> None:
    """Show moods as counts of listens, in the person's local time.

    A week has the date of its Monday. --by person shows one row for each person. Listens without a mood are counted
    too. --by track shows the probability of each label, with ? if the label is uncertain. With --json, the default is
    always the day, weekdays are the numbers 1 (Monday) to 7 (Sunday), as in the view mood_by_weekday, and hours are 0
    to 23, as in mood_by_hour.

    \b
    Examples:
      moodlog history
      moodlog history --user ada --by hour --from 2026-11-01
      moodlog history --by track --limit 20
    """
    check_days(first_day, last_day)
    with Workspace() as workspace:
        people = accounts_called(workspace.accounts, [] if user is None else [user])
        if not people:
            click.echo(NO_ACCOUNT, err=True)
            return
        chosen = HistoryFilter(None if user is None else [account.user_id for account in people], first_day, last_day)
        if by == "track":
            listens = latest_listens(workspace.reading, chosen, limit)
            _write(listens) if as_json else print_listens(listens, table_console())
            return
        by = by or ("day" if as_json else _grouping(workspace.reading, chosen, len(people)))
        counts = mood_counts(workspace.reading, by, chosen)
        if as_json:
            _write(_line(count, by) for count in counts)
        else:
            print_mood_table(counts, table_console(), period=by)


def _grouping(database: Database, chosen: HistoryFilter, people: int) -> str:
    """The grouping that makes a table of a length that people read."""
    if people > _MOST_PEOPLE:
        click.echo(f"Shown by person; `moodlog history --by month` shows months of {people} people.", err=True)
        return "person"
    if days_with_listens(database, chosen) > _MOST_DAYS:
        click.echo("Shown by month; `moodlog history --by day` shows days.", err=True)
        return "month"
    return "day"


def _line(count: MoodCount, by: str) -> dict[str, Any]:
    period = {} if by == "person" else {by: count.period}
    listens = dict(zip(ALL_MOODS, count.listens, strict=True))
    return {"user_id": count.user_id, "display_name": count.display_name, **period, "listens": listens}


def _write(lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        echo_json(line, default=float)
