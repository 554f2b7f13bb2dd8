"""Labels every track whose features are stored, by one model version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.classifier import Classifier
from mood_core.classifier.drift import DriftReport, feature_drift
from mood_core.classifier.label_rows import label_batches
from mood_core.classifier.model_card import ModelCard
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

    def count(self, labels: pa.Table, read: int) -> None:
        """Count the ``labels`` of ``read`` tracks."""
        self.unusable += read - labels.num_rows
        self.labelled += labels.num_rows
        self.uncertain += pc.sum(labels["uncertain"]).as_py() or 0
        self.out_of_distribution += pc.sum(labels["out_of_distribution"]).as_py() or 0

    def counts(self) -> dict[str, str | int]:
        """The model version and the numbers of labels that were made."""
        return {name: getattr(self, name) for name in ("model_version", *_COUNTED)}

    def add(self, other: LabelReport) -> None:
        """Add the labels of shards. Tracks that could not be labelled are read again, and counted, by the whole run."""
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_COUNTED = ("labelled", "uncertain", "out_of_distribution")

Labelled = Iterator[tuple[pa.Table, int]]
"""Tables of the dataset ``moods``, each with the number of tracks read for it."""


def label_tracks(
    classifier: Callable[[], Classifier],
    card: ModelCard,
    rows: MoodRows,
    batches: Batches,
    *,
    now: datetime,
    selection: Selection = _EVERYTHING,
    labelled: Callable[[], Labelled] | None = None,
    in_shards: LabelReport | None = None,
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
        labelled: makes the labels somewhere else, such as on a cluster; in this process by default.
        in_shards: the labels that this run has made in shards before, which the report includes.
        progress: receives the number of labelled tracks and of all tracks.

    Raises:
        ModelError: The model is unusable, or a different model with its name has labelled here. No track is labelled.
        StoreError: The database or the lake fails.
    """
    model_version = card.model_version
    rows.recognise(model_version, card.weights_sha256)
    report = LabelReport(model_version)
    of = 0
    for labels, read in labelled() if labelled else _labelled_here(classifier, card, rows, now, selection):
        of = of or _how_many(read if labelled is None else PAGE, rows, card, selection)
        batches.add(MOODS_DATASET, labels, now=now)
        report.count(labels, read)
        progress(report.labelled + report.unusable, of)
    if in_shards is not None:
        report.add(in_shards)
    if report.labelled and not card.takes_estimated:
        report.drift = measure_drift(rows, card)
    current = rows.current_version(estimated=card.takes_estimated)
    if current is None or (current != model_version and selection.is_everything):
        rows.set_current(model_version)
    return report


def _labelled_here(
    classifier: Callable[[], Classifier], card: ModelCard, rows: MoodRows, now: datetime, selection: Selection
) -> Labelled:
    model: Classifier | None = None
    for features in rows.unlabelled(card.model_version, selection, estimated=card.takes_estimated):
        model = model or classifier()
        labels = label_batches(features.to_batches(), model, labelled_at=now)
        yield pa.Table.from_batches(labels), features.num_rows


def measure_drift(rows: MoodRows, card: ModelCard) -> DriftReport:
    """Compare the features of the newest tracks with the training data of ``card``."""
    return feature_drift(feature_matrix(rows.newest_features(NEWEST)), card)


def _how_many(first: int, rows: MoodRows, card: ModelCard, selection: Selection) -> int:
    """The number of tracks to label; queried only if the ``first`` page of so many does not contain all of them."""
    if first < PAGE:
        return first
    return rows.count_unlabelled(card.model_version, selection, estimated=card.takes_estimated)
