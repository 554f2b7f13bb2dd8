"""Conformal sets: they cover curators that were left out, and every track gets one with its most probable mood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mood_core.classifier.loading import bundled_folder
from mood_core.classifier.model_card import ModelCard, read_card, write_card
from mood_core.classifier.mood_sets import calibrate_sets, score_sets
from mood_core.domain.moods import MOOD_SETS, label, positions
from mood_core.domain.records import MOODS
from mood_core.errors import InputError, ModelCardMismatch

Curators = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]]


def _curators(count: int, seed: int, tracks: int = 400) -> Curators:
    """Curators who differ in what they mean by each mood: each shifts the logits of the true model by its own bias."""
    random = np.random.default_rng(seed)
    parts = []
    for number in range(count):
        labels = random.integers(0, 4, tracks)
        logits = random.normal(0, 1, (tracks, 4)) + random.normal(0, 0.6, 4)
        logits[np.arange(tracks), labels] += 1.8
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        parts.append((shares, labels, np.full(tracks, f"c{number:02d}")))
    columns = zip(*parts, strict=True)
    probabilities, labels, sources = (np.concatenate(column) for column in columns)
    return probabilities, labels, sources


def test_curators_never_seen_are_covered() -> None:
    found = calibrate_sets(*_curators(20, seed=0))
    strangers, labels, sources = _curators(40, seed=1)
    thresholds = list(found.thresholds.values())
    scores = [
        score_sets(strangers[sources == one], labels[sources == one], thresholds) for one in np.unique(sources).tolist()
    ]
    assert np.mean([score.coverage for score in scores]) >= 0.88
    assert all(np.mean([score.by_mood[mood] for score in scores]) >= 0.75 for mood in MOODS)
    assert np.mean([score.size for score in scores]) < 3


def test_the_report_is_of_curators_left_out() -> None:
    probabilities, labels, sources = _curators(6, seed=2)
    found = calibrate_sets(probabilities, labels, sources)
    assert found.coverage >= 0.9
    assert list(found.left_out) == [f"c{number:02d}" for number in range(6)]
    assert found.coverage == pytest.approx(np.mean([one.coverage for one in found.left_out.values()]))
    stated = found.as_json()
    assert set(stated["thresholds"]) == set(MOODS)
    assert stated["level"] == 0.9
    assert stated["left_out"]["c03"]["tracks"] == 400


def test_the_size_of_a_curator_does_not_count() -> None:
    probabilities, labels, sources = _curators(5, seed=3)
    big = sources == "c00"
    repeated = [np.concatenate([part, *[part[big]] * 20]) for part in (probabilities, labels, sources)]
    once = calibrate_sets(probabilities, labels, sources)
    often = calibrate_sets(*repeated)
    for mood in MOODS:
        assert often.thresholds[mood] == pytest.approx(once.thresholds[mood], rel=0.1)


def test_one_curator_alone_makes_no_claim_for_others() -> None:
    probabilities, labels, sources = _curators(1, seed=4)
    found = calibrate_sets(probabilities, labels, sources)
    assert found.left_out == {}
    assert found.coverage >= 0.88
    assert "no claim" in found.as_json()["protocol"]


def test_a_curator_without_some_moods_takes_part() -> None:
    probabilities, labels, sources = _curators(5, seed=5)
    kept = (sources != "c04") | (labels >= 2)
    found = calibrate_sets(probabilities[kept], labels[kept], sources[kept])
    assert set(found.left_out["c04"].by_mood) == {"Happy", "Sad"}
    assert found.coverage >= 0.9
    full = [one.coverage for name, one in found.left_out.items() if name != "c04"]
    assert found.coverage == pytest.approx(np.mean(full))  # as the other figures on new curators


def test_what_does_not_belong_together_is_refused() -> None:
    probabilities, labels, sources = _curators(2, seed=6)
    for wrong in (
        (probabilities[:-1], labels, sources),
        (probabilities[:, :3], labels, sources),
        (probabilities[:0],) * 3,
    ):
        with pytest.raises(InputError, match="one row for each label"):
            calibrate_sets(*wrong)


shares = arrays.arrays(np.float32, (20, 4), elements=st.floats(0.0078125, 1, width=32)).map(
    lambda matrix: (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)
)


@given(shares, st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_every_set_has_the_most_probable_mood(matrix: NDArray[np.float32], thresholds: list[float]) -> None:
    labels = label(matrix, 0.5, thresholds)
    for mood, chosen, uncertain, row in zip(labels.names(), labels.set_names(), labels.uncertain, matrix, strict=True):
        members = str(chosen).split("|")
        assert mood in members
        assert members == [one for one in MOODS if one in members]
        assert bool(uncertain) == (len(members) > 1)
        for place, one in enumerate(MOODS):
            assert (one in members) == (row[place] >= np.float32(thresholds[place]) or one == mood)


def test_without_thresholds_there_are_no_sets() -> None:
    labels = label(np.array([[0.4, 0.3, 0.2, 0.1], [0.9, 0.1, 0, 0]], np.float32), 0.5)
    assert labels.set_names() == [None, None]
    assert labels.uncertain.tolist() == [True, False]


def test_there_is_one_text_for_each_set() -> None:
    assert len(set(MOOD_SETS)) == 16
    assert MOOD_SETS[0b1001] == "Calm|Sad"


@given(shares)
def test_positions_are_means_and_deviations_of_the_corners(matrix: NDArray[np.float32]) -> None:
    found = positions(matrix)
    corners = {"valence": np.array([1, -1, 1, -1]), "energy": np.array([-1, 1, 1, -1])}
    for axis, places in corners.items():
        mean = matrix.astype(np.float64) @ places
        deviation = np.sqrt((matrix * (places - mean[:, None]) ** 2).sum(axis=1))
        np.testing.assert_allclose(found[f"mood_{axis}"], mean, atol=1e-5)
        np.testing.assert_allclose(found[f"mood_{axis}_sd"], deviation, atol=1e-4)
    np.testing.assert_allclose(found["soft"] + found["lively"], 1, atol=1e-5)


def _card(**metrics: object) -> ModelCard:
    return replace(read_card(bundled_folder()), metrics=metrics)


def test_the_card_carries_the_thresholds(tmp_path: Path) -> None:
    found = calibrate_sets(*_curators(4, seed=7))
    write_card(_card(mood_sets=found.as_json()), tmp_path)
    assert read_card(tmp_path).set_thresholds == tuple(found.thresholds[mood] for mood in MOODS)
    assert _card().set_thresholds is None


@pytest.mark.parametrize("thresholds", [{"Calm": 0.2}, dict.fromkeys(MOODS, 0.0), dict.fromkeys(MOODS, "low"), None])
def test_a_card_with_impossible_thresholds_is_refused(tmp_path: Path, thresholds: object) -> None:
    write_card(_card(mood_sets={"thresholds": thresholds}), tmp_path)
    with pytest.raises(ModelCardMismatch, match="mood_sets"):
        read_card(tmp_path)
