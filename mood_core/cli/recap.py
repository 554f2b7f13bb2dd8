"""``moodlog recap``: a week in a few sentences and one small picture."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from mood_core.app.workspace import Workspace
from mood_core.classifier.headline import headline
from mood_core.cli.day import DAY
from mood_core.errors import InputError
from mood_core.report.recap import last_full_week, read_recap
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import accounts_called


@click.command
@click.option("-u", "--user", metavar="ID|NAME", help="Show this person; default: everybody.")
@click.option("--week", type=DAY, help="Any day of the week; default: the last full week.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw one person's week to this PNG; needs moodlog[plots].",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line to stdout.")
def command(user: str | None, week: datetime | None, out: Path | None, as_json: bool) -> None:
    """Summarise a week in a few sentences, compared with the week before.

    \b
    Examples:
      moodlog recap
      moodlog recap --user ada --week 2026-11-18 --out week.png
    """
    if week and not 1 < week.year < 9999:  # a day before or after it, there is no calendar
        raise InputError(f"--week {week:%Y-%m-%d}: no listens are so far away; name a day of a week that has been")
    with Workspace() as workspace:
        people = accounts_called(workspace.accounts, [user] if user else [])
        if out and len(people) != 1:
            raise InputError(f"a picture shows one person, here are {len(people)}; choose one with --user")
        if not people:
            click.echo("No account is connected yet; `moodlog connect` connects one.", err=True)
        for one in people:
            today = workspace.now().astimezone(ZoneInfo(one.timezone)).date()
            monday = week.date() - timedelta(days=week.weekday()) if week else last_full_week(today)
            recap = read_recap(workspace.database, one.user_id, one.display_name, monday)
            click.echo(json.dumps(recap.as_json(), ensure_ascii=False) if as_json else " ".join(recap.sentences()))
            if out:
                from mood_core.report.recap_picture import draw_recap

                click.echo(f"picture: {plain(str(draw_recap(recap, out)))}", err=True)
        if people and not as_json:
            click.echo(headline(workspace.model_card), err=True)
