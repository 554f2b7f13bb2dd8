"""The recap as a picture: the seven days by mood, and each mood's share compared with the week before."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from functools import cache
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mood_core.domain.mood_style import COLOURS, INKS, SIGNS
from mood_core.errors import ConfigError, InputError
from mood_core.files.private import file_stem, open_private
from mood_core.installation import install_extra
from mood_core.report.recap import Recap
from mood_core.text.format import date_range, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

FOLDER = "recaps"
"""The folder of the pictures in HOME."""

_GROUND, _LINE, _SOFT, _INK = "#f6f5f2", "#c9c6be", "#5a606b", "#1d2025"  # those of the mood page
_LONGEST_NAME = 32
_LEAST_FOR_SIGN = 0.075  # of the tallest bar


def picture_name(user_id: str) -> str:
    """The file name of a person's picture: their id, percent-encoded."""
    return f"{file_stem(user_id)}.png"


def picture_file(home: Path, recap: Recap) -> Path:
    """The path of a person's picture of a week."""
    return home / FOLDER / str(recap.monday) / picture_name(recap.user_id)


def forget_pictures(home: Path, user_id: str) -> int:
    """Delete all pictures of a person; returns their number."""
    files = list((home / FOLDER).glob(f"*/{escape(picture_name(user_id))}"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def draw_recap(recap: Recap, out: Path) -> Path:
    """Draw ``recap`` as a square PNG of 1080 pixels at ``out`` and return ``out``.

    Raises:
        ConfigError: matplotlib is not installed.
        InputError: The file cannot be written.
    """
    try:
        figure = recap_figure(recap)
    except ImportError as error:
        raise ConfigError(f"the picture needs matplotlib; install it with: {install_extra('plots')}") from error
    try:
        with open_private(out) as file:
            figure.savefig(file, format="png")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out


def recap_figure(recap: Recap) -> Figure:
    """The picture: a square whose smallest text is legible at a width of 6 cm, as in a chat on a phone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 7.2), dpi=150, facecolor=_GROUND)
    name, week = _titles(recap)
    head = figure.text(0.05, 0.952, name, va="top", fontsize=26, fontweight="bold", color=_INK, parse_math=False)
    head.set_fontsize(26 * min(1, 0.9 * figure.bbox.width / head.get_window_extent().width))
    figure.text(0.05, 0.868, week, va="center", fontsize=15, color=_SOFT)
    _draw_days(figure.add_axes((0.05, 0.445, 0.9, 0.37)), recap)
    _draw_shares(figure.add_axes((0.285, 0.04, 0.665, 0.285)), recap)
    compared = ", the line is the week before" if sum(recap.before.values()) else ""
    figure.text(0.05, 0.35, f"Share of listens{compared}", va="center", fontsize=13, color=_SOFT)
    return figure


def _titles(recap: Recap) -> tuple[str, str]:
    total, before = sum(recap.listens.values()), sum(recap.before.values())
    heard = plural(total, "listen") if total else "no listens"
    earlier = f", {plural(before)} the week before" if before else ""
    week = f"{date_range(recap.monday, recap.monday + timedelta(days=6))}: {heard}{earlier}"
    name = recap.display_name
    if not name or not _can_draw(name):
        return "The week in moods", week
    return f"{name[:_LONGEST_NAME]}{'…' if len(name) > _LONGEST_NAME else ''}", week


def _draw_days(axes: Any, recap: Recap) -> None:
    bottoms = [0] * 7
    most = max([1, *(sum(day.values()) for day in recap.days)])
    for mood, colour in COLOURS.items():
        heights = [day[mood] for day in recap.days]
        axes.bar(range(7), heights, bottom=bottoms, color=colour, edgecolor=_GROUND, linewidth=1.2, width=0.88)
        _sign(axes, mood, heights, bottoms, most)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    for at, total in enumerate(bottoms):
        if total:
            axes.text(at, total + most * 0.02, plural(total), ha="center", va="bottom", fontsize=14, color=_INK)
    if not any(bottoms):
        axes.text(3, 0.5, "No listens", ha="center", va="center", fontsize=15, color=_SOFT)
    axes.set_xticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], color=_SOFT, fontsize=14)
    axes.set_xlim(-0.5, 6.5)
    axes.set_ylim(0, most * 1.1)
    _bare(axes, "bottom")


def _sign(axes: Any, mood: str, heights: Sequence[int], bottoms: Sequence[int], most: int) -> None:
    for at, (height, bottom) in enumerate(zip(heights, bottoms, strict=True)):
        if height >= most * _LEAST_FOR_SIGN:
            axes.text(at, bottom + height / 2, SIGNS[mood], ha="center", va="center", fontsize=13, color=INKS[mood])


def _draw_shares(axes: Any, recap: Recap) -> None:
    """This week's share as a bar, the week before as a line across it."""
    widest = max(10, *(max(now, before or 0) for now, before in recap.shares().values()))
    for at, (mood, (now, before)) in enumerate(recap.shares().items()):
        axes.barh(at, now, color=COLOURS[mood], height=0.6)
        text = f"{now:.0f}%" if sum(recap.listens.values()) or before is not None else "–"
        if before is not None:
            axes.plot([before, before], [at - 0.42, at + 0.42], color=_INK, linewidth=3, solid_capstyle="butt")
            text += f", was {before:.0f}%"
        axes.text(max(now, before or 0) + widest * 0.04, at, text, va="center_baseline", fontsize=14, color=_INK)
    axes.set_xlim(0, widest * 1.75)
    axes.set_yticks(range(len(SIGNS)), [f"{mood} {sign}" for mood, sign in SIGNS.items()], color=_INK, fontsize=15)
    axes.invert_yaxis()
    _bare(axes, "left")


def _bare(axes: Any, kept: str) -> None:
    """Remove the frame and the ticks, except a faint line and the ticks at the side ``kept``."""
    axes.set_facecolor("none")
    axes.tick_params(length=0, pad=8)
    axes.spines[[side for side in ("top", "right", "left", "bottom") if side != kept]].set_visible(False)
    axes.spines[kept].set_color(_LINE)
    axes.set_yticks([]) if kept == "bottom" else axes.set_xticks([])


def _can_draw(name: str) -> bool:
    """Whether matplotlib's font has every character, and all are left-to-right: matplotlib cannot order others."""
    known = _characters()
    return all(ord(sign) in known and unicodedata.bidirectional(sign) not in ("R", "AL", "AN") for sign in name)


@cache
def _characters() -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
