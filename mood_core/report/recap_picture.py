"""The recap as one small picture: the week's seven days by mood, and each mood's share against the week before."""

from __future__ import annotations

import unicodedata
from functools import cache
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mood_core.errors import ConfigError, InputError
from mood_core.looks import COLOURS, INKS, SIGNS
from mood_core.private_files import file_stem, open_private
from mood_core.report.recap import Recap

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = "recaps"
_SOFT = "#5a606b"
_INK = "#1d2025"
_LONGEST_NAME = 48
_LEAST_FOR_SIGN = 0.055  # of the tallest bar


def picture_name(user_id: str) -> str:
    """The file name of a person's picture: their id, with every character that a file name may not have written out."""
    return f"{file_stem(user_id)}.png"


def picture_file(home: Path, recap: Recap) -> Path:
    """Where the weekly recap keeps a person's picture of a week."""
    return home / _FOLDER / str(recap.monday) / picture_name(recap.user_id)


def forget_pictures(home: Path, user_id: str) -> int:
    """Delete every picture that the weekly recap has kept of a person; returns how many there were."""
    files = list((home / _FOLDER).glob(f"*/{escape(picture_name(user_id))}"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def draw_recap(recap: Recap, out: Path) -> Path:
    """Draw ``recap`` as a PNG at ``out`` and return ``out``.

    Raises:
        ConfigError: matplotlib is not installed.
        InputError: The file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("the picture needs matplotlib; install it with: pip install 'moodlog[plots]'") from error
    figure = Figure(figsize=(8, 4.2), dpi=120, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.14, h_pad=0.1, wspace=0.05)
    days, shares = figure.subplots(1, 2, width_ratios=(1.7, 1))
    _draw_days(days, recap)
    _draw_shares(shares, recap)
    figure.suptitle(_title(recap), x=0.018, ha="left", fontsize=13, fontweight="bold", color=_INK, parse_math=False)
    try:
        with open_private(out) as file:
            figure.savefig(file, format="png")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out


def _title(recap: Recap) -> str:
    total = sum(recap.listens.values())
    week = f"The week from {recap.monday}, {total or 'no'} listen{'' if total == 1 else 's'}"
    name = recap.display_name
    if not name or not _can_draw(name):
        return week
    return f"{name[:_LONGEST_NAME]}{'…' if len(name) > _LONGEST_NAME else ''}\n{week}"


def _draw_days(axes: Any, recap: Recap) -> None:
    bottoms = [0] * 7
    most = max([1, *(sum(day.values()) for day in recap.days)])
    for mood, colour in COLOURS.items():
        heights = [day[mood] for day in recap.days]
        axes.bar(range(7), heights, bottom=bottoms, color=colour, edgecolor="white", linewidth=0.8, width=0.86)
        _sign(axes, mood, heights, bottoms, most)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    for at, total in enumerate(bottoms):
        axes.text(at, total + most * 0.015, total or "", ha="center", va="bottom", fontsize=9, color=_INK)
    axes.set_xticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], color=_SOFT)
    axes.set_ylim(0, most * 1.1)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("listens by day", loc="left", fontsize=10, color=_SOFT)


def _sign(axes: Any, mood: str, heights: Sequence[int], bottoms: Sequence[int], most: int) -> None:
    for at, (height, bottom) in enumerate(zip(heights, bottoms, strict=True)):
        if height >= most * _LEAST_FOR_SIGN:
            axes.text(at, bottom + height / 2, SIGNS[mood], ha="center", va="center", fontsize=9, color=INKS[mood])


def _draw_shares(axes: Any, recap: Recap) -> None:
    """This week's share as a bar, the week before as a line across it."""
    for at, (mood, (now, before)) in enumerate(recap.shares().items()):
        axes.barh(at, now, color=COLOURS[mood], height=0.56)
        said = f"{now:.0f} %" if sum(recap.listens.values()) or before is not None else "–"
        if before is not None:
            axes.plot([before, before], [at - 0.4, at + 0.4], color=_INK, linewidth=2)
            said += f", was {before:.0f} %"
        axes.text(max(now, before or 0) + 2, at, said, va="center", fontsize=9, color=_INK)
    widest = max(max(now, before or 0) for now, before in recap.shares().values())
    axes.set_xlim(0, max(widest, 10) * 1.75)
    axes.set_yticks(range(len(SIGNS)), [f"{mood} {sign}" for mood, sign in SIGNS.items()], color=_INK)
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    compared = ", line: week before" if sum(recap.before.values()) else ""
    axes.set_title(f"share of listens{compared}", loc="left", fontsize=10, color=_SOFT)


def _can_draw(name: str) -> bool:
    """Whether matplotlib's own font has every character, and all run from left to right: it orders no others."""
    known = _characters()
    return all(ord(sign) in known and unicodedata.bidirectional(sign) not in ("R", "AL", "AN") for sign in name)


@cache
def _characters() -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
