"""Labels of a person's own, in the table ``person_labels``: they replace the model's labels for the person's listens.

They follow from the person's answers and from what was learned from these. A change of a label by an answer changes the
kept counts by the difference; see :mod:`mood_core.store.loading.shifted_counts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import MOODS
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.head_labels import heads_in_use, label_by_heads
from mood_core.store.loading.key_cache import TrackLabels
from mood_core.store.loading.keys import raw_rows

_WIDTH = 3 + len(MOODS)


def find_person_labels(connection: Connection) -> None:
    """Find the own labels of all people again."""
    connection.execute(query("remove_person_labels"))
    connection.execute(query("add_answered_labels"))
    label_by_heads(connection)


def find_labels_of(connection: Connection, user_key: int, track_keys: NDArray[np.int64]) -> None:
    """Find the own labels of a person for ``track_keys`` again."""
    tracks: dict[str, Any] = {"user": user_key, "ids": track_keys.tolist()}
    connection.execute(query("remove_person_labels", "tracks"), tracks)
    connection.execute(query("add_answered_labels", "tracks"), tracks)
    label_by_heads(connection, [user_key], tracks["ids"])


def follow_heads(connection: Connection, user_keys: Sequence[int]) -> None:
    """Label the listens of people by the heads that are in use for them now."""
    connection.execute(query("remove_labels_by_heads"), {"ids": list(user_keys)})
    label_by_heads(connection, user_keys)


def label_heard(connection: Connection, user_keys: NDArray[np.int64], track_keys: NDArray[np.int64]) -> None:
    """Label the tracks of new listens, (n,) each, for those of their people who have a head in use."""
    for head in heads_in_use(connection, np.unique(user_keys).tolist()):
        heard = np.unique(track_keys[user_keys == head.user_key])
        label_by_heads(connection, [head.user_key], heard.tolist())


def with_own_labels(
    connection: Connection, user_keys: NDArray[np.int64], track_keys: NDArray[np.int64], labels: TrackLabels
) -> TrackLabels:
    """``labels`` of n listens with the own labels of their people instead, where there are any.

    ``user_keys`` and ``track_keys`` (n,) are those of the listens.
    """
    people = np.unique(user_keys).tolist()
    having = list(connection.scalars(query("people_with_labels"), {"ids": people})) if people else []
    if not having:
        return labels
    values = {"users": having, "ids": np.unique(track_keys).tolist()}
    rows = np.array(raw_rows(connection.execute(query("person_label_codes"), values)), np.int64).reshape(-1, _WIDTH)
    pairs = (rows[:, 0] << 32) + rows[:, 1]
    order = np.argsort(pairs)
    wanted = (user_keys << 32) + track_keys
    places = np.searchsorted(pairs[order], wanted)
    places[places == len(pairs)] = 0
    own = np.flatnonzero(pairs[order][places] == wanted) if len(pairs) else np.zeros(0, np.int64)
    found = rows[order][places[own]] if len(pairs) else rows
    codes, chances = labels.codes.copy(), labels.chances.copy()
    codes[own], chances[own] = found[:, 2], found[:, 3:]
    return TrackLabels(codes, chances, labels.sources)
