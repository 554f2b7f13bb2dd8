"""The recap as a picture: days or months by mood, song and artist, and each mood's share."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mood_core.domain.days import MONTHS, WEEKDAYS
from mood_core.domain.mood_style import COLOURS, INKS, LOOKS, SIGNS
from mood_core.errors import ConfigError, InputError
from mood_core.files.private import file_stem, replacing_private
from mood_core.installation import install_extra
from mood_core.report.fonts import FAMILY, NO_FONT, families_of
from mood_core.report.own_picture import save_picture
from mood_core.report.recap import Recap
from mood_core.report.recap_period import Unit, compared_days, up_to
from mood_core.text.format import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

FOLDER = "recaps"
"""The folder of the pictures in HOME."""

_GROUND, _LINE, _SOFT, _INK = (LOOKS["light"][name] for name in ("ground", "edge", "soft", "ink"))
_LONGEST_NAME = 32
_LONGEST_TITLE = 60
_LEAST_FOR_SIGN = 0.09  # of the tallest bar


def picture_name(user_id: str) -> str:
    """The file name of a person's picture: their id, percent-encoded."""
    return f"{file_stem(user_id)}.png"


def picture_file(home: Path, recap: Recap) -> Path:
    """The path of a person's picture of a period."""
    return home / FOLDER / recap.period.key / picture_name(recap.user_id)


def forget_pictures(home: Path, user_id: str) -> int:
    """Delete all pictures of a person; returns their number."""
    files = list((home / FOLDER).glob(f"*/{escape(picture_name(user_id))}"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def draw_recap(recap: Recap, out: Path) -> Path:
    """Draw ``recap`` as a PNG of 1080 × 1350 pixels at ``out`` and return ``out``.

    Raises:
        ConfigError: matplotlib is not installed.
        InputError: The file cannot be written.
    """
    try:
        figure = recap_figure(recap)
    except ImportError as error:
        raise ConfigError(f"the picture needs matplotlib; install it with: {install_extra('plots')}") from error
    try:
        with replacing_private(out) as file:
            save_picture(figure, file)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out


def recap_figure(recap: Recap) -> Figure:
    """The picture: upright, with text that is legible at a width of 6 cm, as in a chat on a phone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 9), dpi=150, facecolor=_GROUND)
    name, period = _titles(recap)
    style: dict[str, Any] = {"fontweight": "bold", "color": _INK, "parse_math": False, "fontfamily": families_of(name)}
    head = figure.text(0.05, 0.962, name, va="top", fontsize=26, **style)
    head.set_fontsize(26 * min(1, 0.9 * figure.bbox.width / head.get_window_extent().width))
    figure.text(0.05, 0.896, period, va="center", fontsize=15, color=_SOFT)
    if recap.total:
        figure.text(0.05, 0.855, recap.headline(), va="center", fontsize=17, fontweight="bold", color=_INK)
    _draw_parts(figure.add_axes((0.05, 0.515, 0.9, 0.3)), recap)
    _write_tops(figure, recap)
    _draw_shares(figure.add_axes((0.285, 0.035, 0.665, 0.235)), recap)
    figure.text(0.05, 0.29, f"Share of listens{_about_shares(recap)}", va="center", fontsize=13, color=_SOFT)
    return figure


def _titles(recap: Recap) -> tuple[str, str]:
    before = sum(recap.before.values()) if recap.comparable else 0
    heard = plural(recap.total, "listen") if recap.total else "no listens"
    earlier = f", {plural(before)} the {recap.period.unit} before" if before and not recap.until else ""
    begun = (
        f", from {recap.begins.day} {recap.begins:%b} on" if recap.begins and recap.begins > recap.period.first else ""
    )
    so_far = f", {up_to(recap.until)}" if recap.until else ""
    period = f"{recap.period.dates}: {heard}{earlier or begun + so_far}"
    name = recap.display_name
    if not name or not families_of(name):
        return f"The {recap.period.unit} in moods", period
    return f"{name[:_LONGEST_NAME]}{'…' if len(name) > _LONGEST_NAME else ''}", period


def _write_tops(figure: Figure, recap: Recap) -> None:
    """The most played song and artist; a sentence for a name that matplotlib cannot draw."""
    song, artist = recap.top_track, recap.top_artist
    if song:
        figure.text(0.05, 0.441, "Top song", va="center", fontsize=13, color=_SOFT)
        _write_fitted(figure, 0.441, song.title, f", {plural(song.listens)}\N{NO-BREAK SPACE}×", fontweight="bold")
        _write_fitted(figure, 0.408, song.artists, color=_SOFT)
    if artist:
        figure.text(0.05, 0.36, "Top artist", va="center", fontsize=13, color=_SOFT)
        times = f", {plural(artist.listens)}\N{NO-BREAK SPACE}×"
        _write_fitted(figure, 0.36, artist.artists, times, fontweight="bold")


def _write_fitted(figure: Figure, y: float, text: str, end: str = "", **style: Any) -> None:
    """Write ``text`` and ``end`` on one line, with an ellipsis between them if the text is too long."""
    options: dict[str, Any] = {"va": "center", "fontsize": 16, "color": _INK, "parse_math": False} | style
    families = families_of(text)
    if families is None:
        text, end, options["fontweight"] = NO_FONT, "", "normal"
    options["fontfamily"] = families or FAMILY
    written = figure.text(0.285, y, "", **options)
    for letters in range(min(len(text), _LONGEST_TITLE), 0, -1):
        written.set_text(f"{text[:letters]}{'…' if letters < len(text) else ''}{end}")
        if written.get_window_extent().x1 <= 0.95 * figure.bbox.width:
            break


def _draw_parts(axes: Any, recap: Recap) -> None:
    places = range(len(recap.parts))
    bottoms = [0] * len(recap.parts)
    most = max([1, *(sum(part.values()) for part in recap.parts)])
    for mood, colour in COLOURS.items():
        heights = [part[mood] for part in recap.parts]
        axes.bar(places, heights, bottom=bottoms, color=colour, edgecolor=_GROUND, linewidth=1.2, width=0.88)
        if recap.period.unit is not Unit.MONTH:
            _sign(axes, mood, heights, bottoms, most)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    for at, total in enumerate(bottoms):
        if total and recap.period.unit is not Unit.MONTH:
            axes.text(at, total + most * 0.02, _short(total), ha="center", va="bottom", fontsize=14, color=_INK)
    if not any(bottoms):
        axes.text(len(bottoms) / 2 - 0.5, 0.5, "No listens", ha="center", va="center", fontsize=15, color=_SOFT)
    axes.set_xticks(*_ticks(recap), color=_SOFT, fontsize=14)
    axes.set_xlim(-0.5, len(bottoms) - 0.5)
    axes.set_ylim(0, most * 1.1)
    _bare(axes, "bottom")


def _short(count: int) -> str:
    """A count that fits above the bar of a month."""
    return plural(count) if count < 10_000 else f"{count / 1000:.0f}k"


def _ticks(recap: Recap) -> tuple[list[int], list[str]]:
    if recap.period.unit is Unit.WEEK:
        return list(range(7)), list(WEEKDAYS)
    if recap.period.unit is Unit.YEAR:
        return list(range(12)), list(MONTHS)
    days = list(range(0, len(recap.parts), 7))
    return days, [str(day + 1) for day in days]


def _sign(axes: Any, mood: str, heights: Sequence[int], bottoms: Sequence[int], most: int) -> None:
    for at, (height, bottom) in enumerate(zip(heights, bottoms, strict=True)):
        if height >= most * _LEAST_FOR_SIGN:
            axes.text(at, bottom + height / 2, SIGNS[mood], ha="center", va="center", fontsize=13, color=INKS[mood])


def _about_shares(recap: Recap) -> str:
    if recap.total and recap.is_few:
        return f", grey: only {plural(recap.total, 'listen')}"
    is_compared = any(before is not None for _, before in recap.shares().values())
    earlier = compared_days(f"the {recap.period.unit} before", recap.until)
    return f", the line is {earlier}" if is_compared else ""


def _draw_shares(axes: Any, recap: Recap) -> None:
    """The period's share as a bar, that of the period before as a line across it."""
    widest = max(10, *(max(now, before or 0) for now, before in recap.shares().values()))
    ink = _SOFT if recap.is_few else _INK
    for at, (mood, (now, before)) in enumerate(recap.shares().items()):
        axes.barh(at, now, color=_LINE if recap.is_few else COLOURS[mood], height=0.6)
        text = f"{now:.0f}%, n = {plural(recap.listens[mood])}" if recap.total else "–"
        if before is not None:
            axes.plot([before, before], [at - 0.42, at + 0.42], color=_INK, linewidth=3, solid_capstyle="butt")
            text += f", was {before:.0f}%"
        axes.text(max(now, before or 0) + widest * 0.04, at, text, va="center_baseline", fontsize=14, color=ink)
    axes.set_xlim(0, widest * 2.5)
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
