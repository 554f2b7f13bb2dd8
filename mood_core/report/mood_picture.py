"""The last days' moods of everybody as a small picture (SVG): what a nightly run shows in Prefect's pages.

It is written by hand because it must need nothing installed: matplotlib is an extra.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, timedelta

from mood_core.domain.mood_style import COLOURS, INKS, SIGNS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.text.format import date_range, plural

_EPOCH = date(1970, 1, 1)
_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 24, 84, 34
_LEAST_FOR_SIGN = 13


def mood_picture(database: Database, today: date, *, days: int = 14) -> str:
    """An SVG of everybody's listens by mood on the ``days`` up to ``today``, a bar a day.

    Where it is tomorrow already for somebody who listened, the days end with that.

    Raises:
        StoreError: The database cannot be read.
    """
    first = today - timedelta(days=days - 1)
    counts: list[dict[str, int]] = [{} for _ in range(days + 1)]
    number = (first - _EPOCH).days
    with database.read() as connection:
        for row in connection.execute(query("recent_days"), {"first": number, "last": number + days}):
            counts[row.day - number][row.mood] = int(row.listens)
    begin = 1 if counts[-1] else 0
    return "".join(_drawn([first + timedelta(days=begin + at) for at in range(days)], counts[begin : begin + days]))


def as_data_uri(svg: str) -> str:
    """The picture as an address that holds it whole: nothing must be served for a page to show it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _drawn(dates: list[date], counts: list[dict[str, int]]) -> Iterator[str]:
    total = sum(sum(day.values()) for day in counts)
    said = f"{plural(total, 'listen')} by mood, {date_range(dates[0], dates[-1])}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        f' font-family="system-ui,sans-serif" font-size="12"><title>{said}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="12" fill="#ffffff"/>'
        f'<text x="{_LEFT}" y="32" font-size="16" font-weight="600" fill="#1d2025">{said}</text>'
    )
    yield from _legend()
    step = (_WIDTH - _LEFT - _RIGHT) / len(dates)
    most = max([1, *(sum(day.values()) for day in counts)])
    for at, (day, listens) in enumerate(zip(dates, counts, strict=True)):
        yield from _bar(_LEFT + at * step, step, listens, (_HEIGHT - _TOP - _BOTTOM) / most)
        yield _text(_LEFT + (at + 0.5) * step, _HEIGHT - 14, f"{day.day} {day:%b}", "#5a606b")
    yield "</svg>"


def _legend() -> Iterator[str]:
    x = float(_LEFT)
    for mood, colour in COLOURS.items():
        yield f'<rect x="{x:.1f}" y="46" width="15" height="15" rx="3" fill="{colour}"/>'
        yield _text(x + 7.5, 57.5, SIGNS[mood], INKS[mood])
        yield f'<text x="{x + 21:.1f}" y="58" fill="#5a606b">{mood.lower()}</text>'
        x += 46 + 6.6 * len(mood)


def _bar(x: float, step: float, listens: dict[str, int], scale: float) -> Iterator[str]:
    y = float(_HEIGHT - _BOTTOM)
    for mood, colour in COLOURS.items():
        height = listens.get(mood, 0) * scale
        y -= height
        if height:
            yield (
                f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" height="{height:.1f}" fill="{colour}"'
                ' stroke="#ffffff"/>'
            )
        if height >= _LEAST_FOR_SIGN:
            yield _text(x + step / 2, y + height / 2 + 4, SIGNS[mood], INKS[mood])
    if listens:
        yield _text(x + step / 2, y - 5, str(sum(listens.values())), "#1d2025")


def _text(x: float, y: float, content: str, fill: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{fill}">{content}</text>'
