"""Models of people who mean harm: a saved model may be wrong, but it runs no code of its own."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.classifier import bundled_folder, load_classifier
from mood_core.classifier.model_card import KERAS_FILE, read_card, write_card
from mood_core.classifier.native_noise import import_tensorflow
from mood_core.classifier.training.export import file_digests
from mood_core.errors import ModelError
from tests.fuzz.hostile import check_sentence

pytestmark = [pytest.mark.keras, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model, to be given another network."""
    return Path(shutil.copytree(bundled_folder(), tmp_path / "model"))


def _bind(folder: Path) -> None:
    """Write a card whose digests fit: the author of a model can do that, because a digest is not a signature."""
    write_card(replace(read_card(folder), files=file_digests(folder)), folder)


def _lambda(file: Path, canary: Path) -> None:
    keras, _ = import_tensorflow()
    inputs = keras.Input((10,))
    outputs = keras.layers.Lambda(_toucher(canary), output_shape=(4,))(inputs)
    keras.Model(inputs, outputs).save(file)


def _toucher(canary: Path) -> Callable[[Any], Any]:
    name = str(canary)
    return lambda x: (open(name, "w"), x[:, :4])[1]  # noqa: PTH123 - what a hostile layer does


def _in_config(file: Path, layer: dict[str, Any]) -> None:
    """Put ``layer`` in the place of the model's first one, as no program would save it."""
    fresh = file.with_suffix(".new")
    with ZipFile(file) as old, ZipFile(fresh, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][0] = layer
                content = json.dumps(config).encode()
            new.writestr(name, content)
    fresh.replace(file)


def _function_by_name(file: Path, canary: Path) -> None:
    call = {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"}
    arguments = {"function": call, "arguments": {"command": f"touch {canary}"}, "name": "a", "trainable": True}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": arguments, "registered_name": None}
    _in_config(file, {**layer, "name": "a", "inbound_nodes": []})


def _class_by_name(file: Path, canary: Path) -> None:
    made = {"args": f"touch {canary}", "shell": True}
    layer = {"module": "subprocess", "class_name": "Popen", "config": made, "registered_name": "Popen"}
    _in_config(file, {**layer, "name": "a", "inbound_nodes": []})


def _pickled(file: Path, canary: Path) -> None:
    file.write_bytes(pickle.dumps(_Touching(canary)))


class _Touching:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.canary,))


@pytest.mark.parametrize("attack", [_lambda, _function_by_name, _class_by_name, _pickled])
def test_a_model_that_brings_code_runs_none(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, attack: Callable[[Path, Path], None]
) -> None:
    canary = home.parent / "canary"
    attack(folder / KERAS_FILE, canary)
    canary.unlink(missing_ok=True)  # making the file runs the layer once
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "catalog")
    with pytest.raises(ModelError, match="sha256"):
        load_classifier(folder, "keras")  # the digest alone stops what was exchanged on the way
    _bind(folder)
    with pytest.raises(ModelError) as refused:
        load_classifier(folder, "keras")
    check_sentence(refused.value.message)
    done = CliRunner().invoke(main, ["predict", "--model", str(folder), "4uLU6hMCjMI75M1A2tKUQC"])
    assert done.exit_code in (0, 78)  # the bundled LiteRT model may serve; the hostile file is never opened then
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its code leaves a file open
def test_the_lambda_would_run_without_safe_mode(folder: Path, tmp_path: Path) -> None:
    """The canary works: what the tests above see not happening does happen where nobody is careful."""
    keras, _ = import_tensorflow()
    canary = tmp_path / "canary"
    _lambda(folder / KERAS_FILE, canary)
    canary.unlink(missing_ok=True)
    model = keras.models.load_model(folder / KERAS_FILE, safe_mode=False)
    model.predict_on_batch(np.zeros((1, 10), dtype=np.float32))
    assert canary.exists()
