"""Writing a fitted model: the Keras file, its LiteRT model, golden outputs and checksums."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.golden import TOLERANCE, Golden, largest_difference, write_golden
from mood_core.classifier.model_card import GOLDEN_FILE, KERAS_FILE, LITERT_FILE, TRACKS_FILE
from mood_core.classifier.native_noise import quiet
from mood_core.classifier.runtimes import KerasRuntime, LiteRtRuntime
from mood_core.classifier.training.network import saved_model
from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import FEATURE_RANGES
from mood_core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mood_core.classifier.training.model import MoodModel

GOLDEN_ROWS = 32
_ROUNDING = 1e-4
"""What float32 may change: the model is fitted in float64."""


def export(fitted: MoodModel, folder: Path, preprocessing_sha256: str, seed: int) -> None:
    """Write ``model.keras``, ``model.tflite`` and ``golden.json`` into ``folder``.

    Raises:
        ModelError: the files do not give the fitted model's answers.
    """
    model = saved_model(fitted)
    model.save(folder / KERAS_FILE)
    _write_litert(model, folder / LITERT_FILE)
    inputs = golden_inputs(fitted, seed)
    outputs = KerasRuntime(folder / KERAS_FILE).run(inputs)
    golden = Golden(inputs, outputs, preprocessing_sha256)
    _check(golden, fitted.predict(inputs).astype(np.float32), "the fitted model", _ROUNDING)
    _check(golden, LiteRtRuntime(folder / LITERT_FILE).run(inputs), "the LiteRT model")
    write_golden(golden, folder / GOLDEN_FILE)


def _write_litert(model: Any, path: Path) -> None:
    with quiet(stdout=True):
        model.export(str(path), format="litert", verbose=False)


def golden_inputs(fitted: MoodModel, seed: int) -> NDArray[np.float32]:
    """(32, 10) float32: rows between the training quantiles, rows anywhere in the legal ranges, and the extremes.

    Every fourth lacks the duration. None is a track of the training data.
    """
    random = np.random.default_rng(seed)
    lowest = np.array([FEATURE_RANGES[name].minimum for name in FEATURES])
    highest = np.array([FEATURE_RANGES[name].maximum for name in FEATURES])
    typical = np.stack(
        [
            np.interp(random.random(GOLDEN_ROWS - 10), np.linspace(0, 1, len(knots)), knots)
            for knots in fitted.encoder.knots
        ],
        axis=1,
    )
    anywhere = lowest + random.random((8, len(FEATURES))) * (highest - lowest)
    inputs = np.concatenate([typical, anywhere, lowest[None], highest[None]]).astype(np.float32)
    inputs[::4, -1] = np.nan
    return inputs


def _check(golden: Golden, outputs: NDArray[np.float32], what: str, tolerance: float = TOLERANCE) -> None:
    difference = largest_difference(golden, outputs)
    if difference > tolerance:
        raise ModelError(
            f"{what} differs from the saved Keras model by {difference:.2g}; report this with the data's shape"
        )


def weights_digest(path: Path) -> str:
    """The sha256 of the weights inside a ``.keras`` file; the file's own changes with its date."""
    import io

    import h5py  # type: ignore[import-untyped]

    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights:
        arrays: dict[str, Any] = {}
        weights.visititems(lambda name, item: arrays.update({name: item[()]}) if hasattr(item, "shape") else None)
        for name in sorted(arrays):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file of the model but its card."""
    names = (KERAS_FILE, LITERT_FILE, GOLDEN_FILE, TRACKS_FILE)
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
