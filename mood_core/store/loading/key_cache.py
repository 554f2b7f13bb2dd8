"""Cached track keys, labels and feature sources, so that the loads of a process do not query them for each batch.

The table ``_cache_versions`` has the versions of the cache. The database increments them if tracks are deleted or
another model becomes current, and the loader if labels or audio features are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import MOODS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import keys_of, raw_rows

_Number = TypeVar("_Number", np.int8, np.int16, np.int64)

UNLABELLED = 2 * len(MOODS)
"""The code of a track without a label. A label's code is its index in ``MOODS``, plus four if it is uncertain."""

_MOST_KEYS = 300_000  # about 60 MB
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class TrackLabels:
    """The current labels of n tracks, and the source keys of their audio features.

    ``codes`` (n,): see :data:`UNLABELLED`; ``chances`` (n, 4): the probabilities in units of 1e-4, 0 without a label;
    ``sources`` (n,): 0 without features.
    """

    codes: NDArray[np.int8]
    chances: NDArray[np.int16]
    sources: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> TrackLabels:
        """Those of the tracks at ``places``."""
        return TrackLabels(self.codes[places], self.chances[places], self.sources[places])

    def up_to(self, length: int) -> TrackLabels:
        """Room for ``length`` tracks; new ones are unknown."""
        codes, chances = _lengthened(self.codes, length), _lengthened(self.chances, length)
        return TrackLabels(codes, chances, _lengthened(self.sources, length))


_NO_LABELS = TrackLabels(np.empty(0, np.int8), np.empty((0, len(MOODS)), np.int16), np.empty(0, np.int64))


class KeyCache:
    """The cache of one process for one database. Safe to share between threads, which can only repeat a query."""

    def __init__(self) -> None:
        self._keys_version = self._labels_version = _UNKNOWN
        self._keys: dict[str, int] = {}
        self._labels = _NO_LABELS
        self._heard: NDArray[np.int8] = np.empty(0, np.int8)

    def begin(self, connection: Connection) -> LoadCache:
        """The cache for the transaction of ``connection``."""
        version = connection.scalar(query("keys_version"))
        if version != self._keys_version:
            self._heard = self._heard[:0]
        if version != self._keys_version or len(self._keys) > _MOST_KEYS:
            self._keys_version, self._keys = version, {}
        return LoadCache(self, self._keys)

    def unheard(self, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tracks of ``track_keys`` that are not known to have a listen."""
        self._heard = _lengthened(self._heard, _length(track_keys))
        new: NDArray[np.int64] = track_keys[self._heard[track_keys] == _UNKNOWN]
        return new

    def record_listens(self, track_keys: NDArray[np.int64]) -> None:
        """Record that ``track_keys`` have a listen."""
        self._heard = _lengthened(self._heard, _length(track_keys))
        self._heard[track_keys] = 1

    def labels(self, connection: Connection, track_keys: NDArray[np.int64]) -> TrackLabels:
        """The labels of ``track_keys`` ((n,) int64, without duplicates)."""
        version = connection.scalar(query("labels_version"))
        known = (self._labels if version == self._labels_version else _NO_LABELS).up_to(_length(track_keys))
        new = track_keys[known.codes[track_keys] == _UNKNOWN]
        if len(new):
            known.codes[new], known.sources[new], known.chances[new] = UNLABELLED, 0, 0
            labels = _rows(connection, "label_codes", new, 3 + len(MOODS))
            known.codes[labels[:, 0]], known.sources[labels[:, 0]] = labels[:, 1], labels[:, 2]
            known.chances[labels[:, 0]] = labels[:, 3:]
            featured = _rows(connection, "feature_sources", new[known.codes[new] == UNLABELLED], 2)
            known.sources[featured[:, 0]] = featured[:, 1]
        self._labels, self._labels_version = known, version
        return known.at(track_keys)


class LoadCache:
    """The cache for one transaction. New keys become visible to other transactions only after its commit."""

    def __init__(self, shared: KeyCache, keys: dict[str, int]) -> None:
        self._keys = keys
        self._new_keys: dict[str, int] = {}
        self._newly_heard: list[NDArray[np.int64]] = []
        self._shared = shared
        self.labels = shared.labels

    def track_keys(self, connection: Connection, track_ids: Sequence[str]) -> list[int]:
        """The keys of ``track_ids`` in their order; an id that is new to the database gets one."""
        found = list(map(self._keys.get, track_ids))
        missing = [id_ for id_, key in zip(track_ids, found, strict=True) if key is None and id_ not in self._new_keys]
        self._new_keys |= keys_of(connection, "tracks", missing, create=True) if missing else {}
        return [key or self._new_keys[id_] for id_, key in zip(track_ids, found, strict=True)]

    def record_listens(self, track_keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tracks of ``track_keys`` that are not known to have a listen; after the commit they are."""
        new = self._shared.unheard(track_keys)
        self._newly_heard.append(new)
        return new

    def committed(self) -> None:
        """Share what this transaction has learned."""
        self._keys.update(self._new_keys)
        for track_keys in self._newly_heard:
            self._shared.record_listens(track_keys)


_CACHES: WeakKeyDictionary[Database, KeyCache] = WeakKeyDictionary()


def key_cache_of(database: Database) -> KeyCache:
    """The cache of this process for ``database``."""
    return _CACHES.setdefault(database, KeyCache())


def invalidate_keys(connection: Connection) -> None:
    """Wait for running loads, block new ones, and invalidate the cached keys of every process."""
    connection.execute(query("invalidate_keys"))


def invalidate_labels(connection: Connection) -> None:
    """Invalidate the cached labels and feature sources of every process, at the commit of this transaction."""
    connection.execute(query("invalidate_labels"))


def _rows(connection: Connection, statement: str, track_keys: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    rows = raw_rows(connection.execute(query(statement), {"ids": track_keys.tolist()}))
    return np.array(rows, np.int64).reshape(-1, width)


def _length(track_keys: NDArray[np.int64]) -> int:
    return int(track_keys.max(initial=0)) + 1


def _lengthened(column: NDArray[_Number], length: int) -> NDArray[_Number]:
    short = length - len(column)
    return column if short <= 0 else np.pad(column, [(0, short), (0, 0)][: column.ndim], constant_values=_UNKNOWN)
