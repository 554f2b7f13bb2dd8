"""Labelled tracks from a CSV or Parquet file, refused where they would teach the model something wrong."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.columns import canonical_table
from mood_core.errors import InputError
from mood_core.records import MOODS
from mood_core.vectors import feature_matrix, range_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

MINIMUM_TRACKS = 10
"""Fewest tracks of a class: ten folds then hold one each."""


@dataclass(frozen=True, slots=True)
class LabelledTracks:
    """n tracks with their labels.

    ``matrix``: (n, 10) float32 raw features in the order of ``FEATURES``, NaN where the duration is missing.
    ``labels``: (n,) int64, index into ``classes``. ``artists``: main artist by track, or None where the file has none.
    """

    name: str
    sha256: str
    classes: tuple[str, ...]
    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    artists: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Tracks by class."""
        totals = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(total) for name, total in zip(self.classes, totals, strict=True)}


def read_labelled(
    path: Path, *, classes: Sequence[str] | None = None, minimum_tracks: int = MINIMUM_TRACKS
) -> LabelledTracks:
    """The labelled tracks in ``path``; the extension says whether it is CSV or Parquet.

    Needs the nine features, ``mood``, and where present uses the duration (``duration_ms``, ``length``, ``duration``
    or ``duration (ms)``, in ms), the track's id (``id``, ``track_id``, ``uri``, ``spotify_id``) and the artist.
    ``classes``: the label set to expect; None: the four moods if any of them occurs, else the labels found, sorted.
    ``minimum_tracks``: the fewest of each class; 0 allows absent ones, which is enough to measure a saved model.

    Raises:
        InputError: naming file, row, column and remedy: unreadable file, absent column, a value that is not a number
            or out of range, seconds for milliseconds, an unknown or missing class, a track twice or with two labels.
    """
    table = canonical_table(path)
    labels = _labels(table, path)
    expected = tuple(classes) if classes is not None else _label_set(labels)
    _check_labels(labels, expected, minimum_tracks, path)
    matrix = feature_matrix(table)
    _check_ranges(matrix, path, table.schema.metadata.get(b"duration_ms", b"").decode())
    _check_duplicates(_identities(table, matrix), labels, path)
    index = {name: position for position, name in enumerate(expected)}
    return LabelledTracks(
        name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        classes=expected,
        matrix=matrix,
        labels=np.array([index[name] for name in labels], dtype=np.int64),
        artists=_artists(table),
    )


def _labels(table: pa.Table, path: Path) -> list[str]:
    labels = [None if value is None else str(value).strip() for value in table.column("mood").to_pylist()]
    if not labels:
        raise InputError(f"{path.name} holds no tracks; give a file with labelled tracks")
    _refuse(labels, lambda label: not label, path, "mood is empty: give every track a mood or leave it out")
    return [str(label) for label in labels]


def _label_set(labels: list[str]) -> tuple[str, ...]:
    found = sorted(set(labels))
    return MOODS if set(found) & set(MOODS) else tuple(found)


def _check_labels(labels: list[str], expected: tuple[str, ...], minimum_tracks: int, path: Path) -> None:
    wanted = set(expected)
    for row, label in enumerate(labels, start=1):
        if label not in wanted:
            raise InputError(f"{path.name}, row {row}, column mood: {label!r} is none of {', '.join(expected)}")
    if len(expected) < 2:
        raise InputError(f"{path.name}, column mood: only one class ({expected[0]}); give at least two")
    counts = Counter(labels)
    for name in expected:
        if counts[name] < minimum_tracks:
            raise InputError(
                f"{path.name}, column mood: {counts[name]} tracks of {name}; "
                f"give at least {minimum_tracks} of each class"
            )


def _check_ranges(matrix: NDArray[np.float32], path: Path, duration_column: str) -> None:
    for row, problem in enumerate(range_problems(matrix), start=1):
        if problem is not None:
            named = problem.replace("duration_ms", duration_column)  # what the file's owner knows it by
            raise InputError(f"{path.name}, row {row}: {named}; correct the value or leave the track out")


def _identities(table: pa.Table, matrix: NDArray[np.float32]) -> list[Any]:
    """What makes a track the same track: its id or, in a file without ids, all its features."""
    if "track_id" in table.column_names:
        return [
            None if value is None else str(value).rsplit(":", 1)[-1] for value in table.column("track_id").to_pylist()
        ]
    return [row.tobytes() for row in matrix]


def _check_duplicates(identities: list[Any], labels: list[str], path: Path) -> None:
    first: dict[Any, int] = {}
    for row, identity in enumerate(identities, start=1):
        if identity is None:
            continue
        earlier = first.setdefault(identity, row)
        if earlier == row:
            continue
        track = identity if isinstance(identity, str) else "the same features"
        if labels[earlier - 1] != labels[row - 1]:
            raise InputError(
                f"{path.name}, row {row}, column mood: {track} is {labels[row - 1]} here and {labels[earlier - 1]} in "
                f"row {earlier}; decide for one mood or leave the track out"
            )
        raise InputError(f"{path.name}, row {row}: {track} stands already in row {earlier}; leave one of them out")


def _artists(table: pa.Table) -> tuple[str, ...] | None:
    if "artist" not in table.column_names:
        return None
    values = table.column("artist").to_pylist()
    return tuple(str(value[0] if isinstance(value, list) and value else value) for value in values)


def _refuse(values: Sequence[Any], bad: Callable[[Any], bool], path: Path, reason: str) -> None:
    for row, value in enumerate(values, start=1):
        if bad(value):
            raise InputError(f"{path.name}, row {row}, column {reason}")
