"""Counts of moods as a table for the terminal: a sign and a word for each mood, never colour alone."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mood_core.records import MOODS
from mood_core.store.history import MoodCount

SIGNS = {"Calm": ("◌", "cyan"), "Energetic": ("▲", "red"), "Happy": ("●", "yellow"), "Sad": ("▽", "blue")}
"""A sign and a colour for each mood."""

_BAR_CELLS = 20


def print_mood_table(counts: Sequence[MoodCount], console: Console) -> None:
    """A row for each person and period: how many listens of each mood, and their shares as a bar of signs."""
    table = Table(box=None, pad_edge=False)
    table.add_column("person", no_wrap=True)
    table.add_column("period", no_wrap=True)
    for mood in MOODS:
        table.add_column(Text(f"{SIGNS[mood][0]} {mood}", style=SIGNS[mood][1]), justify="right")
    table.add_column("unlabelled", justify="right")
    table.add_column("share")
    person = None
    for count in counts:
        table.add_row(
            count.display_name if count.user_id != person else "",
            count.period,
            *(str(count.listens[mood]) for mood in MOODS),
            str(count.listens["Unlabelled"]),
            _bar(count),
        )
        person = count.user_id
    console.print(table)


def _bar(count: MoodCount) -> Text:
    bar = Text()
    done = 0
    heard = 0
    for mood in MOODS:
        heard += count.listens[mood]
        cells = round(_BAR_CELLS * heard / max(count.total, 1)) - done
        bar.append(SIGNS[mood][0] * cells, style=SIGNS[mood][1])
        done += cells
    bar.append("·" * (_BAR_CELLS - done), style="dim")
    return bar
