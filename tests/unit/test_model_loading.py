"""A model is loaded only where card, files and golden outputs belong together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mood_core.classifier import bundled_folder, load_classifier
from mood_core.classifier.golden import read_golden, write_golden
from mood_core.classifier.model_card import CARD_FILE, GOLDEN_FILE, KERAS_FILE, LITERT_FILE, read_card, write_card
from mood_core.classifier.training.export import file_digests
from mood_core.errors import ModelCardMismatch, ModelError, ModelNotFound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model that a test may damage."""
    return Path(shutil.copytree(bundled_folder(), tmp_path / "model"))


def test_the_bundled_model_serves_by_litert() -> None:
    classifier = load_classifier()
    assert classifier.runtime == "litert"
    assert classifier.model_version == classifier.card.model_version == "playlist-moods/2"


def test_a_card_survives_writing_and_reading(folder: Path) -> None:
    card = read_card(folder)
    write_card(card, folder)
    assert read_card(folder) == card


def test_no_model_is_said_so(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ModelNotFound, match="there is no model"):
            load_classifier(missing)


@pytest.mark.parametrize("name", [KERAS_FILE, LITERT_FILE, GOLDEN_FILE])
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_a_truncated_or_tampered_file_is_refused(folder: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelCardMismatch, match=name):
        load_classifier(folder)


@pytest.mark.parametrize("name", [KERAS_FILE, GOLDEN_FILE])
def test_an_absent_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelNotFound, match=name):
        load_classifier(folder)


def test_an_absent_litert_model_cannot_serve_where_it_is_demanded(folder: Path) -> None:
    (folder / LITERT_FILE).unlink()
    with pytest.raises(ModelCardMismatch, match="absent"):
        load_classifier(folder, "litert")


def test_a_card_edited_by_hand_is_refused(folder: Path) -> None:
    path = folder / CARD_FILE
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**card, "threshold": 0.1}), encoding="utf-8")
    with pytest.raises(ModelCardMismatch, match="changed after training"):
        load_classifier(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '"card"'])
def test_what_is_no_card_is_refused(folder: Path, text: str) -> None:
    (folder / CARD_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ModelCardMismatch):
        load_classifier(folder)


def test_another_feature_order_is_refused_even_in_a_well_formed_card(folder: Path) -> None:
    card = read_card(folder)
    write_card(replace(card, features=card.features[::-1]), folder)
    with pytest.raises(ModelCardMismatch, match="features"):
        load_classifier(folder)


def test_another_label_order_is_refused_but_other_label_sets_can_be_measured(folder: Path) -> None:
    card = read_card(folder)
    write_card(replace(card, classes=card.classes[::-1]), folder)
    with pytest.raises(ModelCardMismatch, match="moods"):
        load_classifier(folder)
    assert load_classifier(folder, classes=None).card.classes == card.classes[::-1]


def test_another_scaler_is_refused(folder: Path) -> None:
    card = read_card(folder)
    knots = {**card.preprocessing["knots"], "tempo": [0.0, 1.0]}
    write_card(replace(card, preprocessing={**card.preprocessing, "knots": knots}), folder)
    with pytest.raises(ModelCardMismatch, match="preprocessing"):
        load_classifier(folder)


def test_a_foreign_litert_model_with_a_matching_checksum_is_refused_by_its_answers(folder: Path) -> None:
    golden = read_golden(folder / GOLDEN_FILE)
    write_golden(replace(golden, outputs=golden.outputs[:, ::-1].copy()), folder / GOLDEN_FILE)
    write_card(replace(read_card(folder), files=file_digests(folder)), folder)
    with pytest.raises(ModelCardMismatch, match="golden outputs"):
        load_classifier(folder, "litert")


def test_a_litert_file_that_is_no_model_at_all_is_refused(folder: Path) -> None:
    (folder / LITERT_FILE).write_bytes(b"not a model" * 100)
    write_card(replace(read_card(folder), files=file_digests(folder)), folder)
    with pytest.raises(ModelError):
        load_classifier(folder, "litert")


def test_predictions_are_distributions_and_do_not_depend_on_the_batch() -> None:
    classifier = load_classifier()
    matrix = np.repeat(read_golden(bundled_folder() / GOLDEN_FILE).inputs, 200, axis=0)
    whole = classifier.predict(matrix)
    np.testing.assert_allclose(whole.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(classifier.predict(matrix[::200]), whole[::200], atol=1e-6)
    assert classifier.predict(matrix[:0]).shape == (0, 4)
