"""Computes the lists and charts of many periods from one read of a person's listens.

Each answer has the rows of the statement in ``sql/shown`` of the same name, which the page shows and tests compare.
Ten years of listens are read once, as numbers; a query for each period would read them more than a hundred times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from mood_core.domain.days import day_number, day_of
from mood_core.domain.intervals import half_width
from mood_core.domain.records import ALL_MOODS, MOODS, to_ms
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.time_zones import offsets_of

Answer = list[dict[str, Any]]

_UNLABELLED = len(MOODS)
_WEEK_H = 168
_SHOWN = 8
_NUMBERS = ("uncertain", "valence", "energy", "duration_ms", "artists_place", "label_place")
_ORIGIN = ("label_source", "feature_source", "model_version", "unlabelled_reason")


@dataclass(frozen=True, slots=True, eq=False)
class HeardTracks:
    """The tracks of a person, in the database's order of their ids.

    ``rows`` are those of the statement ``report_tracks``; ``moods`` (m,): indices of moods, 4 without a label;
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
    codes = [_UNLABELLED if row.mood is None else MOODS.index(row.mood) for row in rows]
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


def local_span(days: tuple[date, date], timezone: str) -> tuple[int, int]:
    """The begin and the end (exclusive) of the local ``days`` in ms since 1970."""
    zone = ZoneInfo(timezone)
    begin, end = (datetime.combine(day, time.min, zone) for day in (days[0], days[1] + timedelta(days=1)))
    return to_ms(begin), to_ms(end)


def _numbers(connection: Connection, user_id: str, span: tuple[int, int] | None) -> NDArray[np.int64]:
    """The listens of a person as (n, 3): ms since 1970, track key, ms played or -1."""
    values: dict[str, Any] = {"user": user_id} | (dict(zip(("since", "end"), span, strict=True)) if span else {})
    statement = query("report_listens", *(["span"] if span else []))
    cursor: Any = connection.execute(statement, values).cursor  # without a Row for each
    return np.fromiter(chain.from_iterable(cursor), np.int64).reshape(-1, 3)


def _totals(heard: Heard) -> Answer:
    counts = heard.counts()
    uncertain = heard.known.numbers["uncertain"]
    return [
        {
            "listens": len(heard.days),
            "labelled": int(counts[heard.known.moods < _UNLABELLED].sum()),
            "uncertain": int(counts[uncertain == 1].sum()) if len(heard.days) else None,
            "tracks": int(np.count_nonzero(counts)),
            "days": int(np.count_nonzero(np.bincount(heard.days - heard.days.min(initial=0)))),
        }
    ]


def _shares(heard: Heard) -> Answer:
    counts, moods, chances = heard.counts(), heard.known.moods, heard.known.chances
    labelled = moods < _UNLABELLED
    if not counts[labelled].any():
        return []
    expected = counts[labelled] @ chances[labelled]
    variance = counts[labelled] @ (chances[labelled] * (1 - chances[labelled]))
    leads = np.bincount(moods, counts, minlength=len(ALL_MOODS))
    return [
        {
            "mood": mood,
            "listens": int(leads[at]),
            "expected": float(expected[at]),
            "half_width": half_width(variance[at]),
        }
        for at, mood in enumerate(MOODS)
    ]


def _hours(heard: Heard) -> Answer:
    cells = np.bincount(heard.hours * len(ALL_MOODS) + heard.known.moods[heard.tracks])
    return [
        {
            "local_weekday": int(cell) // len(ALL_MOODS) // 24 + 1,
            "local_hour": int(cell) // len(ALL_MOODS) % 24,
            "mood": ALL_MOODS[cell % len(ALL_MOODS)],
            "listens": int(cells[cell]),
        }
        for cell in np.flatnonzero(cells)
    ]


def _map(heard: Heard) -> Answer:
    moods, cells = heard.known.moods, {}
    for name in ("valence", "energy"):
        cells[name] = np.floor(heard.known.numbers[name] * 20 + 0.5)
    on_it = (moods < _UNLABELLED) & ~np.isnan(cells["valence"])
    keys = ((cells["valence"] * 100 + cells["energy"]) * len(ALL_MOODS))[on_it].astype(np.int64) + moods[on_it]
    sums = np.bincount(keys, heard.counts()[on_it])
    return [
        {
            "valence_cell": int(key) // len(ALL_MOODS) // 100,
            "energy_cell": int(key) // len(ALL_MOODS) % 100,
            "mood": MOODS[key % len(ALL_MOODS)],
            "listens": int(sums[key]),
        }
        for key in np.flatnonzero(sums)
    ]


def _unlabelled(heard: Heard) -> Answer:
    listens = _by_origin(heard, labelled=False)
    found = [{"unlabelled_reason": reason, "listens": count} for (*_, reason), count in listens.items()]
    return sorted(found, key=lambda one: (-one["listens"], one["unlabelled_reason"]))


def _sources(heard: Heard) -> Answer:
    listens = _by_origin(heard, labelled=True)
    found = [
        {"label_source": label, "feature_source": source, "model_version": version, "listens": count}
        for (label, source, version, _), count in listens.items()
    ]
    return sorted(found, key=lambda one: (-one["listens"], one["label_source"], one["feature_source"] or ""))


def _by_origin(heard: Heard, *, labelled: bool) -> dict[tuple[str | None, ...], int]:
    """The listens with or without a label by the origin of the label, or the reason why they have no label."""
    sums = np.bincount(heard.known.origin, heard.counts(), minlength=len(heard.known.origins))
    return {
        origin: int(count)
        for origin, count in zip(heard.known.origins, sums, strict=True)
        if count and (origin[-1] is None) == labelled
    }


def _tracks(heard: Heard) -> Answer:
    counts = heard.counts()
    return [
        {
            "mood": MOODS[mood],
            **_named(heard.known.rows[at], "track_id", "track", "artists"),
            "listens": int(counts[at]),
        }
        for mood in range(len(MOODS))
        for at in _most(np.where(heard.known.moods == mood, counts, 0))
    ]


def _artists(heard: Heard) -> Answer:
    counts, places = heard.counts(), heard.known.numbers["artists_place"].astype(np.int64)
    _, one_of_each = np.unique(places, return_index=True)
    found: Answer = []
    for mood in range(len(MOODS)):
        sums = np.bincount(places, np.where(heard.known.moods == mood, counts, 0))[1:]
        for at in _most(sums):
            row = heard.known.rows[one_of_each[at]]
            found.append({"mood": MOODS[mood], "artists": row.artists, "listens": int(sums[at])})
    return found


def _most(counts: NDArray[Any]) -> NDArray[np.int64]:
    """The indices of the largest ``counts`` above 0; equal counts stay in order."""
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    return order[counts[order] > 0]


def _confident(heard: Heard) -> Answer:
    found: Answer = []
    for mood in range(len(MOODS)):
        found += _labels(heard, heard.known.by_model & (heard.known.moods == mood), -1)[:2]
    return found


def _uncertain(heard: Heard) -> Answer:
    return _labels(heard, heard.known.by_model, 1)[:_SHOWN]


def _labels(heard: Heard, chosen: NDArray[np.bool_], sign: int) -> Answer:
    """The first labels of the ``chosen`` tracks, ordered by their probability times ``sign``, then by listens.

    Tracks with the same names and the same label are one.
    """
    groups = heard.known.numbers["label_place"].astype(np.int64)
    _, one_of_each = np.unique(groups, return_index=True)
    counts = np.bincount(groups, heard.counts())[1:]
    lead = np.append(heard.known.chances, np.zeros((len(groups), 1)), axis=1)[np.arange(len(groups)), heard.known.moods]
    here = chosen[one_of_each] & (counts > 0)
    order = np.lexsort((-counts, sign * lead[one_of_each]))
    names = ("track", "artists", "mood", *(f"p_{mood.lower()}" for mood in MOODS), "mood_set")
    return [
        _named(heard.known.rows[one_of_each[at]], *names) | {"listens": int(counts[at])}
        for at in order[here[order]][:_SHOWN]
    ]


def _named(row: Row[Any], *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _minutes(heard: Heard) -> Answer:
    lengths = np.nan_to_num(heard.known.numbers["duration_ms"], nan=-1.0)[heard.tracks]
    ms = np.where(heard.ms_played >= 0, heard.ms_played, lengths)
    days, places = np.unique(heard.days, return_inverse=True)
    timed = np.bincount(places, ms >= 0)
    sums = np.bincount(places, np.maximum(ms, 0))
    return [
        {
            "day": str(day_of(int(day))),
            "minutes": int((10 * sums[at] + 30_000) // 60_000) / 10 if timed[at] else None,
            "timed": int(timed[at]),
        }
        for at, day in enumerate(days)
    ]


ANSWERS: dict[str, Callable[[Heard], Answer]] = {
    "totals": _totals,
    "minutes": _minutes,
    "shares": _shares,
    "hours": _hours,
    "map": _map,
    "unlabelled": _unlabelled,
    "sources": _sources,
    "tracks": _tracks,
    "artists": _artists,
    "confident": _confident,
    "uncertain": _uncertain,
}
"""What is computed here, by the name of its file in ``sql/shown``."""

BY_PERIOD = tuple(name for name in ANSWERS if name != "minutes")
