"""Measures the drift of the newest tracks from the model's training data."""

from __future__ import annotations

from mood_core.classifier.drift import DriftReport, feature_drift
from mood_core.classifier.model_card import ModelCard
from mood_core.domain.vectors import feature_matrix
from mood_core.store.queries.mood_rows import MoodRows

NEWEST = 1000
"""Number of tracks to compare: those whose features were fetched last."""


def measure_drift(rows: MoodRows, card: ModelCard) -> DriftReport:
    """Compare the features of the newest tracks with the training data of ``card``."""
    return feature_drift(feature_matrix(rows.newest_features(NEWEST)), card)
