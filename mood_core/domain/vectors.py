"""The definition of valid audio features. A feature matrix has ten columns, in the order of ``FEATURES``.

Pure functions. A row that must not be labelled is a value with a reason, not an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.domain.records import FEATURES
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAY_BE_MISSING = frozenset({"duration_ms"})
"""Features that a source may omit; the model handles missing values."""

NINE = tuple(name for name in FEATURES if name not in MAY_BE_MISSING)
"""The required features, in order."""


@dataclass(frozen=True, slots=True)
class FeatureRange:
    """The closed interval of valid values of one feature, in ``unit``."""

    minimum: float
    maximum: float
    unit: str


_SHARE = FeatureRange(0.0, 1.0, "0–1")

FEATURE_RANGES: Mapping[str, FeatureRange] = MappingProxyType(
    {
        "acousticness": _SHARE,
        "danceability": _SHARE,
        "energy": _SHARE,
        "instrumentalness": _SHARE,
        "liveness": _SHARE,
        # Spotify reports −60 for silence and a few dB above 0 for heavily clipped masters.
        "loudness": FeatureRange(-100.0, 10.0, "dB"),
        "speechiness": _SHARE,
        # 0 means "no beat found".
        "tempo": FeatureRange(0.0, 300.0, "BPM"),
        "valence": _SHARE,
        # Values below a second are probably in seconds; values above a day, in microseconds.
        "duration_ms": FeatureRange(1_000.0, 86_400_000.0, "ms"),
    }
)
"""Valid ranges, in the order of :data:`mood_core.domain.records.FEATURES`. Rows outside them are not labelled.

Source: Spotify's reference of the audio features, extended by values that real catalogues contain.
"""

FEWEST_TYPICAL = 5
"""Fewer values than this say nothing about the scale of their column."""

_SLOWEST_TYPICAL_TEMPO = 20.0

SHARES = tuple(position for position, name in enumerate(FEATURES) if FEATURE_RANGES[name] is _SHARE)
"""The columns of the 0–1 features."""


def scale_problem(name: str, values: NDArray[np.floating[Any]]) -> str | None:
    """Why the typical one of (n,) ``values`` of a feature shows another scale although it may be valid, or None."""
    # A tempo of 0 means "no beat found", so it says nothing about the unit.
    values = values[~np.isnan(values) & ((values != 0) | (name != "tempo"))]
    if not len(values):
        return None
    typical = float(np.median(values))
    if name == "tempo" and typical < _SLOWEST_TYPICAL_TEMPO:
        return f"has the typical value {typical:g}, too slow for BPM"
    if name == "loudness" and typical > 0:
        return f"has the typical value {typical:g}, but loudness in dB is below 0"
    if typical > FEATURE_RANGES[name].maximum:
        return f"has the typical value {typical:g}, above {FEATURE_RANGES[name].maximum:g}"
    return None


def scale_remedy(name: str) -> str:
    """What to do about a column of the feature ``name`` on another scale."""
    units = {"duration_ms": "milliseconds", "loudness": "dB", "tempo": "beats per minute"}
    wanted = f"give {units.get(name, 'fractions from 0 to 1')}"
    return wanted if name in MAY_BE_MISSING else f"{wanted}, and check that no columns are swapped"


def in_range(matrix: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (n,) bool: whether each row of an (n, 10) float32 ``matrix`` may be labelled."""
    _check_shape(matrix)
    good = np.ones(len(matrix), dtype=np.bool_)
    for position, name in enumerate(FEATURES):
        good &= legal(matrix[:, position], name)
    return good


def range_problems(matrix: NDArray[np.float32]) -> list[str | None]:
    """Return, per row of an (n, 10) float32 ``matrix``, None or the reason why it must not be labelled."""
    problems: list[str | None] = [None] * len(matrix)
    for row in np.flatnonzero(~in_range(matrix)):
        problems[row] = _problem(matrix[row])
    return problems


def _check_shape(matrix: NDArray[np.float32]) -> None:
    if matrix.ndim != 2 or matrix.shape[1] != len(FEATURES):
        raise InputError(f"a feature matrix has {len(FEATURES)} columns, this one has the shape {matrix.shape}")


def legal(values: NDArray[np.float32], name: str) -> NDArray[np.bool_]:
    """(n,) bool: which of (n,) ``values`` of the feature ``name`` are valid."""
    allowed = FEATURE_RANGES[name]
    legal: NDArray[np.bool_] = (values >= allowed.minimum) & (values <= allowed.maximum)
    return legal | np.isnan(values) if name in MAY_BE_MISSING else legal


def _problem(row: NDArray[np.float32]) -> str:
    for position, name in enumerate(FEATURES):
        if not legal(row[position : position + 1], name)[0]:
            return describe_problem(name, float(row[position]))
    raise AssertionError("a row without a problem")  # pragma: no cover - in_range said otherwise


def describe_problem(name: str, value: float) -> str:
    """Explain why ``value`` is not a valid value of the feature ``name``."""
    allowed = FEATURE_RANGES[name]
    if np.isnan(value):
        return f"{name} is missing"
    span = f"{allowed.minimum:,.9g} to {allowed.maximum:,.9g}" + ("" if allowed.unit == "0–1" else f" {allowed.unit}")
    hint = ": it looks like seconds, give milliseconds" if name == "duration_ms" and 0 < value < allowed.minimum else ""
    return f"{name} is {value:g}, outside {span}{hint}"
