"""Cleans the rows of a labelled table: one name for each source, scales by source, no invalid or repeated rows."""

from __future__ import annotations

from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.identity import Keys, same_recordings, track_keys
from mood_core.domain.vectors import FEATURE_RANGES, FEWEST_TYPICAL, NINE, range_problems
from mood_core.errors import InputError
from mood_core.tabular.feature_matrix import feature_matrix
from mood_core.tabular.unit_checks import ColumnCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from mood_core.tabular.feature_rows import RowCounts

NO_SOURCE = "unknown"
"""The source of rows without one, in a file that names sources."""

_NAMED = 3


def with_one_name_each(table: pa.Table, notes: list[str]) -> pa.Table:
    """``table`` with one spelling for each source: names that differ only in case are one, the first spelling counts.

    In a file with sources, rows without one have the source ``unknown``. ``notes`` gets what was changed.
    """
    import pyarrow as pa

    given = table.column("source").to_pylist()
    if not any(given):
        return table
    spelling: dict[str, str] = {}
    names = [spelling.setdefault((name or NO_SOURCE).casefold(), name or NO_SOURCE) for name in given]
    if unnamed := sum(not name for name in given):
        notes.append(f"rows without a source: {unnamed:,}; they count as one more source, {NO_SOURCE!r}")
    merged = sorted({name for name, kept in zip(given, names, strict=True) if name and name != kept})
    if merged:
        kept = ", ".join(f"{name!r} as {spelling[name.casefold()]!r}" for name in merged[:_NAMED])
        notes.append(f"sources that differ only in case are one source: {kept}")
    return table.set_column(table.schema.get_field_index("source"), "source", pa.array(names, pa.string()))


def check_sources(table: pa.Table, file: str, called: Mapping[str, str], refusal: InputError | None) -> None:
    """Refuse a source with a column on another scale, which the file as a whole may not show.

    Args:
        table: the rows, with one spelling for each source.
        file: the file's name in messages.
        called: the file's column names by moodlog's names.
        refusal: why the whole file is refused, if it is. A single source is named if it is the reason.

    Raises:
        InputError: a source has another scale; the message names the file, the source, the column and the remedy.
    """
    names = np.array([name or "" for name in table.column("source").to_pylist()], dtype=np.str_)
    sources = np.unique(names)
    values = {name: table.column(name).to_numpy() for name in NINE}
    wrong = []
    for source in sources[sources != ""]:
        mine = {name: column[names == source] for name, column in values.items()}
        try:
            _check_source(mine, f"{file}, source {str(source)!r}", called)
        except InputError as error:
            wrong.append(error)
    if wrong and (refusal is None or len(wrong) < len(sources)):
        raise wrong[0] from refusal
    if refusal is not None:
        raise refusal


def _check_source(values: dict[str, NDArray[np.float64]], where: str, called: Mapping[str, str]) -> None:
    filled = {name: called[name] for name, column in values.items() if not np.isnan(column).all()}
    if len(values[NINE[0]]) >= FEWEST_TYPICAL:
        check = ColumnCheck(where, filled)
        check.add(values)
        check.finish()


def without_invalid(table: pa.Table, counts: RowCounts, words: Mapping[str, str], notes: list[str]) -> pa.Table:
    """The rows with a mood and nine legal features; ``notes`` gets what the others lack."""
    import pyarrow as pa

    problems = range_problems(_believed(table, notes))
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


def _believed(table: pa.Table, notes: list[str]) -> NDArray[np.float32]:
    """The features to check. A feature that a whole source lacks, and others have, does not make its rows invalid."""
    matrix = feature_matrix(table)
    sources = np.array([value or "" for value in table.column("source").to_pylist()], dtype=np.str_)
    for source in np.unique(sources):
        mine = sources == source
        absent = np.isnan(matrix[mine]).all(axis=0) & ~np.isnan(matrix).all(axis=0)
        for column in np.flatnonzero(absent[: len(NINE)]):
            notes.append(f"the source {str(source)!r} has no {NINE[column]}: its rows are used without")
            matrix[mine, column] = FEATURE_RANGES[NINE[column]].minimum
    return matrix


def without_duplicates(
    table: pa.Table, labels: list[str], notes: list[str]
) -> tuple[pa.Table, list[str], tuple[Keys, ...]]:
    """Each recording once for each source and mood; ``notes`` gets repeated rows and tracks of several moods."""
    import pyarrow as pa

    ids, isrcs, recordings, sources = (
        table.column(name).to_pylist() for name in ("track_id", "isrc", "recording", "source")
    )
    keys = track_keys(feature_matrix(table), ids, isrcs, recordings)
    rows = table.column("row").to_pylist()
    first: dict[tuple[Any, ...], int] = {}
    moods: dict[tuple[Any, ...], set[str]] = {}
    repeated: list[str] = []
    keep = []
    for place, (same, source, mood) in enumerate(zip(same_recordings(keys), sources, labels, strict=True)):
        earlier = first.setdefault((same, source, mood), place)
        moods.setdefault((same, source), set()).add(mood)
        keep.append(earlier == place)
        if earlier != place:
            track = ids[place] if ids[place] and ids[place] == ids[earlier] else "a track with the same features"
            repeated.append(f"row {rows[place] + 1}: {track} is already in row {rows[earlier] + 1}")
    _note(notes, repeated, "repeated")
    several = sum(len(found) > 1 for found in moods.values())
    if several:
        notes.append(f"{several:,} tracks have more than one mood: the moods of a track share its weight")
    return table.filter(pa.array(keep, pa.bool_())), list(compress(labels, keep)), tuple(compress(keys, keep))
