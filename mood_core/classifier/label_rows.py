"""Rows of the dataset ``moods`` from audio features: what labelling writes, in this process or on Spark's workers."""

from __future__ import annotations

from itertools import tee
from typing import TYPE_CHECKING

import pyarrow as pa

from mood_core.classifier.scoring import score_batches
from mood_core.domain.records import MOODS, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mood_core.classifier.classifier import Classifier

_SCORED = ("mood", *(f"p_{mood.lower()}" for mood in MOODS), "uncertain", "out_of_distribution", "mood_set")


def label_batches(
    features: Iterable[pa.RecordBatch], model: Classifier, *, labelled_at: datetime
) -> Iterator[pa.RecordBatch]:
    """The labels of each batch of ``features``, without the rows that must not be labelled.

    ``features`` have the columns ``track_id``, the ten features and ``feature_source``.
    """
    given, scored = tee(features)
    for batch, scores in zip(given, score_batches(scored, model, check_scales=False), strict=True):
        rows = pa.RecordBatch.from_pydict(
            {
                "track_id": batch.column("track_id"),
                "model_version": pa.repeat(model.model_version, batch.num_rows),
                **{name: scores.column(name) for name in _SCORED},
                "feature_source": batch.column("feature_source"),
                "labelled_at": pa.repeat(pa.scalar(to_ms(labelled_at), pa.timestamp("ms", "UTC")), batch.num_rows),
            }
        )
        yield rows.filter(scores.column("mood").is_valid()) if scores.column("mood").null_count else rows
