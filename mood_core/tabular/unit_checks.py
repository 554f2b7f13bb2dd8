"""Checks the units of a file's columns: refuses seconds instead of ms, percentages, and swapped columns.

A single invalid value only makes its row invalid: public data sets contain a few. But a column with more than 1%
invalid values has another scale, so that its valid-looking values are wrong too. The duration is optional: its invalid
values are dropped and counted, and never refuse a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mood_core.domain.vectors import FEATURE_RANGES, MAY_BE_MISSING, NINE, describe_problem, scale_problem, scale_remedy
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

ILLEGAL_SHARE = 0.01
"""A file is refused if more than this fraction of a column, and more than one value, is invalid."""

_SAMPLE = 20_000
_SHORTEST_TYPICAL_MS = 10_000.0


def is_too_many(wrong: int, of: int) -> bool:
    """Whether ``wrong`` invalid values or rows of ``of`` are too many to accept the file."""
    return wrong > max(1, ILLEGAL_SHARE * of) or (wrong > 0 and wrong == of)


class ColumnCheck:
    """Checks a file's values batch by batch and decides at the end whether to accept the file.

    Args:
        file: the file's name in messages.
        columns: the file's column names by moodlog's names.

    ``dropped`` contains unused optional columns with the reason.
    """

    def __init__(self, file: str, columns: Mapping[str, str]) -> None:
        self.file = file
        self._columns = columns
        self._present = dict.fromkeys(FEATURE_RANGES, 0)
        self._illegal = dict.fromkeys(FEATURE_RANGES, 0)
        self._problems: dict[str, str] = {}
        self._samples: dict[str, list[NDArray[np.float64]]] = {name: [] for name in FEATURE_RANGES}
        self._sampled = 0
        self.dropped: dict[str, str] = {}
        self.rows = 0

    def not_a_number(self, name: str, count: int, example: str) -> None:
        """Record ``count`` cells of the feature ``name`` that are text, such as ``example``."""
        self._present[name] += count
        self._illegal[name] += count
        self._problems.setdefault(name, f"contains {example[:40]!r}, which is not a number")

    def add(self, values: dict[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Check a batch, (n,) float64 by feature with NaN for missing; returns which rows are usable, (n,) bool.

        Invalid optional values become NaN in ``values``.
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
        """Check the columns as a whole.

        Raises:
            InputError: a column has wrong values or units; the message names file, column and an example.
        """
        if self.rows == 0:
            raise InputError(f"{self.file}: the file has a header but no rows")
        for name, column in self._columns.items():
            if name in NINE:
                self._judge(name, column)

    def notes(self) -> list[str]:
        """Messages about optional columns with dropped values."""
        dropped = [
            f"the column {self._columns[name]!r} is not used: it {why}; {scale_remedy(name)}"
            for name, why in self.dropped.items()
        ]
        return dropped + [
            f"{self._illegal[name]:,} values of the column {self._columns[name]!r} are dropped: it"
            f" {self._problems[name]}; {scale_remedy(name)}"
            for name in MAY_BE_MISSING
            if self._illegal[name] and name not in self.dropped
        ]

    def _optional(self, name: str, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """``column`` without invalid values; without any values if the first batch has another scale."""
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
            raise self._refusal(column, self._problems[name], scale_remedy(name))
        if (problem := scale_problem(name, self._sampled_values(name))) is not None:
            raise self._refusal(column, problem, scale_remedy(name))

    def _sampled_values(self, name: str) -> NDArray[np.float64]:
        import numpy as np

        return np.concatenate(self._samples[name] or [np.empty(0)])

    def _refusal(self, column: str, what: str, advice: str) -> InputError:
        return InputError(f"{self.file}: the column {column!r} {what}; {advice}")


def _problem(name: str, value: float) -> str:
    sentence = describe_problem(name, value)
    what = f"contains {value:g}" + sentence.removeprefix(f"{name} is {value:g}")
    share = FEATURE_RANGES[name].maximum == 1
    return f"{what}: it looks like percentages" if share and 1 < value <= 100 else what
