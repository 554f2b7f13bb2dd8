"""Tables of moods for the terminal. Each mood has a sign and a word, so that colour is not needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mood_core.cli.plain_table import UNLIMITED, print_table
from mood_core.domain.days import WEEKDAYS
from mood_core.domain.mood_style import SIGNS, TERMINAL_COLOURS
from mood_core.domain.records import ALL_MOODS, MOODS, UNLABELLED
from mood_core.store.queries.history import MoodCount
from mood_core.text.format import is_visible, shown_title
from mood_core.text.sanitise import plain

_BAR_CELLS = 20
_UNCERTAIN = "?"
_LINES_AT_ONCE = 1_000
_TIME_CELLS, _NAME_CELLS, _GAPS = 16, 12, 6


def print_mood_table(counts: Sequence[MoodCount], console: Console, *, period: str = "day") -> None:
    """Print a row for each person and period: the listens of each mood, and their shares as a bar of signs.

    Rows for files and other programs have the whole name in each row. Rich's tables would take 12 s for 17,000 rows.
    """
    if not counts:
        console.print(
            "No listens are stored for this selection yet; `moodlog run` pulls listens,"
            " `moodlog import` adds a history."
        )
        return
    layout = _Layout(counts, console, period)
    lines = chain([layout.head()], layout.rows(counts))
    while some := list(islice(lines, _LINES_AT_ONCE)):
        click.echo("\n".join(some), color=True)
    console.print(_legend())


class _Layout:
    """The widths of the columns for ``counts``, and the lines in them."""

    def __init__(self, counts: Sequence[MoodCount], console: Console, period: str) -> None:
        self._is_for_people = console.width < UNLIMITED
        self._in_colour = bool(console.color_system) and not console.no_color
        self._period = period
        self._title = "" if period == "person" else period
        most = _NAME_CELLS if self._is_for_people else UNLIMITED
        self._names = {name: _fitted(plain(name), most).plain for name in {one.display_name for one in counts}}
        self._name_cells = max(map(cell_len, ["person", *self._names.values()]))
        self._periods = {when: _shown(when, period) for when in {one.period for one in counts}}
        self._when_cells = max(map(len, [self._title, *self._periods.values()]))
        self._widths = [len(str(max(column))) for column in zip(*(one.listens for one in counts), strict=True)]
        left = console.width - self._name_cells - self._when_cells - sum(self._widths) - len(self._widths) - 2
        self._bar_cells = max(min(_BAR_CELLS, left), 0)
        self._numbers = " ".join(f"{{:>{width}}}" for width in self._widths)
        self._bars = {mood: self._painted_bars(mood) for mood in ALL_MOODS}

    def head(self) -> str:
        """The titles of the columns."""
        signs = [
            self._painted(f"{SIGNS[mood]:>{width}}", mood) for mood, width in zip(ALL_MOODS, self._widths, strict=True)
        ]
        return f"{set_cell_size('person', self._name_cells)}{self._when(self._title)}{' '.join(signs)} share"

    def rows(self, counts: Iterable[MoodCount]) -> Iterator[str]:
        """A line for each of ``counts``; there can be some 100,000."""
        names = {name: set_cell_size(shown, self._name_cells) for name, shown in self._names.items()}
        whens = {when: self._when(shown) for when, shown in self._periods.items()}
        unnamed, person = " " * self._name_cells, None
        shares = cache(self._share)  # many days have the same counts
        for one in counts:
            is_named = not self._is_for_people or one.user_id != person
            yield f"{names[one.display_name] if is_named else unnamed}{whens[one.period]}{shares(one.listens)}"
            person = one.user_id

    def _when(self, shown: str) -> str:
        return f" {shown:{self._when_cells}} " if self._when_cells else " "

    def _share(self, listens: Sequence[int]) -> str:
        return f"{self._numbers.format(*listens)} {self._bar(listens)}".rstrip()

    def _bar(self, listens: Sequence[int]) -> str:
        heard, cells, bar, each = 0, 0, "", self._bar_cells / max(sum(listens), 1)
        for mood, count in zip(MOODS, listens, strict=False):
            if count:
                heard += count
                more = round(each * heard) - cells
                bar += self._bars[mood][more]
                cells += more
        return bar + self._bars[UNLABELLED][self._bar_cells - cells]

    def _painted_bars(self, mood: str) -> list[str]:
        """The part of a bar for a mood, by its length in cells."""
        return [self._painted(SIGNS[mood] * cells, mood) for cells in range(self._bar_cells + 1)]

    def _painted(self, text: str, mood: str) -> str:
        if not self._in_colour or not text:
            return text
        colour = TERMINAL_COLOURS.get(mood)
        return click.style(text, fg=colour, dim=colour is None)


def print_listens(listens: Sequence[dict[str, Any]], console: Console) -> None:
    """Print a row for each listen: local time, person, track, and the mood with its probability (? if uncertain).

    A mood from features estimated from audio is marked as "est."; a listen without a mood has · and the reason.
    """
    name_cells = _NAME_CELLS if console.width < UNLIMITED else UNLIMITED
    names = [_fitted(listen["display_name"], name_cells) for listen in listens]
    moods = [_mood(listen) for listen in listens]
    head = ("local time", "person", "track", "mood")
    widest = (
        max([len(title), *(cell.cell_len for cell in cells)]) for title, cells in ((head[1], names), (head[3], moods))
    )
    room = max(console.width - _TIME_CELLS - _GAPS - sum(widest), 16)
    table = _table(*head)
    for listen, name, mood in zip(listens, names, moods, strict=True):
        by = f" – {listen['artists']}" if is_visible(listen["artists"]) else ""
        track = _fitted(f"{shown_title(listen['track'])}{by}", room)
        table.add_row(str(listen["local_time"])[:_TIME_CELLS], name, track, mood)
    print_table(table, console)
    if any(listen["mood"] and listen["estimated"] for listen in listens):
        console.print(Text("est.: from features estimated from audio", style="dim"))
    if any(listen["mood"] and listen["uncertain"] for listen in listens):
        console.print(Text(f"{_UNCERTAIN}: uncertain label, another mood is plausible", style="dim"))


def _shown(value: str | int, period: str) -> str:
    if period == "weekday":
        return WEEKDAYS[int(value) - 1]
    return f"{value:02d}:00" if period == "hour" else str(value)


def _fitted(text: str, cells: int) -> Text:
    fitted = Text(text)
    fitted.truncate(cells, overflow="ellipsis")
    return fitted


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _legend() -> Text:
    legend = Text()
    for mood in MOODS:
        legend.append(f"{SIGNS[mood]} {mood}  ", style=TERMINAL_COLOURS[mood])
    return legend.append("· unlabelled", style="dim")


def _mood(listen: dict[str, Any]) -> Text:
    mood = listen["mood"]
    if mood is None:
        return Text(f"· {listen['unlabelled_reason']}", style="dim")
    uncertain = _UNCERTAIN if listen["uncertain"] else ""
    estimated = " est." if listen["estimated"] else ""
    share = f"{listen['p_' + mood.lower()]:.0%}{uncertain}{estimated}"
    return Text(f"{SIGNS[mood]} {mood} {share}", style=TERMINAL_COLOURS[mood])
