"""How moods look: the same colours and signs everywhere, which colour-blind people can distinguish."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mood_core.domain.mood_style import COLOURS, INKS, SIGNS
from mood_core.domain.records import MOODS

_ROOT = Path(__file__).resolve().parents[2]
_ASSETS = _ROOT / "mood_core" / "report" / "assets"
# Viénot, Brettel and Mollon (1999), on linear RGB.
_SEEN = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    "typical": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
}


def _css(look: str) -> dict[str, str]:
    style = (_ASSETS / "page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root(?:\[data-look=dark\])?\{([^}]*)\}", style)
    said = dict(re.findall(r"--(\w+):(#\w+)", light))
    return said | (dict(re.findall(r"--(\w+):(#\w+)", dark)) if look == "dark" else {})


def _linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(matrix @ linear, 0, None) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_page_and_grafana_use_the_same_colours() -> None:
    assert {mood: _css("light")[mood.lower()] for mood in COLOURS} == dict(COLOURS)
    panels = json.loads((_ROOT / "docs" / "grafana" / "moodlog.json").read_text(encoding="utf-8"))["panels"]
    overrides = panels[0]["fieldConfig"]["overrides"]
    drawn = {one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"] for one in overrides}
    assert drawn == dict(COLOURS)


def test_the_page_uses_the_same_signs() -> None:
    script = (_ASSETS / "basics.js").read_text(encoding="utf-8")
    found = re.search(r"const SIGNS = \{(.*?)\};", script)
    assert found
    assert dict(re.findall(r'(\w+): "(.)"', found[1])) == dict(SIGNS)
    assert len(set(SIGNS.values())) == len(COLOURS) == len(MOODS) + 1


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("eyes", sorted(_SEEN))
def test_moods_can_be_distinguished(look: str, eyes: str) -> None:
    shown = {mood: _lab(np.array(_SEEN[eyes]) @ _linear(_css(look)[mood.lower()])) for mood in COLOURS}
    distances = {pair: float(np.linalg.norm(shown[pair[0]] - shown[pair[1]])) for pair in combinations(COLOURS, 2)}
    assert min(distances.values()) > 17, min(distances, key=distances.__getitem__)
    assert distances["Calm", "Sad"] > 50, "Calm and Sad must be distinct at a glance"


@pytest.mark.parametrize("mood", sorted(COLOURS))
def test_signs_stand_out_on_their_colours(mood: str) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    ink, ground = sorted(float(weights @ _linear(colour)) for colour in (INKS[mood], COLOURS[mood]))
    assert (ground + 0.05) / (ink + 0.05) >= 4.5
