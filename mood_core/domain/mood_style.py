"""Colours and symbols of the moods.

The colours are Okabe and Ito's, which colour-blind people can distinguish. The report page's style (assets/page.css)
and script (assets/basics.js) and the Grafana dashboard use the same ones; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLOURS: Mapping[str, str] = MappingProxyType(
    {"Calm": "#56b4e9", "Energetic": "#d55e00", "Happy": "#e69f00", "Sad": "#0072b2", "Unlabelled": "#b9bcc2"}
)
"""Fill colours, in stacking order."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {"Calm": "○", "Energetic": "▲", "Happy": "●", "Sad": "▽", "Unlabelled": "·"}
)
"""Symbols that are shown with the colours."""

INKS: Mapping[str, str] = MappingProxyType(dict.fromkeys(COLOURS, "#111111") | {"Sad": "#ffffff"})
"""Text colours that are legible on the fill."""
