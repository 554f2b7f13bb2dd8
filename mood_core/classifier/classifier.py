"""A loaded model: raw features in, calibrated probabilities out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mood_core.errors import InputError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.model_card import ModelCard


class Runtime(Protocol):
    """Something that runs the saved network. ``chunk_rows`` is the batch it is fastest with."""

    name: str
    chunk_rows: int

    def run(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """The (n, k) probabilities of an (n, f) float32 matrix with n <= ``chunk_rows``."""


class Classifier:
    """A model that was checked against its card. Safe to use from several threads."""

    def __init__(self, card: ModelCard, runtime: Runtime) -> None:
        self.card = card
        self._runtime = runtime
        self._lock = threading.Lock()  # an interpreter owns one set of buffers
        self._lowest, self._highest = _widened_ranges(card)

    @property
    def model_version(self) -> str:
        """``name/version`` of the model."""
        return self.card.model_version

    @property
    def runtime(self) -> str:
        """What runs the network: ``litert`` or ``keras``."""
        return self._runtime.name

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, k) float32 probabilities in the order of ``card.classes`` for an (n, f) ``matrix`` of raw features.

        Large inputs run in chunks, so memory is limited to the input and the output. NaN is allowed for features that
        may be missing by the card. The caller leaves out other rows that must not be labelled
        (:func:`mood_core.domain.vectors.range_problems`).

        Raises:
            InputError: the matrix does not have the card's number of columns.
            ModelError: the network returned a value that is not a number.
        """
        matrix = self._checked(matrix)
        result = np.empty((len(matrix), len(self.card.classes)), dtype=np.float32)
        step = self._runtime.chunk_rows
        with self._lock:
            for start in range(0, len(matrix), step):
                result[start : start + step] = self._runtime.run(matrix[start : start + step])
        if not np.isfinite(result).all():
            raise ModelError("the model gave values that are not numbers; leave out rows with features out of range")
        return result

    def out_of_distribution(self, matrix: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(n,) bool: whether any feature lies outside its training range by more than the card's margin.

        A missing value is judged by whether the card allows it.
        """
        matrix = self._checked(matrix)
        required = np.array([not feature.may_be_missing for feature in self.card.features])
        outside = np.less(matrix, self._lowest) | np.greater(matrix, self._highest)
        return np.logical_or(outside.any(axis=1), np.isnan(matrix[:, required]).any(axis=1))

    def _checked(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.card.features):
            raise InputError(
                f"the model {self.model_version} takes {len(self.card.features)} features a row, "
                f"not a matrix of the shape {matrix.shape}"
            )
        return matrix


def _widened_ranges(card: ModelCard) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    lowest = np.array([feature.minimum for feature in card.features], dtype=np.float32)
    highest = np.array([feature.maximum for feature in card.features], dtype=np.float32)
    margin = np.float32(card.range_margin) * (highest - lowest)
    return lowest - margin, highest + margin
