"""A day as an option of a command."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click import Context, Parameter


class Day(click.DateTime):
    """A local day as YYYY-MM-DD; commands get midnight of it, without a zone."""

    def __init__(self) -> None:
        super().__init__(formats=["%Y-%m-%d"])

    def get_metavar(self, param: Parameter, ctx: Context) -> str:  # noqa: ARG002 - click asks so
        """What the help calls it."""
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> datetime:
        """The day ``value``; a usage error where it is none."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self._refuse(value, param, ctx)

    def _refuse(self, value: Any, param: Parameter | None, ctx: Context | None) -> NoReturn:
        self.fail(f"{value!r} is no day; write it like 2026-11-24.", param, ctx)


DAY = Day()
"""The type of ``--from``, ``--to`` and ``--week``."""
