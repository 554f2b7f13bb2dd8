"""Labels every track whose features are stored, by one model version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from mood_core.classifier import Classifier
from mood_core.classifier.drift import DriftReport, feature_drift
from mood_core.classifier.model_card import ModelCard
from mood_core.domain.moods import label
from mood_core.domain.records import MOODS, to_ms
from mood_core.domain.vectors import in_range
from mood_core.lake.schema import MOODS as MOODS_DATASET
from mood_core.store.queries.mood_rows import PAGE, MoodRows
from mood_core.store.queries.selection import Selection
from mood_core.tabular.feature_matrix import feature_matrix
from mood_core.usecases.answers.learn_heads import TrainedHead
from mood_core.usecases.batches import Batches

NEWEST = 1000
"""Number of tracks whose drift is measured: those whose features were fetched last."""

_EVERYTHING = Selection()


@dataclass(slots=True)
class LabelReport:
    """Numbers of tracks ``labelled`` by ``model_version``, and of labels that are ``uncertain`` or outside.

    ``estimated`` tracks were labelled by the model for estimated features. ``learned`` are the personal heads that were
    trained. ``drift`` compares the features of the
    newest tracks with the training data; None if no track was labelled.
    """

    model_version: str
    labelled: int = 0
    uncertain: int = 0
    out_of_distribution: int = 0
    unusable: int = 0
    estimated: int = 0
    learned: list[TrainedHead] = field(default_factory=list)
    drift: DriftReport | None = None


def label_tracks(
    classifier: Callable[[], Classifier],
    card: ModelCard,
    rows: MoodRows,
    batches: Batches,
    *,
    now: datetime,
    selection: Selection = _EVERYTHING,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> LabelReport:
    """Label every selected track with stored features, then show the labels of this model version.

    A model for estimated features labels the tracks that have estimated features alone; every other model labels the
    tracks with exact features alone.

    A version is shown once it has labelled all tracks, so that a selection never hides the labels of the last version.

    Args:
        classifier: loads the model; called only when there is something to label.
        card: the model card.
        rows: the features and labels in SQL.
        batches: writes the labels.
        now: the date of the labels.
        selection: people and days whose listens to label; all by default.
        progress: receives the number of labelled tracks and of all tracks.

    Raises:
        ModelError: The model is unusable, or a different model with its name has labelled here. No track is labelled.
        StoreError: The database or the lake fails.
    """
    model_version = card.model_version
    rows.recognise(model_version, card.weights_sha256)
    report = LabelReport(model_version)
    model: Classifier | None = None
    of = 0
    for features in rows.unlabelled(model_version, selection, estimated=card.takes_estimated):
        model = model or classifier()
        of = of or _how_many(features, rows, card, selection)
        batches.add(MOODS_DATASET, _labels(model, features, now, report), now=now)
        progress(report.labelled + report.unusable, of)
    if report.labelled and not card.takes_estimated:
        report.drift = measure_drift(rows, card)
    current = rows.current_version(estimated=card.takes_estimated)
    if current is None or (current != model_version and selection.is_everything):
        rows.set_current(model_version)
    return report


def measure_drift(rows: MoodRows, card: ModelCard) -> DriftReport:
    """Compare the features of the newest tracks with the training data of ``card``."""
    return feature_drift(feature_matrix(rows.newest_features(NEWEST)), card)


def _how_many(first: pa.Table, rows: MoodRows, card: ModelCard, selection: Selection) -> int:
    """The number of tracks to label; queried only if the ``first`` page does not contain all of them."""
    if first.num_rows < PAGE:
        return int(first.num_rows)
    return rows.count_unlabelled(card.model_version, selection, estimated=card.takes_estimated)


def _labels(model: Classifier, features: pa.Table, now: datetime, report: LabelReport) -> pa.Table:
    matrix = feature_matrix(features)
    usable = in_range(matrix)
    matrix, features = matrix[usable], features.filter(pa.array(usable))
    probabilities = model.predict(matrix)
    labels = label(probabilities, model.card.threshold, model.card.set_thresholds)
    outside = model.out_of_distribution(matrix)
    report.unusable += int((~usable).sum())
    report.labelled += len(matrix)
    report.uncertain += int(labels.uncertain.sum())
    report.out_of_distribution += int(outside.sum())
    return pa.table(
        {
            "track_id": features["track_id"],
            "model_version": [model.model_version] * len(matrix),
            "mood": labels.names(),
            **{f"p_{mood.lower()}": probabilities[:, index] for index, mood in enumerate(MOODS)},
            "uncertain": labels.uncertain,
            "out_of_distribution": outside,
            "feature_source": features["feature_source"],
            "labelled_at": pa.array([to_ms(now)] * len(matrix), pa.int64()).cast(pa.timestamp("ms", "UTC")),
            "mood_set": pa.array(labels.set_names(), pa.string()),
        }
    )
