"""Colours and symbols of the moods, and the colours around them: the one place for pages, pictures and the terminal.

The colours of moods differ in hue and in lightness, so that colour-blind people can distinguish them. Files that cannot
import these (assets/basics.js of the report, the Grafana dashboard) are compared with them in a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLOURS: Mapping[str, str] = MappingProxyType(
    {"Calm": "#2fae9b", "Energetic": "#d55e00", "Happy": "#f2b632", "Sad": "#41449f", "Unlabelled": "#dfe1e5"}
)
"""Fill colours, in stacking order."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {"Calm": "○", "Energetic": "▲", "Happy": "●", "Sad": "▽", "Unlabelled": "·"}
)
"""Symbols that are shown with the colours."""

INKS: Mapping[str, str] = MappingProxyType(dict.fromkeys(COLOURS, "#111111") | {"Sad": "#ffffff"})
"""Text colours that are legible on the fill."""

FILLS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"light": COLOURS, "dark": {**COLOURS, "Calm": "#4dbfa9", "Sad": "#7b7fe0", "Unlabelled": "#4a4f58"}}
)
"""Fill colours by look."""

INKS_ON_FILLS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"light": INKS, "dark": dict.fromkeys(COLOURS, "#111111") | {"Unlabelled": "#ffffff"}}
)
"""Text colours that are legible on the fills, by look."""

LOOKS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "light": {
            "ground": "#f6f5f2",
            "card": "#ffffff",
            "ink": "#1d2025",
            "soft": "#5a606b",
            "line": "#e2e0da",
            "edge": "#c9c6be",
            "focus": "#0b57d0",
            "track": "#eceae4",
        },
        "dark": {
            "ground": "#121417",
            "card": "#1b1e23",
            "ink": "#eceef1",
            "soft": "#a7aeb9",
            "line": "#2e333a",
            "edge": "#4a515b",
            "focus": "#8ab4f8",
            "track": "#2a2e35",
        },
    }
)
"""Colours of grounds, text and lines, by look."""

TERMINAL_COLOURS: Mapping[str, str] = MappingProxyType(
    {"Calm": "cyan", "Energetic": "red", "Happy": "yellow", "Sad": "blue"}
)
"""The terminal's own colours that come closest."""


def style_variables() -> str:
    """The colours of both looks as CSS variables: ``--ground``, ``--calm``, and ``--on-calm`` for text on it."""
    selectors = {"light": ":root", "dark": ":root[data-look=dark]"}
    return "\n".join(f"{selectors[look]}{{color-scheme:{look};{_variables(look)}}}" for look in LOOKS)


def _variables(look: str) -> str:
    fills = {mood.lower(): colour for mood, colour in FILLS[look].items()}
    inks = {f"on-{mood.lower()}": colour for mood, colour in INKS_ON_FILLS[look].items()}
    return ";".join(f"--{name}:{colour}" for name, colour in {**LOOKS[look], **fills, **inks}.items())
