"""Changes of the features, as another source could deliver them, to measure robustness."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import SHARES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Corruption = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def corruptions(reference: NDArray[np.float32]) -> dict[str, Corruption]:
    """Name → change of an (n, 10) float32 matrix; medians are those of ``reference``.

    A missing value stays missing. The random one is the same at every call for the same number of rows.
    """
    return {
        "shares_plus_0.1": _shares(lambda shape: np.full(shape, 0.1)),
        "shares_minus_0.1": _shares(lambda shape: np.full(shape, -0.1)),
        "shares_within_0.1": _shares(lambda shape: np.random.default_rng(0).uniform(-0.1, 0.1, shape)),
        "shares_noise_0.05": _shares(lambda shape: np.random.default_rng(0).normal(0, 0.05, shape)),
        "loudness_plus_3": _column("loudness", lambda values: values + np.float32(3)),
        "loudness_minus_3": _column("loudness", lambda values: values - np.float32(3)),
        "tempo_halved": _column("tempo", lambda values: values * np.float32(0.5)),
        "instrumentalness_at_median": _constant("instrumentalness", reference),
        "duration_at_median": _constant("duration_ms", reference),
        "duration_missing": _column("duration_ms", lambda values: np.full_like(values, np.nan)),
    }


def _shares(noise: Callable[[tuple[int, ...]], NDArray[np.float64]]) -> Corruption:
    def corrupt(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        result = matrix.copy()
        changed = matrix[:, SHARES] + noise((len(matrix), len(SHARES)))
        result[:, SHARES] = np.clip(changed, 0.0, 1.0)
        return result

    return corrupt


def _column(name: str, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Corruption:
    position = FEATURES.index(name)

    def corrupt(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        result = matrix.copy()
        result[:, position] = change(matrix[:, position])
        return result

    return corrupt


def _constant(name: str, reference: NDArray[np.float32]) -> Corruption:
    known = reference[:, FEATURES.index(name)]
    known = known[~np.isnan(known)]
    median = np.float32(np.median(known)) if len(known) else np.float32(np.nan)
    return _column(name, lambda values: np.full_like(values, median))
