"""Whether a file's columns are what their names say: seconds for ms, percentages, swapped columns are refused.

A single odd value makes its own row invalid and no more: the public data sets hold a few. But a column of which more
than one value in a hundred is illegal was written on another scale, and then its legal-looking values are wrong as
well. The duration is optional: its illegal values are left out and counted, and never refuse a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mood_core.domain.vectors import FEATURE_RANGES, MAY_BE_MISSING, NINE, describe_problem
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

ILLEGAL_SHARE = 0.01
"""More illegal values than this share of a column, and more than one, and the file is refused."""

_SAMPLE = 20_000
_SLOWEST_TYPICAL_TEMPO = 20.0
_SHORTEST_TYPICAL_MS = 10_000.0


def is_too_many(wrong: int, of: int) -> bool:
    """Whether ``wrong`` values or rows of ``of`` speak against the whole file, and not only against themselves."""
    return wrong > max(1, ILLEGAL_SHARE * of) or (wrong > 0 and wrong == of)


class ColumnCheck:
    """Takes a file's values batch by batch and says at the end whether they can be believed.

    Args:
        file: how messages name the file.
        columns: the file's own column names by ours.

    ``dropped`` has the optional columns that are not used, with the reason.
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
        self.dropped: dict[str, str] = {}
        self.rows = 0

    def not_a_number(self, name: str, count: int, example: str) -> None:
        """Note ``count`` cells of the feature ``name`` that are text, like ``example``."""
        self._present[name] += count
        self._illegal[name] += count
        self._problems.setdefault(name, f"holds {example[:40]!r}, which is not a number")

    def add(self, values: dict[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Take a batch, (n,) float64 by feature with NaN for missing; return which rows are usable, (n,) bool.

        Optional values that cannot be believed become NaN in ``values``.
        """
        import numpy as np

        rows = len(values[NINE[0]])
        usable = np.ones(rows, dtype=np.bool_)
        for name, column in list(values.items()):
            legal = self._count(name, column)
            if name in NINE:
                usable &= legal
            else:
                values[name] = self._optional(name, np.where(legal, column, np.nan))
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
            if name in NINE:
                self._judge(name, column)

    def notes(self) -> list[str]:
        """What is said about optional columns whose values were left out."""
        dropped = [
            f"the column {self._columns[name]!r} is not used: it {why}; {_advice(name)}"
            for name, why in self.dropped.items()
        ]
        return dropped + [
            f"{self._illegal[name]:,} values of the column {self._columns[name]!r} are left out: it"
            f" {self._problems[name]}; {_advice(name)}"
            for name in MAY_BE_MISSING
            if self._illegal[name] and name not in self.dropped
        ]

    def _optional(self, name: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """``column`` without what cannot be believed: all of it where the first batch is on another scale."""
        import numpy as np

        if self.rows == 0 and is_too_many(self._illegal[name], self._present[name]):
            self.dropped[name] = self._problems[name]
        typical = np.nanmedian(column) if self.rows == 0 and not np.isnan(column).all() else np.nan
        if typical < _SHORTEST_TYPICAL_MS:
            self.dropped.setdefault(name, f"has the typical value {typical:g}: it looks like seconds")
        return np.full(len(column), np.nan) if name in self.dropped else column

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
            raise self._refusal(column, "is empty", "fill it or leave the file out")
        if is_too_many(self._illegal[name], present):
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
            return f"has the typical value {typical:g}, but loudness in dB is below 0"
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
