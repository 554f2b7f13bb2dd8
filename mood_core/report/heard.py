"""Reads a person's listens once, as numbers; a query for each period would read them more than a hundred times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from mood_core.domain.days import day_number, local_span
from mood_core.domain.records import MOODS
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.time_zones import offsets_of

NO_MOOD = len(MOODS)
"""The index of a track without a label."""

_WEEK_H = 168
_NUMBERS = ("uncertain", "valence", "energy", "duration_ms", "artists_place", "label_place")
_ORIGIN = ("label_source", "feature_source", "model_version", "unlabelled_reason")


@dataclass(frozen=True, slots=True, eq=False)
class HeardTracks:
    """The tracks of a person, in the database's order of their ids.

    ``rows`` are those of the statement ``report_tracks``; ``moods`` (m,): indices of moods, or :data:`NO_MOOD`;
    ``by_model`` (m,): whether a model gave the label; ``chances`` (m, 4): the probabilities of the moods; ``numbers``:
    other columns (m,), NULL is NaN; ``origins``: the different :data:`_ORIGIN` of the tracks; ``origin`` (m,): the
    index of each track's.
    """

    rows: list[Row[Any]]
    moods: NDArray[np.int64]
    by_model: NDArray[np.bool_]
    chances: NDArray[np.float64]
    numbers: dict[str, NDArray[np.float64]]
    origins: list[tuple[str | None, ...]]
    origin: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The n listens of one person in a period.

    ``days`` (n,): local days since 1970-01-01; ``hours`` (n,): local hours since Monday 0 h; ``tracks`` (n,): indices
    of ``known``; ``ms_played`` (n,): -1 if it is not known.
    """

    days: NDArray[np.int64]
    hours: NDArray[np.int64]
    tracks: NDArray[np.int64]
    ms_played: NDArray[np.int64]
    known: HeardTracks

    def between(self, first: date, last: date) -> Heard:
        """The listens of the local days ``first`` to ``last``, both included."""
        begin, end = day_number(first), day_number(last)
        here = (self.days >= begin) & (self.days <= end)
        parts = {name: getattr(self, name)[here] for name in ("days", "hours", "tracks", "ms_played")}
        return replace(self, **parts)

    def counts(self) -> NDArray[np.int64]:
        """The number of listens of each known track."""
        return np.bincount(self.tracks, minlength=len(self.known.rows))


def read_heard(connection: Connection, user_id: str, timezone: str, days: tuple[date, date] | None = None) -> Heard:
    """All listens of a person, or those of the local days from the first to the last of ``days``."""
    numbers = _numbers(connection, user_id, days and local_span(days, timezone))
    local_s = numbers[:, 0] // 1000 + offsets_of(connection, timezone, numbers[:, 0] // 1000)
    keys, places = np.unique(numbers[:, 1], return_inverse=True)
    rows = list(connection.execute(query("report_tracks"), {"user": user_id, "ids": keys.tolist()}))
    order = np.empty(len(keys), np.int64)
    order[np.searchsorted(keys, [row.track_key for row in rows])] = np.arange(len(rows))
    # 1970-01-01 was a Thursday.
    return Heard(local_s // 86_400, (local_s // 3600 + 72) % _WEEK_H, order[places], numbers[:, 2], _known(rows))


def _known(rows: list[Row[Any]]) -> HeardTracks:
    codes = [NO_MOOD if row.mood is None else MOODS.index(row.mood) for row in rows]
    chances = [[getattr(row, f"p_{mood.lower()}") or 0.0 for mood in MOODS] for row in rows]
    origins = [tuple(getattr(row, name) for name in _ORIGIN) for row in rows]
    different = list(dict.fromkeys(origins))
    place = {origin: at for at, origin in enumerate(different)}
    return HeardTracks(
        rows,
        np.array(codes, np.int64),
        np.array([row.mood is not None and row.label_source != "person" for row in rows], np.bool_),
        np.array(chances, np.float64).reshape(-1, len(MOODS)),
        {name: np.array([getattr(row, name) for row in rows], np.float64) for name in _NUMBERS},
        different,
        np.array([place[origin] for origin in origins], np.int64),
    )


def _numbers(connection: Connection, user_id: str, span: tuple[int, int] | None) -> NDArray[np.int64]:
    """The listens of a person as (n, 3): ms since 1970, track key, ms played or -1."""
    values: dict[str, Any] = {"user": user_id} | (dict(zip(("since", "end"), span, strict=True)) if span else {})
    statement = query("report_listens", *(["span"] if span else []))
    cursor: Any = connection.execute(statement, values).cursor  # without a Row for each
    return np.fromiter(chain.from_iterable(cursor), np.int64).reshape(-1, 3)
