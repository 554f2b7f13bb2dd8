"""Rules for the rows of each dataset beyond their types, at least as strict as the database's constraints.

A file with a row that SQL refuses could never be loaded, and every later run would stop at it. So rows are checked
before a file is published, and again when a file is read, because it may be foreign.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.domain.answers import ANSWERS, AskedBecause
from mood_core.domain.bounds import LONGEST_MS, LONGEST_NAME_BYTES, STORED_MS
from mood_core.domain.head_text import read_head
from mood_core.domain.moods import MOOD_SETS
from mood_core.domain.play_ends import END_REASONS
from mood_core.domain.records import MOODS, TrackKind
from mood_core.errors import BatchCorrupt
from mood_core.lake.schema import Dataset

_LONGEST_BYTES: Mapping[str, int] = MappingProxyType(dict.fromkeys(("artist", "title"), LONGEST_NAME_BYTES))
_LONGEST_ID_BYTES = 2000  # PostgreSQL's index refuses keys longer than 2,704 bytes
_SHARES = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")
_PROBABILITIES = tuple(f"p_{mood.lower()}" for mood in MOODS)

_BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "played_at": STORED_MS,
        "ms_played": (0, LONGEST_MS),
        "duration_ms": (1, LONGEST_MS),
        "loudness": (-100.0, 20.0),
        "tempo": (0.0, 400.0),
        **dict.fromkeys((*_SHARES, *_PROBABILITIES), (0.0, 1.0)),
    }
)
"""The closed interval of valid values by column, times in ms since 1970; other times start at 1970."""

_ONCE = ("forgotten", "users", "tracks", "gaps", "feature_misses", "named_plays", "resolutions")
"""Datasets whose later rows update earlier ones, so that a batch must not contain two rows of one key."""

_HASHES = ("person_hash", "hash_key")
_HASH = "^[0-9a-f]{64}$"

_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mood": MOODS,
        "mood_set": MOOD_SETS[1:],
        "kind": tuple(TrackKind),
        "reason_end": END_REASONS,
        "answer": ANSWERS,
        "asked_because": tuple(AskedBecause),
    }
)


def check_rows(dataset: Dataset, rows: pa.Table) -> None:
    """Check ``rows``, which are in the dataset's schema, against the rules.

    Raises:
        BatchCorrupt: the database would refuse a value; the message names the column.
    """
    try:
        rows.validate(full=True)  # text in a foreign file may be invalid UTF-8
    except pa.ArrowInvalid as error:
        raise BatchCorrupt(f"rows of {dataset.name} are damaged ({str(error).splitlines()[0]})") from error
    for field in dataset.schema:
        _check(dataset, field, rows.column(field.name).combine_chunks())
    if dataset.name in _ONCE and _repeats(rows, dataset.key):
        raise BatchCorrupt(f"rows of {dataset.name} have a duplicate key {', '.join(dataset.key)}")
    if dataset.name == "gaps" and not _all(pc.less(rows["starts_at"], rows["ends_at"])):
        raise BatchCorrupt("rows of gaps have one that ends before it starts")
    if dataset.name == "mood_heads":
        for head in rows["head"].to_pylist():
            read_head(head)
    if dataset.name == "moods":
        _check_sums(rows)
        _check_sets(rows)


def _check(dataset: Dataset, field: pa.Field, column: pa.Array) -> None:
    if pa.types.is_timestamp(field.type):
        _check_bounds(dataset, field.name, column.cast(pa.int64()), *_BOUNDS.get(field.name, (0, STORED_MS[1])))
    elif field.name in _BOUNDS:
        _check_bounds(dataset, field.name, column, *_BOUNDS[field.name])
    elif pa.types.is_dictionary(field.type):
        _check_text(dataset, field.name, column.dictionary, is_key=True)
    elif pa.types.is_string(field.type):
        _check_text(dataset, field.name, column, is_key=field.name in dataset.key)
    elif pa.types.is_list(field.type):
        _check_text(dataset, field.name, column.flatten(), is_key=False)
    if field.name == "timezone":
        _check_zones(column)


def _check_bounds(dataset: Dataset, name: str, values: pa.Array, least: float, most: float) -> None:
    # Comparisons with NaN are false, so that NaN is refused too.
    if not _all(pc.and_(pc.greater_equal(values, least), pc.less_equal(values, most))):
        raise BatchCorrupt(f"rows of {dataset.name} have {name} out of range")


def _check_text(dataset: Dataset, name: str, values: pa.Array, *, is_key: bool) -> None:
    if pc.any(pc.match_substring(values, "\0")).as_py():
        raise BatchCorrupt(f"rows of {dataset.name} have {name} with a NUL character")
    most = _LONGEST_BYTES.get(name, _LONGEST_ID_BYTES)
    if is_key and (pc.max(pc.binary_length(values)).as_py() or 0) > most:
        raise BatchCorrupt(f"rows of {dataset.name} have {name} of more than {most} bytes")
    if name in _HASHES and not _all(pc.match_substring_regex(values, _HASH)):
        raise BatchCorrupt(f"rows of {dataset.name} have {name} that is not 64 hex digits")
    if name in _WORDS and not set(values.to_pylist()) <= set(_WORDS[name]):
        raise BatchCorrupt(f"rows of {dataset.name} have {name} that is not one of {', '.join(_WORDS[name])}")


def _check_zones(zones: pa.Array) -> None:
    for name in zones.unique().to_pylist():
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            message = f"rows of users have the time zone {name[:60]!r}, which this machine does not know"
            raise BatchCorrupt(message) from None


def _repeats(rows: pa.Table, key: tuple[str, ...]) -> bool:
    plain = rows.select(key).cast(pa.schema([(name, _plain(rows.schema.field(name).type)) for name in key]))
    return bool(plain.group_by(list(key)).aggregate([]).num_rows < rows.num_rows)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _check_sums(rows: pa.Table) -> None:
    sums = pc.cast(rows[_PROBABILITIES[0]], pa.float64())
    for name in _PROBABILITIES[1:]:
        sums = pc.add(sums, pc.cast(rows[name], pa.float64()))
    if not _all(pc.less_equal(pc.abs(pc.subtract(sums, 1.0)), 0.0001)):
        raise BatchCorrupt("rows of moods have probabilities that do not add up to 1")


def _check_sets(rows: pa.Table) -> None:
    sets = rows["mood_set"].cast(pa.string())
    for mood in MOODS:
        chosen = sets.filter(pc.equal(rows["mood"].cast(pa.string()), mood))
        if not _all(pc.match_substring(chosen, mood)):
            raise BatchCorrupt("rows of moods hold a mood_set without the mood itself")


def _all(condition: pa.Array | pa.ChunkedArray) -> bool:
    """Whether it is true for every row with a value."""
    return pc.all(condition).as_py() is not False
