"""Labelled tracks from a CSV or Parquet file: invalid rows are left out and reported, wrong files are refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.labels import expected_classes
from mood_core.domain.records import MOODS
from mood_core.domain.vectors import feature_matrix, range_problems
from mood_core.errors import InputError
from mood_core.tabular.feature_rows import RowCounts, feature_rows, row_schema
from mood_core.tabular.files import find_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from mood_core.tabular.files import TableFile

MINIMUM_TRACKS = 10
"""Fewest tracks of a class: ten folds then hold one each."""

_MOST_ROWS = 5_000_000
_BLOCK = 1 << 20
_NAMED = 3


@dataclass(frozen=True, slots=True)
class LabelledTracks:
    """n tracks with their labels.

    ``matrix``: (n, 10) float32 raw features in the order of ``FEATURES``, NaN where the duration is missing.
    ``labels``: (n,) int64, index into ``classes``. ``artists``: main artist by track, or None where the file has none.
    ``notes``: what is missing in the file, what of it is not read, and which rows are left out, a sentence each.
    """

    name: str
    sha256: str
    classes: tuple[str, ...]
    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    artists: tuple[str, ...] | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Tracks by class."""
        totals = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(total) for name, total in zip(self.classes, totals, strict=True)}


def read_labelled(
    path: Path,
    *,
    classes: Sequence[str] | None = None,
    minimum_tracks: int = MINIMUM_TRACKS,
    words: Mapping[str, str] | None = None,
) -> LabelledTracks:
    """The labelled tracks in ``path``: a table of audio features (see :mod:`mood_core.tabular`) with a column of moods.

    Args:
        path: a CSV or Parquet file.
        classes: the label set to expect; None: the four moods if any of them occurs, else the labels found, sorted.
        minimum_tracks: the fewest of each class; 0 allows absent ones, which is enough to measure a saved model.
        words: moods by the words that the file has for them; a word with an empty mood is left out.

    Raises:
        InputError: the file is unreadable, a column is missing or on another scale, a label is none of the classes, a
            track has two labels, or a class has too few tracks.
    """
    file = _only_file(path)
    counts = RowCounts()
    table = _read(file, counts)
    notes = list(counts.notes)
    table = _without_invalid(table, counts, words or {}, notes)
    if table.num_rows == 0:
        raise InputError(
            f"{path.name} holds no tracks with a mood and valid features; give a file with labelled tracks"
        )
    labels = [(words or {}).get(label, label) for label in table.column("mood").to_pylist()]
    expected = expected_classes(labels, classes, what=f"{path.name}, the column of moods")
    table, labels = _without_duplicates(table, labels, path, notes)
    _check_counts(labels, expected, minimum_tracks, path)
    if not set(expected) & set(MOODS):
        notes.append(
            f"the labels {', '.join(expected)} are not the four moods: a model of them can be measured, but labels no"
            " listens; --mood WORD=MOOD says what they stand for"
        )
    index = {name: position for position, name in enumerate(expected)}
    return LabelledTracks(
        name=path.name,
        sha256=_digest(file),
        classes=expected,
        matrix=feature_matrix(table),
        labels=np.array([index[name] for name in labels], dtype=np.int64),
        artists=_artists(table),
        notes=tuple(notes),
    )


def _only_file(path: Path) -> TableFile:
    files = find_files([str(path)])
    if len(files) != 1:
        raise InputError(f"{path} holds {len(files)} files; name one file of labelled tracks")
    return files[0]


def _read(file: TableFile, counts: RowCounts) -> pa.Table:
    import pyarrow as pa

    batches = []
    for batch in feature_rows(file, counts, labelled=True):
        batches.append(batch)
        if counts.read > _MOST_ROWS:
            raise InputError(
                f"{file.location} has more than {_MOST_ROWS:,} rows, too many to train on; give a part of it"
            )
    return pa.Table.from_batches(batches, schema=row_schema(labelled=True))


def _digest(file: TableFile) -> str:
    digest = hashlib.sha256()
    with file.open() as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _without_invalid(table: pa.Table, counts: RowCounts, words: Mapping[str, str], notes: list[str]) -> pa.Table:
    """The rows with a mood and nine legal features; ``notes`` gets what the others lack."""
    import pyarrow as pa

    problems = range_problems(feature_matrix(table))
    moods = table.column("mood").to_pylist()
    wrong = [
        problem or ("the mood is missing" if not mood else None) for problem, mood in zip(problems, moods, strict=True)
    ]
    found = [f"row {row}: {problem}" for row, problem in enumerate(wrong, start=1) if problem]
    if counts.damaged.count:
        found.append(f"{counts.damaged.count} with the wrong number of cells, like {counts.damaged.example!r}")
    _note(notes, found, "invalid")
    unwanted = Counter(mood for mood in moods if words.get(mood) == "")
    notes += [f"{count:,} tracks of {word!r} are left out, as --mood says" for word, count in unwanted.items()]
    notes += [f"--mood {word}=: no track has this label" for word in words if word not in set(moods)]
    keep = [problem is None and words.get(mood) != "" for problem, mood in zip(wrong, moods, strict=True)]
    return table.filter(pa.array(keep, pa.bool_()))


def _note(notes: list[str], found: Sequence[str], what: str) -> None:
    if found:
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        rows = "row is" if len(found) == 1 else "rows are"
        notes.append(f"{len(found):,} {what} {rows} left out ({'; '.join(found[:_NAMED])}{more})")


def _without_duplicates(table: pa.Table, labels: list[str], path: Path, notes: list[str]) -> tuple[pa.Table, list[str]]:
    """Each track once: by its id or, without one, by all its features. A track with two labels is refused."""
    import pyarrow as pa

    matrix = feature_matrix(table)
    rows = table.column("row").to_pylist()
    first: dict[Any, int] = {}
    repeated: list[str] = []
    keep = []
    for place, track_id in enumerate(table.column("track_id").to_pylist()):
        earlier = first.setdefault(track_id or matrix[place].tobytes(), place)
        keep.append(earlier == place)
        if earlier == place:
            continue
        track = track_id or "a track with the same features"
        here, there = rows[place] + 1, rows[earlier] + 1
        if labels[earlier] != labels[place]:
            raise InputError(
                f"{path.name}, row {here}, column mood: {track} is {labels[place]} here and {labels[earlier]} in "
                f"row {there}; decide for one mood or leave the track out"
            )
        repeated.append(f"row {here}: {track} is already in row {there}")
    _note(notes, repeated, "repeated")
    kept = [label for label, wanted in zip(labels, keep, strict=True) if wanted]
    return table.filter(pa.array(keep, pa.bool_())), kept


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


def _artists(table: pa.Table) -> tuple[str, ...] | None:
    values = table.column("artist").to_pylist()
    return None if all(value is None for value in values) else tuple(str(value) for value in values)
