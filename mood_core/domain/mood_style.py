"""Colours and symbols of the moods.

The colours differ in hue and in lightness, so that colour-blind people can distinguish them. The report page's style
(assets/page.css) and script (assets/basics.js) and the Grafana dashboard use the same ones; a test compares them.
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
