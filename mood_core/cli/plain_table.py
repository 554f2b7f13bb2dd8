"""Tables for the terminal, narrow ones too: what people copy into another command stays whole, the rest wraps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

WHOLE = frozenset({"id", "account"})
"""Columns of ids, which go into other commands as they stand: never cut, and on one line wherever there is room."""


def plain_table(rows: Sequence[Mapping[str, Any]], *, whole: Collection[str] = WHOLE) -> Table:
    """A table of ``rows``, which all have the keys of the first; None is an empty cell, and nothing is markup.

    Numbers stand to the right. Columns in ``whole`` take the room they need before the others share what is left.
    """
    table = Table(box=None, pad_edge=False)
    for name, value in rows[0].items():
        number = isinstance(value, int | float)
        table.add_column(
            name.replace("_", " "),
            justify="right" if number else "left",
            no_wrap=number,
            width=_longest(rows, name) if name in whole else None,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    return table


def _longest(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    return max(Text(str(row[name])).cell_len for row in [{name: name}, *rows])
