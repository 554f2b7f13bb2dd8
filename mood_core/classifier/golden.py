"""Golden outputs: inputs with the outputs of the model when it was trained, checked at each load."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.errors import ModelCardMismatch
from mood_core.files.outside import read_bounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

TOLERANCE = 1e-5
"""Largest difference of a probability that passes; processors differ in the last bits of a float32."""

_MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Golden:
    """``inputs`` (n, f) float32 with NaN where missing, ``outputs`` (n, k) float32 probabilities."""

    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]
    preprocessing_sha256: str


def preprocessing_digest(preprocessing: Mapping[str, Any]) -> str:
    """The sha256 that links a golden file to the preprocessing in the card."""
    return hashlib.sha256(json.dumps(preprocessing, sort_keys=True).encode()).hexdigest()


def write_golden(golden: Golden, path: Path) -> None:
    """Write ``golden`` as JSON, missing values as null."""
    body = {
        "preprocessing_sha256": golden.preprocessing_sha256,
        "inputs": [[None if np.isnan(value) else float(value) for value in row] for row in golden.inputs],
        "outputs": [[float(value) for value in row] for row in golden.outputs],
    }
    path.write_text(json.dumps(body, indent=0, allow_nan=False) + "\n", encoding="utf-8")


def read_golden(path: Path) -> Golden:
    """The golden file at ``path``.

    Raises:
        ModelCardMismatch: it is not what :func:`write_golden` writes.
    """
    try:
        body = json.loads(read_bounded(path, _MOST_BYTES, error=ModelCardMismatch))
        inputs = np.array(body["inputs"], dtype=np.float64).astype(np.float32)  # null becomes NaN
        outputs = np.array(body["outputs"], dtype=np.float32)
        golden = Golden(inputs, outputs, str(body["preprocessing_sha256"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ModelCardMismatch(
            f"{path} has no golden outputs ({type(error).__name__}); copy the model folder again"
        ) from error
    if not (inputs.ndim == outputs.ndim == 2 and 0 < len(inputs) == len(outputs)):
        raise ModelCardMismatch(f"{path} has no golden output for each input; copy the model folder again")
    return golden


def largest_difference(golden: Golden, outputs: NDArray[np.float32]) -> float:
    """The largest difference of a probability; infinite where the shapes differ or a value is not a number."""
    if outputs.shape != golden.outputs.shape:
        return float("inf")
    difference = float(np.abs(outputs - golden.outputs).max(initial=0.0))
    return float("inf") if np.isnan(difference) else difference
