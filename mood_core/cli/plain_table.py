"""Tables for the terminal, even a narrow one: ids stay in one piece so that they can be copied, other text wraps.

In files and for other programs, every row is one line.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mood_core.text.format import plural
from mood_core.text.sanitise import plain

UNLIMITED = 100_000
"""The width of a console whose lines are not for a terminal."""

_IDS = frozenset({"id", "account"})
"""Columns of ids, which people copy into other commands: never cut, and on one line if there is room."""


def plain_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of ``rows``, which all have the keys of the first; None is an empty cell, and markup is plain text.

    Columns whose first value is a number are aligned to the right. Ids get their full width before other columns.
    """
    table = Table(box=None, pad_edge=False)
    for name, value in rows[0].items():
        number = isinstance(value, int | float)
        longest = max(Text(_shown(row[name])).cell_len for row in [{name: name}, *rows])
        table.add_column(
            name.replace("_", " "),
            justify="right" if number else "left",
            no_wrap=number,
            width=longest if name in _IDS else None,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row.values()))
    return table


def _shown(value: Any) -> str:
    """A cell's text: counts as everywhere, and no control character of a name or a path."""
    if isinstance(value, int) and not isinstance(value, bool):
        return plural(value)
    return "" if value is None else plain(str(value))


def table_console() -> Console:
    """A console for tables on stdout: without a width if stdout is not a terminal and COLUMNS is not set."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = shutil.get_terminal_size((UNLIMITED, 0)).columns
    return console


def print_table(table: Table, console: Console | None = None) -> None:
    """Print ``table``; without a terminal, without spaces at the ends of lines."""
    console = console or table_console()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), file=console.file)
