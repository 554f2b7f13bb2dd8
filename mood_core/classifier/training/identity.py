"""Which rows are the same recording: by track id, ISRC, the file's own name for it, or equal features. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Keys = tuple[str, ...]
"""The names of one row's recording; rows that share a name are the same recording."""

_DECIMALS = 3
_LOCAL = "recording:"


def track_keys(
    matrix: NDArray[np.float32],
    ids: Sequence[str | None],
    isrcs: Sequence[str | None],
    recordings: Sequence[str | None],
) -> tuple[Keys, ...]:
    """The keys of each row: its id, ISRC and recording where known, and its features without the duration.

    Services round features and durations differently, so features count as equal to three decimals.
    """
    rounded = np.round(matrix[:, :-1].astype(np.float64), _DECIMALS) + 0.0  # no minus zero
    named = zip(("id:", "isrc:", _LOCAL), (ids, isrcs, recordings), strict=True)
    columns = [[prefix + value.strip() if value else None for value in values] for prefix, values in named]
    features = ["features:" + hashlib.sha256(row.tobytes()).hexdigest()[:24] for row in rounded]
    return tuple(tuple(key for key in row if key) for row in zip(*columns, features, strict=True))


def same_recordings(keys: Sequence[Keys]) -> NDArray[np.int64]:
    """(n,) int64: a number for each row, equal for rows that share a key, directly or through other rows."""
    parent = list(range(len(keys)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[str, int] = {}
    for row, names in enumerate(keys):
        for name in names:
            one, other = root(row), root(first.setdefault(name, row))
            parent[max(one, other)] = min(one, other)
    return np.array([root(row) for row in range(len(keys))], dtype=np.int64)


def key_hashes(keys: Keys) -> list[int]:
    """The first 64 bits of the SHA-256 of each key that means the same in every file."""
    shared = [key for key in keys if not key.startswith(_LOCAL)]
    return [int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") for key in shared]


def all_hashes(keys: Sequence[Keys]) -> NDArray[np.uint64]:
    """The hashes of all ``keys``, sorted, each once."""
    return np.array(sorted({value for row in keys for value in key_hashes(row)}), dtype=np.uint64)


def known_rows(keys: Sequence[Keys], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """(n,) bool: whether a row has a key among ``hashes``."""
    known = set(hashes.tolist())
    return np.array([any(value in known for value in key_hashes(row)) for row in keys], dtype=np.bool_)
