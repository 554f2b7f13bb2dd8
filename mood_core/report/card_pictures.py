"""Draws the cards of a year in review as PNG files, from the same SVG that pages show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mood_core.errors import ConfigError, InputError
from mood_core.files.private import file_stem, make_private_folder, replacing_private
from mood_core.installation import install_extra
from mood_core.report.cards import HEIGHT, WIDTH, drawn_cards
from mood_core.report.fonts import drawable
from mood_core.report.own_picture import refuse_foreign_picture, save_picture
from mood_core.report.recap import Recap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 150
_BOLD = 600
_ALIGNED = {"start": "left", "middle": "center", "end": "right"}


def draw_cards(recap: Recap, folder: Path) -> list[Path]:
    """Draw each card as a PNG of 1080 × 1350 pixels in ``folder``; returns the files in the order of the story.

    Raises:
        ConfigError: matplotlib is not installed.
        InputError: A file cannot be written, or is no picture of moodlog.
    """
    stem = f"{file_stem(recap.user_id)}-{recap.period.key}"
    drawn = [(folder / f"{stem}-{number}.png", svg) for number, (_, svg) in enumerate(drawn_cards(recap), 1)]
    for path, _ in drawn:
        refuse_foreign_picture(path)
    try:
        make_private_folder(folder)
        for path, svg in drawn:
            with replacing_private(path) as file:
                save_picture(card_figure(svg), file)
    except ImportError as error:
        raise ConfigError(f"pictures need matplotlib; install it with: {install_extra('plots')}") from error
    except OSError as error:
        raise InputError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return [path for path, _ in drawn]


def card_figure(svg: str) -> Figure:
    """The picture of a card of :func:`mood_core.report.cards.drawn_cards`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(HEIGHT, 0)
    axes.set_axis_off()
    reader = _Reader()
    reader.feed(str(svg))  # Markup would escape what is added to it
    for part in reader.parts:
        _PARTS[part.tag](axes, part)
    return figure


@dataclass(slots=True)
class _Part:
    """A shape or a text of a card."""

    tag: str
    values: dict[str, str]
    text: str = ""

    def number(self, name: str) -> float:
        """The value ``name``; 0 without one."""
        return float(self.values.get(name, 0))


class _Reader(HTMLParser):
    """Reads the parts of a card's SVG, as a browser reads it in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[_Part] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a part."""
        if tag in _PARTS:
            self.parts.append(_Part(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Add to the text of a part; between parts there are only line breaks."""
        if self.parts:
            self.parts[-1].text += data


def _draw_rect(axes: Any, part: _Part) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height, round_ = (part.number(name) for name in ("x", "y", "width", "height", "rx"))
    if width <= 0 or height <= 0:
        return
    corner = min(round_, width / 2, height / 2)
    shape = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
    edge = part.values.get("stroke")
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle=shape,
            facecolor=part.values["fill"],
            edgecolor=edge or "none",
            linewidth=_points(part.number("stroke-width")) if edge else 0,
        )
    )


def _draw_circle(axes: Any, part: _Part) -> None:
    from matplotlib.patches import Circle

    centre = part.number("cx"), part.number("cy")
    axes.add_patch(
        Circle(
            centre,
            part.number("r"),
            facecolor=part.values["fill"],
            alpha=float(part.values.get("opacity", 1)),
            linewidth=0,
        )
    )


def _draw_text(axes: Any, part: _Part) -> None:
    """Write a text on its baseline, smaller if it is wider than its place."""
    if not part.text.strip():
        return
    words, families = drawable(part.text.strip())
    written = axes.text(
        part.number("x"),
        part.number("y"),
        words,
        fontsize=_points(part.number("font-size")),
        fontweight="bold" if part.number("font-weight") >= _BOLD else "normal",
        fontfamily=families,
        color=part.values["fill"],
        ha=_ALIGNED[part.values["text-anchor"]],
        va="baseline",
        parse_math=False,
    )
    most, width = part.number("data-most"), written.get_window_extent().width
    if 0 < most < width:
        written.set_fontsize(written.get_fontsize() * most / width)


_PARTS: dict[str, Callable[[Any, _Part], None]] = {
    "rect": _draw_rect,
    "circle": _draw_circle,
    "text": _draw_text,
}


def _points(pixels: float) -> float:
    return pixels * 72 / _DPI
