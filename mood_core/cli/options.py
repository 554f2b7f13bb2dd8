"""Options and types of options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mood_core.cli.person_names import complete_person

if TYPE_CHECKING:
    from click import Context, Parameter


class _OneFormat(click.DateTime):
    """A ``part`` of a date and time, which has to be written in the format ``form``."""

    def __init__(self, form: str, metavar: str, example: str, part: Callable[[datetime], date | time]) -> None:
        super().__init__(formats=[form])
        self._metavar, self._example, self._part = metavar, example, part

    def get_metavar(self, param: Parameter, ctx: Context) -> str:  # noqa: ARG002 - click's signature
        """The name of the value in the help text."""
        return self._metavar

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """The date or the time in ``value``; a usage error if it has another format."""
        try:
            return self._part(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is not valid; write it like {self._example}.", param, ctx)


DAY = _OneFormat("%Y-%m-%d", "YYYY-MM-DD", "2026-11-24", datetime.date)
"""The type of a local day."""

MONTH = _OneFormat("%Y-%m", "YYYY-MM", "2026-11", datetime.date)
"""The type of a month: its first day."""

YEAR = _OneFormat("%Y", "YYYY", "2026", datetime.date)
"""The type of a year: its first day."""

CLOCK = _OneFormat("%H:%M", "HH:MM", "08:00", datetime.time)
"""The type of a time of day."""


class Integer(click.IntRange):
    """A whole number within limits."""

    name = "whole number"  # click's "integer range" names no value that a person could write


def _checked_master(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from mood_core.setting_types import spark_master as checked

    try:
        return value and checked(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
as_json_lines = click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line to stdout.")
spark_master = click.option(
    "--master",
    metavar="URL",
    callback=_checked_master,
    help="Spark's master: local[*], local[N] or spark://host:port; default MOODLOG_SPARK_MASTER.",
)
one_person = click.option(
    "-u", "--user", metavar="ID|NAME", shell_complete=complete_person, help="Show this person; default: everybody."
)
PEOPLE_SHOWN = 100
"""The people of a table."""

most_people = click.option(
    "--limit", metavar="N", type=Integer(min=0), help=f"At most N people, 0 for all; default: {PEOPLE_SHOWN}."
)
first_day = click.option("--from", "first_day", type=DAY, help="First local day.")
last_day = click.option("--to", "last_day", type=DAY, help="Last local day.")
labelled_data = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV or Parquet file of labelled tracks (column mood or label).",
)
mood_words = click.option(
    "--mood",
    "words",
    multiple=True,
    metavar="WORD=MOOD",
    help="Map a word in the mood column to a mood; WORD= skips its tracks. Repeatable.",
)
folds = click.option("--folds", default=10, type=Integer(2), help="Folds of the cross-validation.")
repeats = click.option("--repeats", default=5, type=Integer(1), help="Repeats of the cross-validation.")
baselines = click.option("--baselines/--no-baselines", default=True, help="Also measure baseline models.")


def refuse_given(context: Context, unused: Collection[str], reason: str) -> None:
    """Refuse the parameters ``unused`` if they are on the command line: they would be ignored, for ``reason``.

    Raises:
        click.UsageError: One of them was given.
    """
    given = [
        parameter.opts[0] if isinstance(parameter, click.Option) else "PATH"
        for parameter in context.command.params
        if parameter.name in unused and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{reason}; leave out {' and '.join(given)}.")
