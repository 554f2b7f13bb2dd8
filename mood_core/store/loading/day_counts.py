"""Counts listens by person and local day, with one column for each mood, as in the table ``_mood_days``."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mood_core.domain.records import MOODS

DAY_COLUMNS = (
    *(mood.lower() for mood in MOODS),
    "unlabelled",
    *(f"uncertain_{mood.lower()}" for mood in MOODS),
    *(f"expected_{mood.lower()}" for mood in MOODS),
    *(f"variance_{mood.lower()}" for mood in MOODS),
)
"""The counts of ``_mood_days``: listens of each mood, those without a label, and uncertain labels of each mood.

Then the mean and the variance of how many listens have each mood under the model's probabilities, in units of 1e-4 and
1e-8: whole numbers, because their sums are the same in every order.
"""

_ONE = 10_000

_CODES = 2 * len(MOODS) + 1
_MIDDLE = 2**31


def day_counts(
    user_keys: NDArray[np.int64], days: NDArray[np.int64], codes: NDArray[np.int8], chances: NDArray[np.int16]
) -> pa.Table:
    """``user_key``, ``day`` and the counts (int64), sorted, of listens given by (n,) arrays.

    ``days`` counts from 1970-01-01; ``codes`` and ``chances`` (n, 4) are those of
    :mod:`mood_core.store.loading.key_cache`.
    """
    # One number a pair sorts faster than pairs; days are far fewer than 2^31, before 1970 as after it.
    pairs, places = np.unique((user_keys << 32) + days + _MIDDLE, return_inverse=True)
    cells = np.bincount(places * _CODES + codes, minlength=len(pairs) * _CODES).reshape(len(pairs), _CODES)
    certain, uncertain, unlabelled = cells[:, :4], cells[:, 4:8], cells[:, 8:]
    wide = chances.astype(np.int64)
    # Float64 adds these whole numbers exactly: up to 2^53, which a day of 3e8 listens would reach.
    sums = [np.bincount(places, column, len(pairs)) for column in np.hstack([wide, wide * (_ONE - wide)]).T]
    counts = np.hstack([certain + uncertain, unlabelled, uncertain, np.column_stack(sums)]).astype(np.int64)
    columns = [pairs >> 32, (pairs & (2**32 - 1)) - _MIDDLE, *counts.T]
    return pa.table([pa.array(column) for column in columns], names=["user_key", "day", *DAY_COLUMNS])
