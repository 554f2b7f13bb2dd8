"""How far the music of the newest tracks is from what the model was trained on."""

from __future__ import annotations

from mood_core.classifier.drift import DriftReport, feature_drift
from mood_core.classifier.model_card import ModelCard
from mood_core.domain.vectors import feature_matrix
from mood_core.store.queries.mood_rows import MoodRows

NEWEST = 1000
"""So many tracks are looked at, those whose features were fetched last."""


def measure_drift(rows: MoodRows, card: ModelCard) -> DriftReport:
    """How far the features of the newest tracks are from the training data of ``card``."""
    return feature_drift(feature_matrix(rows.newest_features(NEWEST)), card)
