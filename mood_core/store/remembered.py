"""What the loads of one process remember of tracks: batch after batch need not ask for the same keys and labels.

The table ``epochs`` says whether it still holds: the database itself counts up when tracks are deleted or another model
is shown, and the loader when labels come in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from mood_core.records import MOODS
from mood_core.store.keys import among, keys_of, raw_rows

UNLABELLED = 2 * len(MOODS)
"""The code of a track without a label. A label's code is its place in ``MOODS``, and four more if it is uncertain."""

_MOST_KEYS = 300_000  # some 60 MB
_UNKNOWN = -1
_EPOCH = "SELECT epoch FROM epochs WHERE name = :name"
_KEYS_GO = text("UPDATE epochs SET epoch = epoch + 1 WHERE name = 'keys'")
_LABELS_CAME = text("UPDATE epochs SET epoch = epoch + 1 WHERE name = 'labels'")
_LABELS = f"""
SELECT m.track_key, CASE m.mood {" ".join(f"WHEN '{mood}' THEN {code}" for code, mood in enumerate(MOODS))} END
    + {len(MOODS)} * m.uncertain
FROM models AS c INNER JOIN moods AS m ON m.model_key = c.model_key
WHERE c.is_current = 1 AND {{condition}}
"""  # noqa: S608


class Remembered:
    """What this process remembers of one database. Safe to share between threads: they can only ask twice."""

    def __init__(self) -> None:
        self._keys_epoch = self._labels_epoch = _UNKNOWN
        self._keys: dict[str, int] = {}
        self._codes: NDArray[np.int8] = np.empty(0, np.int8)

    def begin(self, connection: Connection) -> Memory:
        """What holds in the transaction of ``connection``."""
        # Shared with other loads; whoever deletes tracks waits for their end.
        lock = " FOR SHARE" if connection.dialect.name == "postgresql" else ""
        epoch = connection.scalar(text(f"{_EPOCH}{lock}"), {"name": "keys"})
        if epoch != self._keys_epoch or len(self._keys) > _MOST_KEYS:
            self._keys_epoch, self._keys = epoch, {}
        return Memory(self, self._keys)

    def label_codes(self, connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int8]:
        """The codes of the current labels of ``track_keys`` ((n,) int64, each once): (n,) int8."""
        epoch = connection.scalar(text(_EPOCH), {"name": "labels"})
        codes = self._codes if epoch == self._labels_epoch else np.empty(0, np.int8)
        short = int(track_keys.max(initial=0)) + 1 - len(codes)
        if short > 0:
            codes = np.concatenate([codes, np.full(short, _UNKNOWN, np.int8)])
        new = track_keys[codes[track_keys] == _UNKNOWN]
        if len(new):
            labels = _current_labels(connection, new)
            codes[new] = UNLABELLED
            codes[labels[:, 0]] = labels[:, 1]
        self._codes, self._labels_epoch = codes, epoch
        return codes[track_keys]


class Memory:
    """What one transaction knows of tracks. What it learns of keys is remembered only once it has committed."""

    def __init__(self, remembered: Remembered, keys: dict[str, int]) -> None:
        self._remembered = remembered
        self._keys = keys
        self._learned: dict[str, int] = {}

    def track_keys(self, connection: Connection, track_ids: Sequence[str]) -> list[int]:
        """The keys of ``track_ids`` in their order; an id that is new to the database gets one."""
        found = [self._keys.get(id_) or self._learned.get(id_) for id_ in track_ids]
        missing = [id_ for id_, key in zip(track_ids, found, strict=True) if key is None]
        if not missing:
            return [key for key in found if key is not None]
        self._learned |= keys_of(connection, "tracks", missing, create=True)
        return [key or self._learned[id_] for id_, key in zip(track_ids, found, strict=True)]

    def label_codes(self, connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int8]:
        """The codes of the current labels of ``track_keys`` ((n,) int64, each once): (n,) int8."""
        return self._remembered.label_codes(connection, track_keys)

    def committed(self) -> None:
        """Remember what was learned: with the transaction, every new key holds."""
        self._keys.update(self._learned)


def keys_go(connection: Connection) -> None:
    """Wait for running loads, keep others from beginning, and let every process forget the keys it remembers."""
    connection.execute(_KEYS_GO)


def labels_came(connection: Connection) -> None:
    """Let every process forget the labels it remembers, once this transaction commits."""
    connection.execute(_LABELS_CAME)


def _current_labels(connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
    condition, ids = among(connection, "m.track_key", track_keys.tolist())
    rows = raw_rows(connection.execute(text(_LABELS.format(condition=condition)), {"ids": ids}))
    return np.array(rows, np.int64).reshape(-1, 2)
