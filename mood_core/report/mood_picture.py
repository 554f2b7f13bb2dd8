"""A small picture (SVG) of the last days' moods of all people: an artifact of the nightly run in Prefect.

It is a template and not a plot, because matplotlib is an extra.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from mood_core.domain.days import day_number
from mood_core.domain.mood_style import COLOURS, INKS, LOOKS, SIGNS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.text.format import date_range, plural

_WIDTH, _LEFT, _TOP, _BOTTOM = 720, 24, 84, 266
"""The bars' place in assets/mood_picture.svg.j2, pixels."""


def mood_picture(database: Database, today: date, *, days: int = 14) -> str:
    """An SVG of all people's listens by mood on the ``days`` up to ``today``, one bar per day.

    The last day is tomorrow if somebody in an eastern time zone has listened on it already.

    Raises:
        StoreError: The database cannot be read.
    """
    first = today - timedelta(days=days - 1)
    counts: list[dict[str, int]] = [{} for _ in range(days + 1)]
    number = day_number(first)
    with database.read() as connection:
        for row in connection.execute(query("recent_days"), {"first": number, "last": number + days}):
            counts[row.day - number][row.mood] = int(row.listens)
    begin = 1 if counts[-1] else 0
    return _drawn([first + timedelta(days=begin + at) for at in range(days)], counts[begin : begin + days])


def as_data_uri(svg: str) -> str:
    """The picture as a data URI, which a page can show without another request."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _drawn(dates: Sequence[date], counts: Sequence[Mapping[str, int]]) -> str:
    from jinja2 import Environment, PackageLoader

    total = sum(sum(listens.values()) for listens in counts)
    loader = PackageLoader("mood_core.report", "assets")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    return environment.get_template("mood_picture.svg.j2").render(
        title=f"{plural(total, 'listen')} by mood, {date_range(dates[0], dates[-1])}",
        days=list(zip(dates, counts, strict=True)),
        step=(_WIDTH - 2 * _LEFT) / len(dates),
        scale=(_BOTTOM - _TOP) / max([1, *(sum(listens.values()) for listens in counts)]),
        left=_LEFT,
        bottom=_BOTTOM,
        look=LOOKS["light"],
        colours=COLOURS,
        signs=SIGNS,
        inks=INKS,
    )
