"""Splits for cross-validation: stratified by class, or by class with an artist's tracks kept together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: ``train`` and ``test`` are int64 row numbers, ``repeat`` and ``number`` count from 0."""

    repeat: int
    number: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def make_folds(
    labels: NDArray[np.int64], folds: int, repeats: int, seed: int, groups: Sequence[str] | None = None
) -> list[Fold]:
    """``repeats`` times ``folds`` splits of (n,) ``labels``; ``groups``: (n,) names never to be split, or None.

    Raises:
        InputError: there are fewer tracks of a class, or fewer groups, than folds.
    """
    _check(labels, folds, groups)
    result = []
    for repeat in range(repeats):
        splits = _splitter(folds, seed + repeat, groups).split(np.zeros(len(labels)), labels, groups)
        result += [Fold(repeat, number, train, test) for number, (train, test) in enumerate(splits)]
    return result


def _splitter(folds: int, seed: int, groups: Sequence[str] | None) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return kind(n_splits=folds, shuffle=True, random_state=seed)


def _check(labels: NDArray[np.int64], folds: int, groups: Sequence[str] | None) -> None:
    rarest = int(min(Counter(labels.tolist()).values()))
    if rarest < folds:
        raise InputError(f"{folds} folds need {folds} tracks of each class, the rarest has {rarest}; give fewer folds")
    if groups is not None and len(set(groups)) < folds:
        raise InputError(f"{folds} folds need {folds} artists, the file has {len(set(groups))}; give fewer folds")
