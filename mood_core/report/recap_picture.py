"""The recap as one small picture: the week's seven days, stacked by mood."""

from __future__ import annotations

from pathlib import Path

from mood_core.errors import ConfigError, InputError
from mood_core.report.recap import Recap

_COLOURS = {"Calm": "#56b4e9", "Energetic": "#d55e00", "Happy": "#e69f00", "Sad": "#0072b2", "Unlabelled": "#b9bcc2"}
_HATCHES = {"Calm": "///", "Energetic": "...", "Happy": "", "Sad": "xxx", "Unlabelled": ""}


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
    figure = Figure(figsize=(7, 3.8), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    bottoms = [0] * 7
    for mood, colour in _COLOURS.items():
        heights = [day[mood] for day in recap.days]
        axes.bar(
            range(7),
            heights,
            bottom=bottoms,
            color=colour,
            hatch=_HATCHES[mood],
            edgecolor="white",
            linewidth=0.6,
            label=mood,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_xticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    axes.set_ylabel("listens")
    axes.spines[["top", "right"]].set_visible(False)
    # Names are text: a dollar sign must not begin a formula.
    title = "\n".join(sentence[:90] for sentence in recap.sentences()[:2])
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    axes.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False, fontsize=9)
    try:
        figure.savefig(out, format="png")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return out
