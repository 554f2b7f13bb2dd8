"""The pictures of the newest day and week for home dashboards, as SVG and PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from mood_core.domain.mood_style import FILLS, INKS_ON_FILLS, LOOKS, SIGNS
from mood_core.domain.records import ALL_MOODS, UNLABELLED
from mood_core.errors import ConfigError
from mood_core.installation import install_extra
from mood_core.report.fonts import drawable
from mood_core.report.recap import no_listens
from mood_core.store.engine.database import Database
from mood_core.store.queries.accounts import Account
from mood_core.text.format import date_range, plural
from mood_core.text.sanitise import xml_text
from mood_core.web.read_day import read_day
from mood_core.web.shares import leading, read_days

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}

_WIDTH, _HEIGHT = 480, 240
_LEFT, _TOP, _BOTTOM = 20, 84, 208
_LONGEST_NAME = 28


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Stacked bars with a title, one line about them and a label below each bar (empty for none)."""

    title: str
    words: str
    bars: list[dict[str, int]]
    labels: list[str]
    look: str = "light"

    @property
    def colours(self) -> Mapping[str, str]:
        """The colours of the moods."""
        return FILLS[self.look]

    @property
    def style(self) -> Mapping[str, str]:
        """The colours of ground, text and lines."""
        return LOOKS[self.look]

    @property
    def inks(self) -> Mapping[str, str]:
        """The colours of the signs on the moods."""
        return INKS_ON_FILLS[self.look]


def day_picture(database: Database, account: Account, day: date, look: str) -> Picture:
    """The listens of a day by hour.

    Raises:
        StoreError: The database cannot be read.
    """
    hours = [no_listens() for _ in range(24)]
    for listen in read_day(database, account, day).listens:
        hours[listen.at.hour][listen.label.mood or UNLABELLED] += 1
    labels = [f"{hour}:00" if hour % 6 == 0 else "" for hour in range(24)]
    return Picture(_title(account, f"{day:%A}, {day.day} {day:%b}"), _words(hours), hours, labels, look)


def week_picture(database: Database, account: Account, last: date, look: str) -> Picture:
    """The listens of the seven days up to ``last``.

    Raises:
        StoreError: The database cannot be read.
    """
    first = last - timedelta(days=6)
    days = [no_listens() for _ in range(7)]
    with database.read() as connection:
        for one in read_days(connection, account.user_id, first, last):
            days[(one.day - first).days][one.mood] += one.listens
    labels = [f"{first + timedelta(days=at):%a}" for at in range(7)]
    return Picture(_title(account, date_range(first, last)), _words(days), days, labels, look)


def _title(account: Account, when: str) -> str:
    name = account.display_name
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return f"{shown}: {when}"


def _words(bars: list[dict[str, int]]) -> str:
    counts = {mood: sum(bar[mood] for bar in bars) for mood in ALL_MOODS}
    total, top = sum(counts.values()), leading(counts)
    if not total:
        return "no listens"
    return f"{plural(total, 'listen')}, most often {top.lower()} music" if top else plural(total, "listen")


def as_svg(picture: Picture) -> str:
    """The picture as SVG."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("mood_core.web", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: xml_text(value) if type(value) is str else value,
    )
    return environment.get_template("picture.svg.j2").render(
        picture=picture,
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        bottom=_BOTTOM,
        step=(_WIDTH - 2 * _LEFT) / len(picture.bars),
        scale=(_BOTTOM - _TOP) / max([1, *(sum(bar.values()) for bar in picture.bars)]),
        signs=SIGNS,
    )


def as_png(picture: Picture) -> bytes:
    """The picture as PNG with two pixels per unit, for dashboards that show no SVG.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(f"PNG pictures need matplotlib; install it with: {install_extra('plots')}") from error
    style = picture.style
    figure = Figure(figsize=(_WIDTH / 100, _HEIGHT / 100), dpi=200, facecolor=style["card"])
    text: dict[str, Any] = {"va": "center", "parse_math": False}
    title, families = drawable(picture.title)
    figure.text(0.042, 0.88, title, fontsize=11, fontweight="bold", fontfamily=families, color=style["ink"], **text)
    figure.text(0.042, 0.76, picture.words, fontsize=9, color=style["soft"], **text)
    axes = figure.add_axes((0.042, 0.133, 0.916, 0.517))
    _draw_bars(axes, picture)
    file = BytesIO()
    figure.savefig(file, format="png", facecolor=style["card"])
    return file.getvalue()


def _draw_bars(axes: Any, picture: Picture) -> None:
    places = range(len(picture.bars))
    bottoms = [0] * len(picture.bars)
    for mood, colour in picture.colours.items():
        heights = [bar[mood] for bar in picture.bars]
        axes.bar(places, heights, bottom=bottoms, color=colour, edgecolor=picture.style["card"], width=0.9)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_facecolor("none")
    axes.set_xlim(-0.5, len(picture.bars) - 0.5)
    axes.set_ylim(0, max(1, *bottoms))
    axes.set_yticks([])
    shown = [at for at in places if picture.labels[at]]
    axes.set_xticks(shown, [picture.labels[at] for at in shown], color=picture.style["soft"], fontsize=8)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(picture.style["line"])


PICTURES: dict[str, Callable[[Database, Account, date, str], Picture]] = {"day": day_picture, "week": week_picture}
"""What draws each kind of picture, up to a day."""
