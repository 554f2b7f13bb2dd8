"""Labelled tracks with the errors of estimated features, to train and measure a model for these.

An analyser of audio estimates a feature with an error. Each value is replaced by one that has the same distribution
over the tracks and the stated correlation with the true value, as normal quantiles. The errors of different
features are independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mood_core.domain.records import FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks

CORRELATIONS: Mapping[str, float] = MappingProxyType(
    {
        "acousticness": 0.80,
        "danceability": 0.75,
        "energy": 0.85,
        "instrumentalness": 0.75,
        "liveness": 0.60,
        "loudness": 0.95,
        "speechiness": 0.73,
        "valence": 0.70,
    }
)
"""Correlation of an estimate with the true value.

Energy, danceability, speechiness and valence are published for a model that was trained on Echo Nest's values, on
tracks that it had not seen. Acousticness, instrumentalness, liveness and loudness are assumptions.
"""

OCTAVE_ERRORS = 0.15
"""Share of tracks with half or double the tempo. An assumption; other tempos have an error of 2%."""

_TEMPO_ERROR = 0.02
_TEMPO_RANGE = (30.0, 250.0)


def with_estimated_features(tracks: LabelledTracks, seed: int = 0) -> LabelledTracks:
    """``tracks`` with features as an analyser of audio estimates them; the rows of a recording share their estimates.

    Durations are exact: they are read, not estimated. The same ``seed`` gives the same features.
    """
    _, first, recording = np.unique(tracks.recordings(), return_index=True, return_inverse=True)
    random = np.random.default_rng(seed)
    matrix = tracks.matrix.copy()
    for position, name in enumerate(FEATURES):
        if name in CORRELATIONS:
            errors = random.standard_normal(len(first))[recording.ravel()]
            matrix[:, position] = _estimated(matrix[:, position], errors, CORRELATIONS[name])
    tempo = FEATURES.index("tempo")
    matrix[:, tempo] = _tempos(matrix[:, tempo], random, len(first), recording.ravel())
    return replace(tracks, matrix=matrix)


def stated_errors() -> dict[str, float]:
    """The error sizes for the model card."""
    return {**CORRELATIONS, "tempo_octave_errors": OCTAVE_ERRORS}


def _estimated(values: NDArray[np.float32], errors: NDArray[np.float64], correlation: float) -> NDArray[np.float32]:
    """Values of the same distribution; a missing value stays missing."""
    from scipy.special import ndtr  # type: ignore[import-untyped]
    from scipy.stats import norm, rankdata  # type: ignore[import-untyped]

    known = ~np.isnan(values)
    ranks = (rankdata(values[known]) - 0.5) / known.sum()
    mixed = correlation * norm.ppf(ranks) + np.sqrt(1 - correlation**2) * errors[known]
    result = values.copy()
    result[known] = np.quantile(values[known].astype(np.float64), ndtr(mixed)).astype(np.float32)
    return result


def _tempos(
    values: NDArray[np.float32], random: np.random.Generator, recordings: int, recording: NDArray[np.int64]
) -> NDArray[np.float32]:
    wrong = random.random(recordings) < OCTAVE_ERRORS
    factor = np.where(wrong, random.choice([0.5, 2.0], recordings), random.normal(1, _TEMPO_ERROR, recordings))
    estimated = values * factor[recording].astype(np.float32)
    return np.where((estimated < _TEMPO_RANGE[0]) | (estimated > _TEMPO_RANGE[1]), values, estimated)
