"""Personal heads as text, as they are stored: JSON with the coefficients and the thresholds of the model's card."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.records import MOODS
from mood_core.errors import BatchCorrupt

_SHAPE = (len(MOODS) + 1, len(MOODS))


@dataclass(frozen=True, slots=True, eq=False)
class StoredHead:
    """A head with what makes labels of its probabilities; see :func:`mood_core.domain.moods.label`."""

    coefficients: NDArray[np.float64]
    threshold: float
    set_thresholds: tuple[float, ...] | None

    def to_text(self) -> str:
        """The head as JSON; the numbers are exact."""
        sets = None if self.set_thresholds is None else list(self.set_thresholds)
        found = {"coefficients": self.coefficients.tolist(), "threshold": self.threshold, "set_thresholds": sets}
        return json.dumps(found)


def read_head(text: str) -> StoredHead:
    """The head in ``text``.

    Raises:
        BatchCorrupt: It is not a head.
    """
    try:
        found = json.loads(text)
        coefficients = np.array(found["coefficients"], np.float64)
        sets = found["set_thresholds"]
        thresholds = None if sets is None else tuple(float(each) for each in sets)
        head = StoredHead(coefficients, float(found["threshold"]), thresholds)
    except (ValueError, KeyError, TypeError) as error:
        raise BatchCorrupt("a personal head in mood_heads cannot be read; run `moodlog verify`") from error
    if coefficients.shape != _SHAPE or not np.isfinite(coefficients).all():
        raise BatchCorrupt(f"a personal head in mood_heads has not {_SHAPE} finite numbers; run `moodlog verify`")
    return head
