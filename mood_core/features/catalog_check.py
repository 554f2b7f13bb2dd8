"""Whether a file's columns are what their names say: seconds for ms, percentages, swapped columns are refused.

A single odd value spoils its own row and no more: the public data sets hold a few. But a column of which more than
one value in a hundred is illegal was written on another scale, and then its legal-looking values are wrong as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mood_core.errors import InputError
from mood_core.features.values import NINE
from mood_core.vectors import FEATURE_RANGES, describe_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

ILLEGAL_SHARE = 0.01
"""More illegal values than this share of a column, and the file is refused."""

_SAMPLE = 20_000
_SLOWEST_TYPICAL_TEMPO = 20.0
_SHORTEST_TYPICAL_MS = 10_000.0


class ColumnCheck:
    """Takes a file's values batch by batch and says at the end whether they can be believed.

    Args:
        file: how messages name the file.
        columns: the file's own column names by ours.
    """

    def __init__(self, file: str, columns: Mapping[str, str]) -> None:
        self.file = file
        self._columns = columns
        self._present = dict.fromkeys(FEATURE_RANGES, 0)
        self._illegal = dict.fromkeys(FEATURE_RANGES, 0)
        self._examples: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        self._samples: dict[str, list[NDArray[np.float64]]] = {name: [] for name in FEATURE_RANGES}
        self._sampled = 0
        self.rows = 0

    def not_a_number(self, name: str, count: int, example: str) -> None:
        """Note ``count`` cells of the feature ``name`` that are text, like ``example``."""
        self._present[name] += count
        self._illegal[name] += count
        self._problems.setdefault(name, f"holds {example[:40]!r}, which is not a number")

    def add(self, values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Take a batch, (n,) float64 by feature with NaN for missing; return which rows are usable, (n,) bool."""
        import numpy as np

        rows = len(values[NINE[0]])
        usable = np.ones(rows, dtype=np.bool_)
        for name, column in values.items():
            legal = self._count(name, column)
            if name in NINE:
                usable &= legal
        self.rows += rows
        if self._sampled < _SAMPLE:
            self._sampled += rows
            for name, column in values.items():
                self._samples[name].append(column[:_SAMPLE])
        return usable

    def finish(self) -> None:
        """Judge the columns.

        Raises:
            InputError: one of them is not what its name says; the sentence names file, column and an example.
        """
        if self.rows == 0:
            raise InputError(f"{self.file}: there is no row under the header")
        for name, column in self._columns.items():
            if name in FEATURE_RANGES:
                self._judge(name, column)

    def _count(self, name: str, column: NDArray[np.float64]) -> NDArray[np.bool_]:
        import numpy as np

        allowed = FEATURE_RANGES[name]
        legal: NDArray[np.bool_] = (column >= allowed.minimum) & (column <= allowed.maximum)
        present = ~np.isnan(column)
        wrong = present & ~legal
        self._present[name] += int(present.sum())
        if wrong.any():
            self._illegal[name] += int(wrong.sum())
            self._problems.setdefault(name, _problem(name, float(column[np.argmax(wrong)])))
        return legal

    def _judge(self, name: str, column: str) -> None:
        present = self._present[name]
        if present == 0:
            if name in NINE:
                raise self._refusal(column, "is empty", "fill it or leave the file out")
            return
        if self._illegal[name] > ILLEGAL_SHARE * present:
            raise self._refusal(column, self._problems[name], _advice(name))
        if (doubt := self._doubt(name)) is not None:
            raise self._refusal(column, doubt, _advice(name))

    def _doubt(self, name: str) -> str | None:
        """What a column's typical value says against it although all its values are legal."""
        typical = self._typical(name)
        if typical is None:
            return None
        if name == "tempo" and typical < _SLOWEST_TYPICAL_TEMPO:
            return f"has the typical value {typical:g}, too slow for BPM"
        if name == "loudness" and typical > 0:
            return f"has the typical value {typical:g}, but loudness in dB lies below 0"
        if name == "duration_ms" and typical < _SHORTEST_TYPICAL_MS:
            return f"has the typical value {typical:g}, too short for a track in ms: it looks like seconds"
        return None

    def _typical(self, name: str) -> float | None:
        import numpy as np

        samples = self._samples[name]
        values = np.concatenate(samples) if samples else np.empty(0)
        # A tempo of 0 says "no beat found" and nothing about the unit.
        values = values[~np.isnan(values) & ((values != 0) | (name != "tempo"))]
        return float(np.median(values)) if len(values) else None

    def _refusal(self, column: str, what: str, advice: str) -> InputError:
        return InputError(f"{self.file}: the column {column!r} {what}; {advice}")


def _problem(name: str, value: float) -> str:
    sentence = describe_problem(name, value)
    what = f"holds {value:g}" + sentence.removeprefix(f"{name} is {value:g}")
    share = FEATURE_RANGES[name].maximum == 1
    return f"{what}: it looks like percentages" if share and 1 < value <= 100 else what


def _advice(name: str) -> str:
    if name == "duration_ms":
        return "give milliseconds"
    if name == "loudness":
        return "give dB, and check that no columns are swapped"
    if name == "tempo":
        return "give beats per minute, and check that no columns are swapped"
    return "give fractions from 0 to 1, and check that no columns are swapped"
