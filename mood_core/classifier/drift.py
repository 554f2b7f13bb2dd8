"""Drift: how far incoming features have moved from the training data, by the population stability index (PSI).

PSI = Σ (p - q) · ln(p / q) over the bins of the training data, p the incoming and q the training shares. The usual
reading (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 no shift, up to 0.25 some, above it a different population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mood_core.classifier.model_card import FeatureSpec, ModelCard

NOTICE_LEVEL = 0.1
WARNING_LEVEL = 0.25
MINIMUM_ROWS = 100
"""Below this many rows PSI is mostly sampling noise and no level is given."""

Level = Literal["none", "notice", "warning", "too_few_rows"]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """PSI by feature over ``rows`` tracks, and the level of the highest one."""

    rows: int
    psi: Mapping[str, float]
    level: Level

    @property
    def worst(self) -> str:
        """The feature that moved most."""
        return max(self.psi, key=lambda name: self.psi[name])


def feature_drift(matrix: NDArray[np.float32], card: ModelCard) -> DriftReport:
    """The drift of an (n, f) float32 ``matrix`` of raw features against the training data of ``card``.

    Missing values are left out feature by feature; a feature with no value at all has PSI 0.
    """
    psi = {feature.name: _psi(matrix[:, position], feature) for position, feature in enumerate(card.features)}
    return DriftReport(len(matrix), psi, _level(len(matrix), max(psi.values(), default=0.0)))


def _psi(values: NDArray[np.float32], feature: FeatureSpec) -> float:
    values = values[~np.isnan(values)]
    if not len(values) or not feature.bin_shares:
        return 0.0
    bins = np.searchsorted(np.asarray(feature.bin_edges, dtype=np.float32), values, side="right")
    counts = np.bincount(bins, minlength=len(feature.bin_shares))
    # Half a row in every bin, on both sides: an empty bin must not make the index infinite.
    smoothing = 0.5 / len(values)
    incoming = (counts / len(values) + smoothing) / (1 + smoothing * len(counts))
    training = (np.asarray(feature.bin_shares) + smoothing) / (1 + smoothing * len(counts))
    return float(np.sum((incoming - training) * np.log(incoming / training)))


def _level(rows: int, highest: float) -> Level:
    if rows < MINIMUM_ROWS:
        return "too_few_rows"
    if highest >= WARNING_LEVEL:
        return "warning"
    return "notice" if highest >= NOTICE_LEVEL else "none"
