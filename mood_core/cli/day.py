"""A day, or a time of day, as an option of a command."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click import Context, Parameter


class OneWay(click.DateTime):
    """What is written in one way alone; commands get a moment without a zone."""

    def __init__(self, form: str, *, shown: str, what: str, example: str) -> None:
        super().__init__(formats=[form])
        self._shown, self._what, self._example = shown, what, example

    def get_metavar(self, param: Parameter, ctx: Context) -> str:  # noqa: ARG002 - click asks so
        """What the help calls it."""
        return self._shown

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> datetime:
        """The moment of ``value``; a usage error where it is none."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self._refuse(value, param, ctx)

    def _refuse(self, value: Any, param: Parameter | None, ctx: Context | None) -> NoReturn:
        self.fail(f"{value!r} is no {self._what}; write it like {self._example}.", param, ctx)


DAY = OneWay("%Y-%m-%d", shown="YYYY-MM-DD", what="day", example="2026-11-24")
"""The type of ``--from``, ``--to`` and ``--week``: a local day; commands get its midnight."""

CLOCK = OneWay("%H:%M", shown="HH:MM", what="time of day", example="08:00")
"""The type of ``--deadline``: a time on a clock, on no day."""
