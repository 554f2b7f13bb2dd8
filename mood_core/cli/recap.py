"""``moodlog recap``: summarise a week, a month or a year in a few sentences and one picture."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.terminal import echo_json
from mood_core.errors import InputError
from mood_core.files.private import write_private
from mood_core.report.own_picture import refuse_foreign_picture
from mood_core.report.read_recap import period_to_show, read_recap
from mood_core.report.recap import Recap
from mood_core.report.recap_period import Unit, period_with
from mood_core.store.queries.accounts import Account
from mood_core.text.hints import NOBODY
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import accounts_called

_LAST = "last"
_WIDEST = 100
_MOST_PEOPLE = 12
_CAVEAT = "Moods are a model's estimate of the sound; `moodlog report` shows how often it is right."


def _period(unit: Unit, kind: click.DateTime, form: str, what: str) -> Callable[[Any], Any]:
    """An option for a period, whose value is optional: without one it is the last full period."""

    def parse(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        return value if value in (None, _LAST) else kind.convert(value, parameter, context)

    words = f"{what}; without a value the last full {unit}."
    return click.option(f"--{unit}", is_flag=False, flag_value=_LAST, metavar=f"[{form}]", callback=parse, help=words)


@click.command
@options.one_person
@_period(Unit.WEEK, options.DAY, "YYYY-MM-DD", "The week with this day (default)")
@_period(Unit.MONTH, options.MONTH, "YYYY-MM", "This month")
@_period(Unit.YEAR, options.YEAR, "YYYY", "This year")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw one person's period to this PNG (needs moodlog[plots]), or a year as cards to this .html.",
)
@click.option(
    "--cards",
    type=click.Path(file_okay=False, path_type=Path),
    help="Draw a year as cards, one PNG each, in this folder (needs moodlog[plots]).",
)
@options.as_json_lines
def command(
    user: str | None, out: Path | None, cards: Path | None, as_json: bool, **periods: date | str | None
) -> None:
    """Summarise a week, a month or a year in a few sentences, compared with the one before.

    \b
    Examples:
      moodlog recap
      moodlog recap --month
      moodlog recap --user ada --year 2026 --out year.png
      moodlog recap --user ada --year 2026 --out year.html
      moodlog recap --year 2026 --cards cards
    """
    unit, day = _wanted(periods)
    if cards and unit is not Unit.YEAR:
        raise InputError(f"{cards}: cards are for a year; use --year, or --out with a .png for the {unit}")
    if out:
        _check_ending(out, unit)
    with Workspace() as workspace:
        people = accounts_called(workspace.accounts, [user] if user else [])
        if out and not people:
            raise InputError(f"{out} was not written; {NOBODY}")
        if out and len(people) != 1:
            raise InputError(f"a picture shows one person, but {len(people)} are selected; choose one with --user")
        if not people:
            click.echo(NO_ACCOUNT, err=True)
        shown = people if as_json else people[:_MOST_PEOPLE]
        labelled = False
        for one in shown:
            period = period_with(unit, day) if day else period_to_show(workspace.reading, one, unit, workspace.now())
            recap = read_recap(workspace.reading, one, period, workspace.now())
            labelled |= _show(recap, one, out, as_json=as_json)
            if cards:
                _draw_cards(recap, cards)
        if len(shown) < len(people):
            rest = "--user selects one, and --json has them all"
            click.echo(f"These are {len(shown)} of {len(people)} people by name; {rest}.", err=True)
        if labelled and not as_json:
            click.echo(_CAVEAT, err=True)


def _wanted(periods: dict[str, date | str | None]) -> tuple[Unit, date | None]:
    """The unit, and a day of the wanted period, None for the last full one."""
    given = {name: value for name, value in periods.items() if value is not None}
    if len(given) > 1:
        raise click.UsageError(f"a recap has one period; give one of {', '.join(f'--{name}' for name in given)}")
    name, day = next(iter(given.items()), (Unit.WEEK, _LAST))
    if not isinstance(day, date):
        return Unit(name), None
    if not 1 < day.year < 9999:  # the days before or after are outside the calendar
        raise InputError(f"--{name} {day}: no listens are stored for that year; give a day of a past {name}")
    return Unit(name), day


def _check_ending(out: Path, unit: Unit) -> None:
    """Refuse a file whose ending is neither that of a picture nor, for a year, that of a page of cards."""
    ending = out.suffix.lower()
    if ending == ".html" and unit is not Unit.YEAR:
        raise InputError(f"{out}: cards are for a year; use --year, or a .png for the {unit}")
    if ending not in {".png", ".html"}:
        raise InputError(f"{out} would be a picture; give a name that ends in .png, or in .html for a year's cards")


def _show(recap: Recap, account: Account, out: Path | None, *, as_json: bool) -> bool:
    """Write the recap of one person; returns whether a mood is known."""
    echo_json(recap.as_json()) if as_json else click.echo(f"{_in_lines(recap.sentences())}\n")
    if not recap.total and account.newest_listen_at and not as_json:
        newest = period_with(recap.period.unit, account.newest_listen_at.astimezone(ZoneInfo(account.timezone)).date())
        command = f"moodlog recap --{newest.unit} {newest.key}"
        click.echo(f"The last listen is in {newest.name}: `{command}` shows it.", err=True)
    if out and out.suffix.lower() == ".html":
        click.echo(f"cards: {plain(str(_write_cards(recap, out)))}", err=True)
    elif out:
        from mood_core.report.recap_picture import draw_recap

        refuse_foreign_picture(out)
        click.echo(f"picture: {plain(str(draw_recap(recap, out)))}", err=True)
    return recap.leading() is not None


def _draw_cards(recap: Recap, folder: Path) -> None:
    from mood_core.report.card_pictures import draw_cards

    for path in draw_cards(recap, folder):
        click.echo(f"card: {plain(str(path))}", err=True)


def _write_cards(recap: Recap, out: Path) -> Path:
    from mood_core.report.cards import render_cards
    from mood_core.report.page import refuse_foreign_page

    refuse_foreign_page(out)
    try:
        write_private(out, render_cards(recap).encode())
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out


def _in_lines(sentences: Sequence[str]) -> str:
    """A line for each sentence, the first as a heading; on a terminal, lines break between words."""
    first, *others = map(plain, sentences)
    lines = [(first, "", ""), *((sentence, "• ", "  ") for sentence in others)]
    if not sys.stdout.isatty():
        return "\n".join(begin + sentence for sentence, begin, _ in lines)
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return "\n".join(click.wrap_text(sentence, width, begin, after) for sentence, begin, after in lines)
