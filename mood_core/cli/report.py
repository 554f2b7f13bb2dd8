"""``moodlog report``: write a page of moods."""

from __future__ import annotations

import webbrowser
from datetime import date
from pathlib import Path

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_LISTENS, NONE_SELECTED
from mood_core.cli.person_names import complete_person
from mood_core.errors import InputError
from mood_core.files.private import write_private
from mood_core.store.queries.history import HistoryFilter, mood_counts
from mood_core.store.queries.selection import check_days
from mood_core.text.hints import NOBODY
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import accounts_called


@click.command
@click.option(
    "-u",
    "--user",
    "users",
    multiple=True,
    metavar="ID|NAME",
    shell_complete=complete_person,
    help="Show this person; default: everybody.",
)
@options.first_day
@options.last_day
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("moodlog-report.html"),
    help="The file to write.",
)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def command(users: tuple[str, ...], first_day: date | None, last_day: date | None, out: Path, open_it: bool) -> None:
    """Write a page of moods: story, calendar, times, map, top tracks and artists.

    The page is one HTML file that works without a network: store it, mail it or put it on any web server. For every
    number it shows the view and the query.

    \b
    Examples:
      moodlog report --open
      moodlog report --user ada --from 2026-01-01 --out ada.html
    """
    from mood_core.report.page import refuse_foreign_page

    check_days(first_day, last_day)
    refuse_foreign_page(out)
    with Workspace() as workspace:
        if reason := _empty(workspace, users, first_day, last_day):
            raise InputError(f"the page would be empty, so {out} was not written; {reason}")
        write_report(workspace, out, users=users, first_day=first_day, last_day=last_day)
    click.echo(plain(str(out)))
    if open_it:
        webbrowser.open(out.resolve().as_uri())


def _empty(workspace: Workspace, users: tuple[str, ...], first_day: date | None, last_day: date | None) -> str:
    """Why the page has no listens, and what to do; empty if it has some."""
    people = [account.user_id for account in accounts_called(workspace.accounts, users)]
    if not people:
        return NOBODY
    if mood_counts(workspace.reading, "month", HistoryFilter(people, first_day, last_day)):
        return ""
    return NO_LISTENS if first_day is None and last_day is None else NONE_SELECTED


def write_report(
    workspace: Workspace,
    out: Path,
    *,
    users: tuple[str, ...] = (),
    first_day: date | None = None,
    last_day: date | None = None,
) -> Path:
    """Write the mood page of ``users`` (ids or names; all accounts if empty) to ``out``, and return ``out``.

    Raises:
        InputError: One of ``users`` is unknown, there are too many people for a page, or the file cannot be written.
        StoreError: The database cannot be read.
    """
    from mood_core.classifier.headline import headline
    from mood_core.report.page import render_page
    from mood_core.report.page_data import page_data

    people = accounts_called(workspace.accounts, users)
    data = page_data(
        workspace.reading,
        people,
        now=workspace.now(),
        first_day=first_day,
        last_day=last_day,
        quality=headline(workspace.model_card),
    )
    try:
        write_private(out, render_page(data).encode())
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out
