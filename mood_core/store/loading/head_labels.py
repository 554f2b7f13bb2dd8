"""Labels by personal heads: a person's own labels of the tracks that they heard and have not answered about.

They follow from the head in use and the labels of the model that it was trained for, in the transaction that changes
one of these or adds a listen. Without a head for the current model, the model's labels count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from mood_core.domain.head_text import read_head
from mood_core.domain.moods import label
from mood_core.domain.personal_head import apply_head
from mood_core.domain.records import MOODS
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query


def label_by_heads(
    connection: Connection, user_keys: Sequence[int] | None = None, track_keys: Sequence[int] | None = None
) -> None:
    """Label the tracks that people with a head in use heard: all tracks, or those of ``track_keys``.

    ``user_keys`` limits the people. Tracks with a label of the person's own are left as they are.
    """
    for head in heads_in_use(connection, user_keys):
        options = ["all"] if track_keys is None else ["tracks"]
        values = {"user": head.user_key, "model": head.base_model}
        values |= {} if track_keys is None else {"ids": list(track_keys)}
        rows = connection.execute(query("tracks_to_label", *options), values).all()
        if rows:
            insert_rows(connection, "add_personal_labels", _labels(head, rows))


def label_pending(connection: Connection, track_keys: Sequence[int]) -> None:
    """Label ``track_keys``, which the model has just labelled, for the people with a head who heard them."""
    for head in heads_in_use(connection):
        values = {"user": head.user_key, "ids": list(track_keys)}
        heard = list(connection.scalars(query("pending_of_person"), values))
        if heard:
            label_by_heads(connection, [head.user_key], heard)


def heads_in_use(connection: Connection, user_keys: Sequence[int] | None = None) -> Sequence[Any]:
    """The heads in use: the latest one of each person for the current model, if it was promoted."""
    if user_keys is None:
        return connection.execute(query("heads_in_use")).all()
    return connection.execute(query("heads_in_use", "ids"), {"ids": list(user_keys)}).all()


def _labels(head: Any, rows: Sequence[Any]) -> pa.Table:
    learned = read_head(head.head)
    chances = np.array([[getattr(row, f"p_{mood.lower()}") for mood in MOODS] for row in rows], np.float64)
    found = apply_head(learned.coefficients, chances)
    labels = label(found, learned.threshold, learned.set_thresholds)
    count = len(rows)
    return pa.table(
        {
            "user_key": pa.array([head.user_key] * count, pa.int64()),
            "track_key": pa.array([row.track_key for row in rows], pa.int64()),
            "label_source": ["personal"] * count,
            "mood": labels.names(),
            **{f"p_{mood.lower()}": found[:, place] for place, mood in enumerate(MOODS)},
            "uncertain": pa.array(labels.uncertain).cast(pa.int8()),
            "out_of_distribution": pa.array([row.out_of_distribution for row in rows], pa.int8()),
            "mood_set": pa.array(labels.set_names(), pa.string()),
            "labelled_at_ms": pa.array([head.trained_at_ms] * count, pa.int64()),
            "model_version": [head.version] * count,
        }
    )
