"""From a source's nine values to a record, or to the reason why not. Pure.

All nine values of a record come from one answer of one source: none is filled in, defaulted or mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mood_core.domain.records import AudioFeatures
from mood_core.domain.vectors import FEATURE_RANGES, NINE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def audio_features(
    track_id: str, values: Mapping[str, object], *, source: str, at: datetime, duration_ms: object = None
) -> AudioFeatures | None:
    """The record of ``values`` (by feature name), or None when one of the nine is missing or illegal.

    An illegal ``duration_ms`` [ms] is left out: it is optional.
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
    """``value`` as a float where it is a number in the legal range of the feature ``name``, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    allowed = FEATURE_RANGES[name]
    # NaN and ints too large for a float stop here as well.
    if not allowed.minimum <= value <= allowed.maximum:
        return None
    return float(value)
