"""What the loads of one process remember of tracks: batch after batch need not ask for the same keys and labels.

The table ``epochs`` says whether it still holds: the database itself counts up when tracks are deleted or another model
is shown, and the loader when labels or audio features come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import MOODS
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import keys_of, raw_rows

_Number = TypeVar("_Number", np.int8, np.int16, np.int64)

UNLABELLED = 2 * len(MOODS)
"""The code of a track without a label. A label's code is its place in ``MOODS``, and four more if it is uncertain."""

_MOST_KEYS = 300_000  # some 60 MB
_UNKNOWN = -1


class KeyCache:
    """What this process remembers of one database. Safe to share between threads: they can only ask twice."""

    def __init__(self) -> None:
        self._keys_epoch = self._labels_epoch = _UNKNOWN
        self._keys: dict[str, int] = {}
        self._codes: NDArray[np.int8] = np.empty(0, np.int8)
        self._chances: NDArray[np.int16] = np.empty((0, len(MOODS)), np.int16)
        self._sources: NDArray[np.int64] = np.empty(0, np.int64)
        self._heard: NDArray[np.int8] = np.empty(0, np.int8)

    def begin(self, connection: Connection) -> Memory:
        """What holds in the transaction of ``connection``."""
        epoch = connection.scalar(query("keys_version"))
        if epoch != self._keys_epoch:
            self._heard = self._heard[:0]
        if epoch != self._keys_epoch or len(self._keys) > _MOST_KEYS:
            self._keys_epoch, self._keys = epoch, {}
        return Memory(self, self._keys)

    def unheard(self, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of ``track_keys`` that are not known to have a listen."""
        self._heard = _long_enough(self._heard, track_keys)
        new: NDArray[np.int64] = track_keys[self._heard[track_keys] == _UNKNOWN]
        return new

    def hear(self, track_keys: NDArray[np.int64]) -> None:
        """Remember that ``track_keys`` have a listen."""
        self._heard = _long_enough(self._heard, track_keys)
        self._heard[track_keys] = 1

    def labels(
        self, connection: Connection, track_keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        """The current labels of ``track_keys`` ((n,) int64, each once): codes (n,) int8, and (n, 4) int16.

        The second array has the probabilities in units of 1e-4, all 0 for a track without a label.
        """
        self._learn(connection, track_keys)
        return self._codes[track_keys], self._chances[track_keys]

    def feature_sources(self, connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The source keys of the audio features of ``track_keys`` ((n,) int64, each once): (n,) int64, 0 for none."""
        self._learn(connection, track_keys)
        return self._sources[track_keys]

    def _learn(self, connection: Connection, track_keys: NDArray[np.int64]) -> None:
        epoch = connection.scalar(query("labels_version"))
        still = epoch == self._labels_epoch
        codes = _long_enough(self._codes if still else self._codes[:0], track_keys)
        sources = _long_enough(self._sources if still else self._sources[:0], track_keys)
        chances = _long_enough(self._chances if still else self._chances[:0], track_keys)
        new = track_keys[codes[track_keys] == _UNKNOWN]
        if len(new):
            labels = _current_labels(connection, new)
            codes[new], sources[new], chances[new] = UNLABELLED, 0, 0
            codes[labels[:, 0]], sources[labels[:, 0]] = labels[:, 1], labels[:, 2]
            chances[labels[:, 0]] = labels[:, 3:]
            featured = _feature_sources(connection, new[codes[new] == UNLABELLED])
            sources[featured[:, 0]] = featured[:, 1]
        self._codes, self._chances, self._sources, self._labels_epoch = codes, chances, sources, epoch


class Memory:
    """What one transaction knows of tracks. What it learns of keys is remembered only once it has committed."""

    def __init__(self, remembered: KeyCache, keys: dict[str, int]) -> None:
        self._remembered = remembered
        self._keys = keys
        self._learned: dict[str, int] = {}
        self._newly_heard: list[NDArray[np.int64]] = []

    def track_keys(self, connection: Connection, track_ids: Sequence[str]) -> list[int]:
        """The keys of ``track_ids`` in their order; an id that is new to the database gets one."""
        found = [self._keys.get(id_) or self._learned.get(id_) for id_ in track_ids]
        missing = [id_ for id_, key in zip(track_ids, found, strict=True) if key is None]
        if not missing:
            return [key for key in found if key is not None]
        self._learned |= keys_of(connection, "tracks", missing, create=True)
        return [key or self._learned[id_] for id_, key in zip(track_ids, found, strict=True)]

    def labels(
        self, connection: Connection, track_keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        """The current labels of ``track_keys``: see :meth:`KeyCache.labels`."""
        return self._remembered.labels(connection, track_keys)

    def feature_sources(self, connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The source keys of the audio features of ``track_keys`` ((n,) int64, each once): (n,) int64, 0 for none."""
        return self._remembered.feature_sources(connection, track_keys)

    def hear(self, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of ``track_keys`` that are not known to have a listen; once this transaction has committed they are."""
        new = self._remembered.unheard(track_keys)
        self._newly_heard.append(new)
        return new

    def committed(self) -> None:
        """Remember what was learned: with the transaction, every new key holds."""
        self._keys.update(self._learned)
        for track_keys in self._newly_heard:
            self._remembered.hear(track_keys)


def invalidate_keys(connection: Connection) -> None:
    """Wait for running loads, keep others from beginning, and let every process forget the keys it remembers."""
    connection.execute(query("invalidate_keys"))


def invalidate_labels(connection: Connection) -> None:
    """Let every process forget the labels and feature sources it remembers, once this transaction commits."""
    connection.execute(query("invalidate_labels"))


def _current_labels(connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = raw_rows(connection.execute(query("label_codes"), {"ids": track_keys.tolist()}))
    return np.array(rows, np.int64).reshape(-1, 3 + len(MOODS))


def _feature_sources(connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = raw_rows(connection.execute(query("feature_sources"), {"ids": track_keys.tolist()}))
    return np.array(rows, np.int64).reshape(-1, 2)


def _long_enough(codes: NDArray[_Number], track_keys: NDArray[np.int64]) -> NDArray[_Number]:
    """``codes`` with a place for each of ``track_keys``; new places are unknown."""
    short = int(track_keys.max(initial=0)) + 1 - len(codes)
    return codes if short <= 0 else np.concatenate([codes, np.full((short, *codes.shape[1:]), _UNKNOWN, codes.dtype)])
