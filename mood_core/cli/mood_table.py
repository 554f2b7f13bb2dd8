"""Tables of moods for the terminal. Each mood has a sign and a word, so that colour is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mood_core.domain.days import WEEKDAYS
from mood_core.domain.mood_style import SIGNS, TERMINAL_COLOURS
from mood_core.domain.records import ALL_MOODS, MOODS
from mood_core.store.queries.history import MoodCount

_BAR_CELLS = 20
_TIME_CELLS, _NAME_CELLS, _GAPS = 16, 12, 6


def print_mood_table(counts: Sequence[MoodCount], console: Console, *, period: str = "day") -> None:
    """Print a row for each person and period: the listens of each mood, and their shares as a bar of signs."""
    if not counts:
        console.print(
            "No listens are stored for this selection yet; `moodlog run` pulls listens,"
            " `moodlog import` adds a history."
        )
        return
    table = _table("person", period)
    for mood in MOODS:
        table.add_column(Text(SIGNS[mood], style=TERMINAL_COLOURS[mood]), justify="right", no_wrap=True)
    table.add_column("·", justify="right", no_wrap=True)
    table.add_column("share", no_wrap=True)
    person = None
    for count in counts:
        numbers = [str(count.listens[mood]) for mood in ALL_MOODS]
        name = _fitted(count.display_name, _NAME_CELLS) if count.user_id != person else Text()
        table.add_row(name, _shown(count.period, period), *numbers, _bar(count))
        person = count.user_id
    console.print(table)
    console.print(_legend())


def print_listens(listens: Sequence[dict[str, Any]], console: Console) -> None:
    """Print a row for each listen: local time, person, track, and the mood with its probability (? if uncertain).

    A mood from features estimated from audio is marked as "est."; a listen without a mood has · and the reason.
    """
    names = [_fitted(listen["display_name"], _NAME_CELLS) for listen in listens]
    moods = [_mood(listen) for listen in listens]
    head = ("local time", "person", "track", "mood")
    widest = (
        max([len(title), *(cell.cell_len for cell in cells)]) for title, cells in ((head[1], names), (head[3], moods))
    )
    room = max(console.width - _TIME_CELLS - _GAPS - sum(widest), 16)
    table = _table(*head)
    for listen, name, mood in zip(listens, names, moods, strict=True):
        track = _fitted(f"{listen['track']} – {listen['artists']}", room)
        table.add_row(str(listen["local_time"])[:_TIME_CELLS], name, track, mood)
    console.print(table)
    if any(listen["mood"] and listen["estimated"] for listen in listens):
        console.print(Text("est.: from features estimated from audio", style="dim"))


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
    uncertain = "?" if listen["uncertain"] else ""
    estimated = " est." if listen["estimated"] else ""
    share = f"{listen['p_' + mood.lower()]:.0%}{uncertain}{estimated}"
    return Text(f"{SIGNS[mood]} {mood} {share}", style=TERMINAL_COLOURS[mood])


def _bar(count: MoodCount) -> Text:
    bar = Text()
    heard = 0
    for mood in MOODS:
        heard += count.listens[mood]
        cells = round(_BAR_CELLS * heard / max(count.total, 1)) - len(bar)
        bar.append(SIGNS[mood] * cells, style=TERMINAL_COLOURS[mood])
    bar.append("·" * (_BAR_CELLS - len(bar)), style="dim")
    return bar
