"""The bundled model's card shows its pictures: all four are there, and the confusion agrees with the card's numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import mood_core
from mood_core.classifier.training.data import LabelledTracks
from mood_core.domain.records import FEATURES, MOODS

_MODEL = Path(mood_core.__file__).parent / "saved_models" / "playlist-moods" / "2"


def test_the_card_embeds_pictures_that_are_there() -> None:
    card = (_MODEL / "model_card.md").read_text(encoding="utf-8")
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", card)
    assert named == ["confusion.png", "reliability.png", "coverage.png", "features.png"]
    assert all((_MODEL / name).read_bytes().startswith(b"\x89PNG") for name in named)


def test_the_features_of_each_mood_are_drawn_in_its_colour(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra train is not installed")
    from matplotlib.colors import to_hex

    from mood_core.classifier.training.plots import features_figure
    from mood_core.domain.mood_style import COLOURS

    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 25)
    tracks = LabelledTracks("t", "", MOODS, random.random((100, 10)).astype(np.float32), labels, None)
    figure = features_figure(tracks)
    drawn = figure.axes[0].patches
    assert [to_hex(one.get_edgecolor()) for one in drawn] == [COLOURS[mood] for mood in MOODS]
    assert len({one.get_linestyle() for one in drawn}) == len(MOODS)
    assert len(figure.axes) == len(FEATURES)
    heights = np.diff(drawn[0].get_xy()[:, 1]).clip(min=0)
    assert heights.sum() > 0


def test_the_confusion_that_is_drawn_counts_every_label() -> None:
    card = json.loads((_MODEL / "model_card.json").read_text(encoding="utf-8"))
    confusion = np.array(card["metrics"]["confusion"])
    assert confusion.sum(axis=1).tolist() == [card["training"]["by_class"][mood] for mood in MOODS]
