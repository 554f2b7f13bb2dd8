"""Model folders from anywhere: used when card, files and answers belong together, else refused in one sentence."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mood_core.classifier import bundled_folder, load_classifier
from mood_core.classifier.golden import read_golden
from mood_core.classifier.model_card import CARD_FILE, GOLDEN_FILE, _digest, read_card
from mood_core.classifier.training.export import file_digests
from mood_core.errors import ModelError
from mood_core.usecases.models.promote_model import install
from tests.fuzz.hostile import as_json, bodies, check_sentence, corrupted, damaged, fuzz, one_sentence

_CARD: dict[str, Any] = json.loads((bundled_folder() / CARD_FILE).read_text(encoding="utf-8"))
_GOLDEN: dict[str, Any] = json.loads((bundled_folder() / GOLDEN_FILE).read_text(encoding="utf-8"))
_SMALL = {**_GOLDEN, "inputs": _GOLDEN["inputs"][:2], "outputs": _GOLDEN["outputs"][:2]}
_INPUTS = read_golden(bundled_folder() / GOLDEN_FILE).inputs


def _signed(card: Any) -> bytes:
    """The card with a digest that fits, as somebody who means harm would write it."""
    if isinstance(card, dict):
        card = {key: value for key, value in card.items() if key != "card_sha256"}
        try:
            card["card_sha256"] = _digest(card)
        except ValueError:
            card["card_sha256"] = None
    return as_json(card)


def _changed(name: str, value: Any) -> dict[str, Any]:
    return {**copy.deepcopy(_CARD), name: value}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy of the bundled model that a test may damage, in the same place each time."""

    def fresh() -> Path:
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        return Path(shutil.copytree(bundled_folder(), tmp_path / "model"))

    return fresh


@given(card=corrupted(_CARD, most=4) | st.sampled_from([{}, [], None, 7]))
@example(card=_changed("name", "../../elsewhere"))
@example(card=_changed("version", "/elsewhere"))
@example(card=_changed("name", "current"))
@example(card=_changed("files", {**_CARD["files"], "../../../etc/passwd": "0" * 64}))
@example(card=_changed("threshold", float("nan")))
@example(card=_changed("temperature", 10**400))
@fuzz(50)
def test_any_card_with_a_digest_that_fits(folder: Callable[[], Path], tmp_path: Path, card: Any) -> None:
    model = folder()
    (model / CARD_FILE).write_bytes(_signed(card))
    with one_sentence():
        classifier = load_classifier(model, "litert")
        assert np.isfinite(classifier.predict(_INPUTS)).all()
        classifier.out_of_distribution(_INPUTS)
    (home := tmp_path / "home" / "models").mkdir(parents=True, exist_ok=True)
    with one_sentence():
        install(model, home)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "model"]
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["models"]


@given(data=bodies(_CARD))
@fuzz(60)
def test_any_bytes_as_a_card(folder: Callable[[], Path], data: bytes) -> None:
    model = folder()
    (model / CARD_FILE).write_bytes(data)
    with one_sentence():
        read_card(model)


@given(data=bodies(_SMALL))
@fuzz(60)
def test_any_golden_file_with_a_digest_that_fits(folder: Callable[[], Path], data: bytes) -> None:
    model = folder()
    (model / GOLDEN_FILE).write_bytes(data)
    (model / CARD_FILE).write_bytes(_signed({**_CARD, "files": file_digests(model)}))
    with one_sentence():
        load_classifier(model, "litert")


@given(data=st.data())
@fuzz(20)
def test_a_damaged_file_is_refused_by_its_digest(folder: Callable[[], Path], data: st.DataObject) -> None:
    model = folder()
    names = sorted(read_card(model).files)
    victim = model / data.draw(st.sampled_from(names))
    before = victim.read_bytes()
    victim.write_bytes(data.draw(damaged(before).filter(before.__ne__)))
    with pytest.raises(ModelError) as refused:
        load_classifier(model)
    check_sentence(refused.value.message)
