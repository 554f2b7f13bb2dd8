"""The queues of tracks that wait for audio features and for a label, updated in the transaction that changes them.

``_feature_queue`` has exactly the tracks without exact features, ``_label_queue`` exactly those whose features the
current model of their class has not labelled. A deleted track leaves both by its foreign key.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query


def follow_tracks(connection: Connection, track_ids: Sequence[str]) -> None:
    """Queue those of ``track_ids``, which are new or may have changed, that have no features."""
    if track_ids:
        connection.execute(query("queue_for_features"), {"ids": track_ids})


def follow_features(connection: Connection, track_keys: Sequence[int]) -> None:
    """Tracks have exact features now: they wait for a label instead, if they have none."""
    connection.execute(query("delete_rows_of_tracks", table="_feature_queue"), {"ids": track_keys})
    follow_labels(connection, track_keys)


def follow_misses(connection: Connection, track_keys: Sequence[int]) -> None:
    """Feature misses of tracks were loaded: the next run computes when their sources may be called again."""
    connection.execute(query("queue_again"), {"ids": track_keys})


def follow_labels(connection: Connection, track_keys: Sequence[int]) -> None:
    """The features of tracks, or their labels by a current model, have changed."""
    if track_keys:
        connection.execute(query("delete_rows_of_tracks", table="_label_queue"), {"ids": track_keys})
        connection.execute(query("queue_for_labels", "tracks"), {"ids": track_keys})


def refill_feature_queue(connection: Connection) -> None:
    """Find every track without features, at the end of a rebuild."""
    connection.execute(query("delete_rows", table="_feature_queue"))
    connection.execute(query("fill_feature_queue"))


def refill_label_queue(connection: Connection) -> None:
    """Find every track without a label, after a change of the current model."""
    connection.execute(query("delete_rows", table="_label_queue"))
    connection.execute(query("queue_for_labels"))
