"""The simulated errors of estimated features, and the bundled model that was trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mood_core.classifier import bundled_estimated_folder, load_classifier
from mood_core.classifier.model_card import read_card
from mood_core.classifier.training import read_labelled, train_model
from mood_core.classifier.training.estimated import CORRELATIONS, with_estimated_features
from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import in_range
from mood_core.errors import InputError
from tests.labelled_tracks import made_up_tracks


def test_errors_have_the_stated_sizes_and_keep_the_range_and_the_durations(tmp_path: Path) -> None:
    tracks = read_labelled(made_up_tracks(tmp_path / "made_up.csv"))
    estimated = with_estimated_features(tracks)
    assert in_range(estimated.matrix).all()
    for position, name in enumerate(FEATURES):
        before, after = tracks.matrix[:, position], estimated.matrix[:, position]
        if name in CORRELATIONS and len(np.unique(before)) > 20:
            assert abs(np.corrcoef(before, after)[0, 1] - CORRELATIONS[name]) < 0.12, name
        elif name == "duration_ms":
            np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(estimated.matrix, with_estimated_features(tracks).matrix)


def test_the_bundled_model_gives_its_golden_outputs_and_says_what_to_expect() -> None:
    model = load_classifier(bundled_estimated_folder())
    assert model.model_version == "estimated-playlist-moods/1"
    assert model.card.set_thresholds is not None
    assert 0.68 < model.card.metrics["inside"]["by_source"]["c01"]["accuracy"] < 0.72
    assert "69.9" in (bundled_estimated_folder() / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "estimated"), [("my-moods", True), ("estimated-my-moods", False)])
def test_the_name_says_which_features_a_model_takes(tmp_path: Path, name: str, estimated: bool) -> None:
    with pytest.raises(InputError, match="--name"):
        train_model(tmp_path / "no.csv", tmp_path, name=name, estimated=estimated)


@pytest.mark.slow
@pytest.mark.keras
def test_a_model_for_estimated_features_is_trained_by_the_same_recipe(tmp_path: Path) -> None:
    data = made_up_tracks(tmp_path / "made_up.csv")
    folders = [
        train_model(data, tmp_path / part, folds=3, repeats=1, baselines=False, name="estimated-mine", estimated=True)
        for part in ("one", "two")
    ]
    first, second = (read_card(folder) for folder in folders)
    assert first.takes_estimated
    assert first.weights_sha256 == second.weights_sha256
    assert first.training["feature_errors"]["valence"] == 0.70
    load_classifier(folders[0])
