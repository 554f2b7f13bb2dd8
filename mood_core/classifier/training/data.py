"""Labelled tracks from a CSV or Parquet file: invalid rows are left out and reported, wrong files are refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.cleaning import (
    check_sources,
    with_one_name_each,
    without_duplicates,
    without_invalid,
)
from mood_core.classifier.training.identity import same_recordings
from mood_core.classifier.training.labels import expected_classes
from mood_core.domain.records import MOODS
from mood_core.errors import InputError
from mood_core.tabular.feature_matrix import feature_matrix
from mood_core.tabular.feature_rows import RowCounts, feature_rows, row_schema
from mood_core.tabular.files import find_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from mood_core.classifier.training.identity import Keys
    from mood_core.tabular.files import TableFile

MINIMUM_TRACKS = 10
"""Fewest tracks of a class: ten folds then hold one each."""

_MOST_ROWS = 5_000_000
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class LabelledTracks:
    """n labels: a track has one row for each mood that a source gave it.

    ``matrix``: (n, 10) float32 raw features in the order of ``FEATURES``, NaN where missing. ``labels``: (n,) int64,
    index into ``classes``. ``artists``, ``sources``: the main artist and who gave the label, by row, or None where the
    file has none. ``keys``: by row, the names of its recording (see :mod:`.identity`); empty: every row is a recording
    of its own. ``notes``: what is missing in the file, what of it is not read, and which rows are left out.
    """

    name: str
    sha256: str
    classes: tuple[str, ...]
    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    artists: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] | None = None
    keys: tuple[Keys, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Rows by class."""
        totals = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(total) for name, total in zip(self.classes, totals, strict=True)}

    def recordings(self) -> NDArray[np.int64]:
        """(n,) int64, equal for rows of one recording."""
        return same_recordings(self.keys) if self.keys else np.arange(len(self), dtype=np.int64)

    def source_names(self) -> NDArray[np.str_]:
        """(n,) the source of each row; the empty one where the file has none."""
        return np.array(self.sources or [""] * len(self), dtype=np.str_)

    def allowed(self) -> NDArray[np.bool_]:
        """(n, k) bool: the classes that each row's source could choose from, which are those it gave to any row."""
        names = self.source_names()
        result = np.zeros((len(self), len(self.classes)), dtype=np.bool_)
        for source in np.unique(names):
            mine = names == source
            result[mine] = np.bincount(self.labels[mine], minlength=len(self.classes)) > 0
        return result

    def shares(self) -> NDArray[np.float64]:
        """(n,) float64: 1 divided by the number of moods that the source gave to the recording: a soft label."""
        _, group, counts = np.unique(
            np.stack([np.unique(self.source_names(), return_inverse=True)[1], self.recordings()], axis=1),
            axis=0,
            return_inverse=True,
            return_counts=True,
        )
        return np.asarray(1.0 / counts[group.ravel()])

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> LabelledTracks:
        """The same file with only ``rows``."""
        numbers = np.arange(len(self))[rows]
        return replace(
            self,
            matrix=self.matrix[numbers],
            labels=self.labels[numbers],
            artists=_chosen(self.artists, numbers),
            sources=_chosen(self.sources, numbers),
            keys=_chosen(self.keys, numbers) or (),
        )


def _chosen(values: tuple[Any, ...] | None, rows: NDArray[np.int64]) -> tuple[Any, ...] | None:
    return tuple(values[row] for row in rows) if values else None


def read_labelled(
    path: Path,
    *,
    classes: Sequence[str] | None = None,
    minimum_tracks: int = MINIMUM_TRACKS,
    words: Mapping[str, str] | None = None,
) -> LabelledTracks:
    """The labelled tracks in ``path``: a table of audio features (see :mod:`mood_core.tabular`) with a column of moods.

    A column ``source`` names who gave the label. A track may have several moods, even from one source.

    Args:
        path: a CSV or Parquet file.
        classes: the label set to expect; None: the four moods if any of them occurs, else the labels found, sorted.
        minimum_tracks: the fewest of each class; 0 allows absent ones, which is enough to measure a saved model.
        words: moods by the words that the file has for them; a word with an empty mood is left out.

    Raises:
        InputError: the file is unreadable, a column is missing or on another scale, a label is no class, or
            a class has too few tracks.
    """
    file = _only_file(path)
    counts = RowCounts()
    notes: list[str] = []
    table = _read(file, counts, notes)
    notes[:0] = counts.notes
    table = without_invalid(table, counts, words or {}, notes)
    if table.num_rows == 0:
        raise InputError(
            f"{path.name} holds no tracks with a mood and valid features; give a file with labelled tracks"
        )
    labels = [(words or {}).get(label, label) for label in table.column("mood").to_pylist()]
    expected = expected_classes(labels, classes, what=f"{path.name}, the column of moods")
    table, labels, keys = without_duplicates(table, labels, notes)
    _check_counts(labels, expected, minimum_tracks, path)
    if not set(expected) & set(MOODS):
        notes.append(
            f"the labels {', '.join(expected)} are not the four moods: a model of them can be measured, but labels no"
            " listens; --mood WORD=MOOD maps them to moods"
        )
    index = {name: position for position, name in enumerate(expected)}
    return LabelledTracks(
        name=path.name,
        sha256=_digest(file),
        classes=expected,
        matrix=feature_matrix(table),
        labels=np.array([index[name] for name in labels], dtype=np.int64),
        artists=_texts(table, "artist"),
        notes=tuple(notes),
        sources=_texts(table, "source"),
        keys=keys,
    )


def _only_file(path: Path) -> TableFile:
    files = find_files([str(path)])
    if len(files) != 1:
        raise InputError(f"{path} holds {len(files)} files; name one file of labelled tracks")
    return files[0]


def _read(file: TableFile, counts: RowCounts, notes: list[str]) -> pa.Table:
    import pyarrow as pa

    batches, refusal = [], None
    try:
        for batch in feature_rows(file, counts, labelled=True):
            batches.append(batch)
            if counts.read > _MOST_ROWS:
                break
    except InputError as error:
        refusal = error
    if counts.read > _MOST_ROWS:
        raise InputError(f"{file.location} has more than {_MOST_ROWS:,} rows, too many to train on; give a part of it")
    table = with_one_name_each(pa.Table.from_batches(batches, schema=row_schema(labelled=True)), notes)
    check_sources(table, file.location, counts.called, refusal)
    return table


def _digest(file: TableFile) -> str:
    digest = hashlib.sha256()
    with file.open() as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _check_counts(labels: Sequence[str], expected: tuple[str, ...], minimum_tracks: int, path: Path) -> None:
    if len(expected) < 2:
        raise InputError(f"{path.name}, column mood: only one class ({expected[0]}); give at least two")
    counts = Counter(labels)
    for name in expected:
        if counts[name] < minimum_tracks:
            raise InputError(
                f"{path.name}, column mood: {counts[name]} tracks of {name}; "
                f"give at least {minimum_tracks} of each class"
            )


def _texts(table: pa.Table, name: str) -> tuple[str, ...] | None:
    values = table.column(name).to_pylist()
    return None if all(value is None for value in values) else tuple(str(value or "") for value in values)
