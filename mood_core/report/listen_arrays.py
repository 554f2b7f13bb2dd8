"""Reads a person's listens once, as numbers; a query for each period would read them more than a hundred times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Result, Row

from mood_core.domain.days import day_number, local_span
from mood_core.domain.records import MOODS
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.numbers import number_columns
from mood_core.store.loading.time_zones import offsets_of

NO_MOOD = len(MOODS)
"""The index of a track without a label."""

_PLACES = {mood: at for at, mood in enumerate(MOODS)}

_WEEK_H = 168
_NUMBERS = ("uncertain", "valence", "energy", "duration_ms")
_ORIGIN = ("label_source", "feature_source", "model_version", "unlabelled_reason")
_LABEL = ("track", "artists", "mood", *(f"p_{mood.lower()}" for mood in MOODS), "mood_set", "label_source")


@dataclass(frozen=True, slots=True, eq=False)
class TrackArrays:
    """The tracks of a person, in the database's order of their ids.

    ``rows`` are those of the statement ``report_tracks``; ``moods`` (m,): indices of moods, or :data:`NO_MOOD`;
    ``by_model`` (m,): whether a model gave the label; ``chances`` (m, 4): the probabilities of the moods; ``numbers``:
    other columns (m,), NULL is NaN; ``origins``: the different :data:`_ORIGIN` of the tracks; ``origin`` (m,): the
    index of each track's; ``artists`` and ``label`` (m,): the group of tracks with the same artists, and with the same
    names and the same label; ``one_of_artists`` and ``one_of_label``: the index of one track of each group.
    """

    rows: Sequence[Row[Any]]
    moods: NDArray[np.int64]
    by_model: NDArray[np.bool_]
    chances: NDArray[np.float64]
    numbers: dict[str, NDArray[np.float64]]
    origins: list[tuple[str | None, ...]]
    origin: NDArray[np.int64]
    artists: NDArray[np.int64]
    one_of_artists: NDArray[np.int64]
    label: NDArray[np.int64]
    one_of_label: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ListenArrays:
    """The n listens of one person in a period.

    ``days`` (n,): local days since 1970-01-01; ``hours`` (n,): local hours since Monday 0 h; ``tracks`` (n,): indices
    of ``known``; ``ms_played`` (n,): -1 if it is not known; ``counts`` (m,): the number of listens of each known track.
    """

    days: NDArray[np.int64]
    hours: NDArray[np.int64]
    tracks: NDArray[np.int64]
    ms_played: NDArray[np.int64]
    known: TrackArrays
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", np.bincount(self.tracks, minlength=len(self.known.rows)))

    def between(self, first: date, last: date) -> ListenArrays:
        """The listens of the local days ``first`` to ``last``, both included."""
        begin, end = day_number(first), day_number(last)
        here = (self.days >= begin) & (self.days <= end)
        parts = {name: getattr(self, name)[here] for name in ("days", "hours", "tracks", "ms_played")}
        return replace(self, **parts)


def read_listen_arrays(
    connection: Connection, user_id: str, timezone: str, days: tuple[date, date] | None = None
) -> ListenArrays:
    """All listens of a person, or those of the local days from the first to the last of ``days``."""
    times, heard, ms_played = _numbers(connection, user_id, days and local_span(days, timezone))
    local_s = times // 1000 + offsets_of(connection, timezone, times // 1000)
    keys = np.flatnonzero(np.bincount(heard))
    known = _known(connection.execute(query("report_tracks"), {"user": user_id, "ids": keys.tolist()}))
    places = np.empty(heard.max(initial=-1) + 1, np.int64)
    places[[row.track_key for row in known.rows]] = np.arange(len(known.rows))
    # 1970-01-01 was a Thursday.
    return ListenArrays(local_s // 86_400, (local_s // 3600 + 72) % _WEEK_H, places[heard], ms_played, known)


def _known(result: Result[Any]) -> TrackArrays:
    rows = result.all()
    columns = dict(zip(result.keys(), zip(*rows, strict=True) if rows else repeat(()), strict=False))
    origins = list(zip(*(columns[name] for name in _ORIGIN), strict=True))
    place = {origin: at for at, origin in enumerate(dict.fromkeys(origins))}
    moods = np.array([_PLACES.get(mood, NO_MOOD) for mood in columns["mood"]], np.int64)
    by_person = np.array([source == "person" for source in columns["label_source"]], np.bool_)
    chances = np.array([columns[f"p_{mood.lower()}"] for mood in MOODS], np.float64).T
    return TrackArrays(
        rows,
        moods,
        (moods < NO_MOOD) & ~by_person,
        np.nan_to_num(chances),
        {name: np.array(columns[name], np.float64) for name in _NUMBERS},
        list(place),
        np.array([place[origin] for origin in origins], np.int64),
        *_groups(list(zip(columns["artists"], strict=True))),
        *_groups(list(zip(*(columns[name] for name in _LABEL), strict=True))),
    )


def _groups(keys: Sequence[tuple[Any, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The group of each of ``keys``, groups in the order of their first two texts, and the index of one key of each.

    Not ranked in SQL, which sorts all columns twice for that.
    """
    one_of_each: dict[tuple[Any, ...], int] = {}
    for at, key in enumerate(keys):
        one_of_each.setdefault(key, at)
    ordered = sorted(one_of_each, key=itemgetter(slice(2)))
    place = {key: at for at, key in enumerate(ordered)}
    return np.array([place[key] for key in keys], np.int64), np.array([one_of_each[key] for key in ordered], np.int64)


def _numbers(connection: Connection, user_id: str, span: tuple[int, int] | None) -> list[NDArray[np.int64]]:
    """The n listens of a person as columns (n,): ms since 1970, track key, ms played or -1."""
    values: dict[str, Any] = {"user": user_id} | (dict(zip(("since", "end"), span, strict=True)) if span else {})
    return number_columns(connection, query("report_listens", *(["span"] if span else [])), values)
