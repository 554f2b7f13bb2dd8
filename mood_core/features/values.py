"""Converts a source's values to a record. Pure.

All required values of a record come from one response of one source: none is filled in, defaulted or mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from mood_core.domain.records import AudioFeatures
from mood_core.domain.vectors import FEATURE_RANGES, NINE


def audio_features(
    track_id: str, values: Mapping[str, object], *, source: str, at: datetime, duration_ms: object = None
) -> AudioFeatures | None:
    """The record of ``values`` (by feature name), or None if a required one is missing or invalid.

    An invalid ``duration_ms`` [ms] is dropped: it is optional.
    """
    nine = {name: legal_value(name, values.get(name)) for name in NINE}
    if None in nine.values():
        return None
    duration = legal_value("duration_ms", duration_ms)
    return AudioFeatures(
        track_id=track_id,
        source=source,
        fetched_at=at,
        duration_ms=None if duration is None else round(duration),
        **{name: value for name, value in nine.items() if value is not None},
    )


def legal_value(name: str, value: object) -> float | None:
    """``value`` as a float if it is a number in the valid range of the feature ``name``, otherwise None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    allowed = FEATURE_RANGES[name]
    # This also excludes NaN and integers that are too large for a float.
    if not allowed.minimum <= value <= allowed.maximum:
        return None
    return float(value)
