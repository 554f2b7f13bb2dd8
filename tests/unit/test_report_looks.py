"""How moods look: the same colours and signs everywhere, which colour-blind people can distinguish."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mood_core.domain.days import MONTHS, WEEKDAYS
from mood_core.domain.mood_style import COLOURS, FILLS, INKS_ON_FILLS, LOOKS, SIGNS
from mood_core.domain.records import ALL_MOODS, MOODS
from mood_core.report.page import page_style

_ROOT = Path(__file__).resolve().parents[2]
_ASSETS = _ROOT / "mood_core" / "report" / "assets"
# Viénot, Brettel and Mollon (1999), on linear RGB.
_SEEN = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    "typical": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
}


def _linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(matrix @ linear, 0, None) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_grafana_uses_the_same_colours() -> None:
    panels = json.loads((_ROOT / "docs" / "grafana" / "moodlog.json").read_text(encoding="utf-8"))["panels"]
    coloured = [panel["fieldConfig"]["overrides"] for panel in panels if panel["fieldConfig"]["overrides"]]
    assert len(coloured) == 2
    for overrides in coloured:
        drawn = {one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"] for one in overrides}
        assert drawn == dict(COLOURS)


def test_the_page_has_the_colours_as_variables_in_both_looks() -> None:
    rules = re.findall(r":root(?:\[data-look=dark\])?\{([^}]*)\}", page_style())
    assert len(rules) == 2
    for rule, look in zip(rules, ("light", "dark"), strict=True):
        variables = dict(re.findall(r"--([\w-]+):(#\w+)", rule))
        assert variables["ink"] == LOOKS[look]["ink"]
        assert {mood: variables[mood.lower()] for mood in COLOURS} == dict(FILLS[look])
        assert {mood: variables[f"on-{mood.lower()}"] for mood in COLOURS} == dict(INKS_ON_FILLS[look])


@pytest.mark.parametrize("folder", ["report", "web"])
def test_no_asset_has_a_colour_of_its_own(folder: str) -> None:
    named = {colour for look in LOOKS for part in (LOOKS, FILLS) for colour in part[look].values()} - {"#ffffff"}
    files = [
        file for file in (_ROOT / "mood_core" / folder).rglob("*.*") if file.suffix in (".css", ".js", ".j2", ".py")
    ]
    assert len(files) > 10
    for file in files:
        if file.name != "echarts.min.js":
            copied = sorted(colour for colour in named if colour in file.read_text(encoding="utf-8").lower())
            assert not copied, f"{file.name} has {copied}, which mood_style.py has"


def test_the_page_uses_the_same_names_and_signs() -> None:
    script = (_ASSETS / "basics.js").read_text(encoding="utf-8")
    found = re.search(r"const SIGNS = \{(.*?)\};", script)
    assert found
    assert dict(re.findall(r'(\w+): "(.)"', found[1])) == dict(SIGNS)
    for name, values in (("MOODS", MOODS), ("WEEKDAYS", WEEKDAYS), ("MONTH_NAMES", MONTHS)):
        assert f"const {name} = {json.dumps(values)};" in script
    assert tuple(COLOURS) == tuple(SIGNS) == ALL_MOODS
    assert len(set(SIGNS.values())) == len(ALL_MOODS)


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("eyes", sorted(_SEEN))
def test_moods_can_be_distinguished(look: str, eyes: str) -> None:
    shown = {mood: _lab(np.array(_SEEN[eyes]) @ _linear(FILLS[look][mood])) for mood in COLOURS}
    distances = {pair: float(np.linalg.norm(shown[pair[0]] - shown[pair[1]])) for pair in combinations(COLOURS, 2)}
    assert min(distances.values()) > 17, min(distances, key=distances.__getitem__)
    assert distances["Calm", "Sad"] > 50, "Calm and Sad must be distinct at a glance"


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("mood", sorted(COLOURS))
def test_signs_stand_out_on_their_colours(mood: str, look: str) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    colours = INKS_ON_FILLS[look][mood], FILLS[look][mood]
    ink, ground = sorted(float(weights @ _linear(colour)) for colour in colours)
    assert (ground + 0.05) / (ink + 0.05) >= 4.5
