"""``moodlog recap``: summarise a week in a few sentences and one small picture."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from mood_core.app.workspace import Workspace
from mood_core.classifier.headline import headline
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.terminal import echo_json
from mood_core.errors import InputError
from mood_core.report.recap import last_full_week, read_recap
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import accounts_called


@click.command
@options.one_person
@click.option("--week", type=options.DAY, help="Any day of the week; default: the last full week.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw one person's week to this PNG; needs moodlog[plots].",
)
@options.as_json_lines
def command(user: str | None, week: date | None, out: Path | None, as_json: bool) -> None:
    """Summarise a week in a few sentences, compared with the week before.

    \b
    Examples:
      moodlog recap
      moodlog recap --user ada --week 2026-11-18 --out week.png
    """
    if week and not 1 < week.year < 9999:  # the days before or after are outside the calendar
        raise InputError(f"--week {week}: no listens are stored for that year; give a day of a past week")
    with Workspace() as workspace:
        people = accounts_called(workspace.accounts, [user] if user else [])
        if out and len(people) != 1:
            raise InputError(f"a picture shows one person, but {len(people)} are selected; choose one with --user")
        if not people:
            click.echo(NO_ACCOUNT, err=True)
        for one in people:
            today = workspace.now().astimezone(ZoneInfo(one.timezone)).date()
            monday = week - timedelta(days=week.weekday()) if week else last_full_week(today)
            recap = read_recap(workspace.database, one.user_id, one.display_name, monday)
            echo_json(recap.as_json()) if as_json else click.echo(" ".join(recap.sentences()))
            if week is None and not as_json and not sum(recap.listens.values()) and one.newest_listen_at:
                newest = one.newest_listen_at.astimezone(ZoneInfo(one.timezone)).date()
                click.echo(
                    f"The last listen is from {newest}: `moodlog recap --week {newest}` shows its week.", err=True
                )
            if out:
                from mood_core.report.recap_picture import draw_recap

                click.echo(f"picture: {plain(str(draw_recap(recap, out)))}", err=True)
        if people and not as_json:
            click.echo(headline(workspace.model_card), err=True)
