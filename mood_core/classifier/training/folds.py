"""Splits for cross-validation. No recording (and by option no artist) is on both sides of a split."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: ``train`` and ``test`` are int64 row numbers, ``repeat`` and ``number`` count from 0."""

    repeat: int
    number: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def make_folds(
    labels: NDArray[np.int64], folds: int, repeats: int, seed: int, groups: NDArray[np.int64] | None = None
) -> list[Fold]:
    """``repeats`` times ``folds`` splits of (n,) ``labels``; ``groups``: (n,) equal for rows kept together, or None.

    Raises:
        InputError: there are fewer tracks of a class, or fewer groups, than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    _check(labels, folds, groups)
    alone = groups is None or len(np.unique(groups)) == len(groups)
    kind = StratifiedKFold if alone else StratifiedGroupKFold
    result = []
    for repeat in range(repeats):
        splitter = kind(n_splits=folds, shuffle=True, random_state=seed + repeat)
        splits = splitter.split(np.zeros(len(labels)), labels, None if alone else groups)
        result += [Fold(repeat, number, train, test) for number, (train, test) in enumerate(splits)]
    return result


def source_folds(sources: NDArray[np.str_], recordings: NDArray[np.int64]) -> list[Fold]:
    """One split a source: tested on its rows, trained on the rows of the others that are not of its recordings.

    Raises:
        InputError: there are fewer than two sources.
    """
    names = np.unique(sources)
    if len(names) < 2:
        raise InputError("leaving one source out needs a column `source` with two sources or more")
    result = []
    for number, name in enumerate(names):
        test = sources == name
        train = ~test & ~np.isin(recordings, recordings[test])
        result.append(Fold(0, number, np.flatnonzero(train), np.flatnonzero(test)))
    return result


def artist_groups(tracks: LabelledTracks) -> NDArray[np.int64]:
    """(n,) int64: equal for rows of one recording or one artist. A row without an artist has only its recording.

    Raises:
        InputError: the file has no artists.
    """
    from mood_core.classifier.training.identity import same_recordings

    if tracks.artists is None:
        raise InputError(f"{tracks.name} has no artist column, which --group-by needs; add one or leave the option out")
    named = zip(tracks.recordings(), tracks.artists, strict=True)
    return same_recordings(
        [(f"recording:{number}", *([f"artist:{artist}"] if artist else [])) for number, artist in named]
    )


def _check(labels: NDArray[np.int64], folds: int, groups: Sequence[int] | NDArray[np.int64] | None) -> None:
    rarest = int(min(Counter(labels.tolist()).values()))
    if rarest < folds:
        raise InputError(f"{folds} folds need {folds} tracks of each class, the rarest has {rarest}; give fewer folds")
    if groups is not None and len(np.unique(groups)) < folds:
        raise InputError(f"{folds} folds need as many artists, the file has {len(np.unique(groups))}; give fewer folds")
