"""Models that are huge, no files, or contain code: refused in one sentence, at small cost."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from mood_core.classifier import bundled_folder, load_classifier, model_limits
from mood_core.classifier.model_card import CARD_FILE, GOLDEN_FILE, KERAS_FILE, LITERT_FILE, read_card, write_card
from mood_core.classifier.training.export import file_digests
from mood_core.errors import ModelError, MoodlogError
from mood_core.files import outside as outside_files
from tests.fuzz.hostile import check_sentence
from tests.security.special_files import make_pipe, moodlog

pytestmark = pytest.mark.skipif(os.name == "nt", reason="named pipes and sockets are files elsewhere")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the bundled model, to be made hostile."""
    return Path(shutil.copytree(bundled_folder(), tmp_path / "model"))


def _refused(folder: Path, runtime: str = "litert") -> str:
    """The refusal of the model, which must cost little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as refused:
            load_classifier(folder, runtime)  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    check_sentence(refused.value.message)
    return refused.value.message


@pytest.mark.parametrize("name", [CARD_FILE, GOLDEN_FILE, LITERT_FILE, KERAS_FILE])
def test_a_huge_file_of_a_model_is_not_read(model: Path, name: str) -> None:
    os.truncate(model / name, 3 << 30)  # sparse: it takes no space on the disk
    assert f"{name} has more than" in _refused(model)


@pytest.mark.parametrize("name", [CARD_FILE, GOLDEN_FILE, LITERT_FILE, KERAS_FILE])
def test_a_pipe_in_a_model_is_not_read(model: Path, name: str) -> None:
    (model / name).unlink()
    make_pipe(model / name)
    if name == LITERT_FILE:  # Keras takes its place
        _refused_or_loaded(model)
    else:
        assert name in _refused(model)


def _refused_or_loaded(folder: Path) -> None:
    try:
        load_classifier(folder, "litert")
    except MoodlogError as error:
        check_sentence(error.message)


def _bind(folder: Path) -> None:
    write_card(replace(read_card(folder), files=file_digests(folder)), folder)


def _repack(folder: Path, change: Callable[[str, bytes], bytes], **more: bytes) -> None:
    file = folder / KERAS_FILE
    with ZipFile(file) as old, ZipFile(file.with_suffix(".new"), "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in more.items():
            new.writestr(name, content)
    file.with_suffix(".new").replace(file)
    _bind(folder)


def test_a_keras_bomb_is_refused_even_where_litert_would_serve(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_limits, "MOST_BYTES", 1 << 20)
    _repack(model, lambda _, content: content, bomb=bytes(2 << 20))
    assert "unpacks to more than 1,048,576 bytes" in _refused(model)
    monkeypatch.setattr(model_limits, "MOST_BYTES", 64 << 20)
    monkeypatch.setattr(outside_files, "SMALL_BYTES", 1 << 18)
    monkeypatch.setattr(outside_files, "MOST_RATIO", 5)
    assert "times its size" in _refused(model)


def _config(change: Callable[[str], str]) -> Callable[[str, bytes], bytes]:
    return lambda name, content: change(content.decode()).encode() if name == "config.json" else content


def test_a_layer_with_code_is_refused_in_our_own_words(model: Path) -> None:
    _repack(model, _config(lambda text: text.replace('"ReLU"', '"Lambda"', 1)))
    said = _refused(model)
    assert "code of its own" in said
    assert "moodlog train" in said
    assert "safe_mode" not in said


def test_a_layer_of_a_million_units_is_refused(model: Path) -> None:
    config = json.loads(ZipFile(model / KERAS_FILE).read("config.json"))
    dense = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")
    dense["config"]["units"] = 1_000_000
    _repack(model, _config(lambda _: json.dumps(config)))
    assert "size 1,000,000" in _refused(model)


def test_weights_are_measured_before_they_are_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    monkeypatch.setattr(model_limits, "MOST_BYTES", 1_000)
    with pytest.raises(ModelError, match="1,000 bytes of weights"):
        model_limits.check_weights(model / KERAS_FILE)


def test_a_model_that_cannot_be_used_is_not_kept_by_relabel_though_nothing_is_to_label(home: Path, model: Path) -> None:
    os.truncate(model / LITERT_FILE, 3 << 30)
    done = moodlog("relabel", "--model", str(model))
    assert (done.exit_code, LITERT_FILE in done.output) == (78, True), done.output
    assert not (home / "models").exists()
