"""How a mood looks, wherever it is drawn: its colour and its sign.

The colours are those of Okabe and Ito, which people with colour-blind eyes can tell apart. The page's style
(assets/page.css), its script (assets/basics.js) and the Grafana dashboard say the same; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLOURS: Mapping[str, str] = MappingProxyType(
    {"Calm": "#56b4e9", "Energetic": "#d55e00", "Happy": "#e69f00", "Sad": "#0072b2", "Unlabelled": "#b9bcc2"}
)
"""The fill of each mood, in the order in which moods are stacked."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {"Calm": "○", "Energetic": "▲", "Happy": "●", "Sad": "▽", "Unlabelled": "·"}
)
"""The sign that stands with the colour."""

INKS: Mapping[str, str] = MappingProxyType(dict.fromkeys(COLOURS, "#111111") | {"Sad": "#ffffff"})
"""What is legible on the fill."""
