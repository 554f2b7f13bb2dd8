"""The mood model: load a saved one and predict with it. Other packages import it from here."""

from mood_core.classifier.attribution import Attribution, attribute
from mood_core.classifier.classifier import Classifier
from mood_core.classifier.drift import DriftReport, feature_drift
from mood_core.classifier.loading import (
    BUNDLED_MODEL,
    RuntimeChoice,
    bundled_estimated_folder,
    bundled_folder,
    load_classifier,
)

__all__ = [
    "BUNDLED_MODEL",
    "Attribution",
    "Classifier",
    "DriftReport",
    "RuntimeChoice",
    "attribute",
    "bundled_estimated_folder",
    "bundled_folder",
    "feature_drift",
    "load_classifier",
]
