"""Computes the lists and charts of a period from a person's listens in it.

Each answer has the rows of the statement in ``sql/shown`` of the same name, which the page shows and tests compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from mood_core.domain.days import day_of
from mood_core.domain.intervals import half_width
from mood_core.domain.records import ALL_MOODS, MOODS
from mood_core.report.listen_arrays import NO_MOOD, ListenArrays

Answer = list[dict[str, Any]]

_SHOWN = 8


def _totals(listens: ListenArrays) -> Answer:
    counts = listens.counts
    uncertain = listens.known.numbers["uncertain"]
    return [
        {
            "listens": len(listens.days),
            "labelled": int(counts[listens.known.moods < NO_MOOD].sum()),
            "uncertain": int(counts[uncertain == 1].sum()) if len(listens.days) else None,
            "tracks": int(np.count_nonzero(counts)),
            "days": int(np.count_nonzero(np.bincount(listens.days - listens.days.min(initial=0)))),
        }
    ]


def _shares(listens: ListenArrays) -> Answer:
    counts, moods, chances = listens.counts, listens.known.moods, listens.known.chances
    labelled = moods < NO_MOOD
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


def _hours(listens: ListenArrays) -> Answer:
    cells = np.bincount(listens.hours * len(ALL_MOODS) + listens.known.moods[listens.tracks])
    return [
        {
            "local_weekday": int(cell) // len(ALL_MOODS) // 24 + 1,
            "local_hour": int(cell) // len(ALL_MOODS) % 24,
            "mood": ALL_MOODS[cell % len(ALL_MOODS)],
            "listens": int(cells[cell]),
        }
        for cell in np.flatnonzero(cells)
    ]


def _map(listens: ListenArrays) -> Answer:
    moods, cells = listens.known.moods, {}
    for name in ("valence", "energy"):
        cells[name] = np.floor(listens.known.numbers[name] * 20 + 0.5)
    on_it = (moods < NO_MOOD) & ~np.isnan(cells["valence"])
    keys = ((cells["valence"] * 100 + cells["energy"]) * len(ALL_MOODS))[on_it].astype(np.int64) + moods[on_it]
    sums = np.bincount(keys, listens.counts[on_it])
    return [
        {
            "valence_cell": int(key) // len(ALL_MOODS) // 100,
            "energy_cell": int(key) // len(ALL_MOODS) % 100,
            "mood": MOODS[key % len(ALL_MOODS)],
            "listens": int(sums[key]),
        }
        for key in np.flatnonzero(sums)
    ]


def _unlabelled(listens: ListenArrays) -> Answer:
    counts = _by_origin(listens, labelled=False)
    found = [{"unlabelled_reason": reason, "listens": count} for (*_, reason), count in counts.items()]
    return sorted(found, key=lambda one: (-one["listens"], one["unlabelled_reason"]))


def _sources(listens: ListenArrays) -> Answer:
    counts = _by_origin(listens, labelled=True)
    found = [
        {"label_source": label, "feature_source": source, "model_version": version, "listens": count}
        for (label, source, version, _), count in counts.items()
    ]
    return sorted(found, key=lambda one: (-one["listens"], one["label_source"], one["feature_source"] or ""))


def _by_origin(listens: ListenArrays, *, labelled: bool) -> dict[tuple[str | None, ...], int]:
    """The listens with or without a label by the origin of the label, or the reason why they have no label."""
    sums = np.bincount(listens.known.origin, listens.counts, minlength=len(listens.known.origins))
    return {
        origin: int(count)
        for origin, count in zip(listens.known.origins, sums, strict=True)
        if count and (origin[-1] is None) == labelled
    }


def _tracks(listens: ListenArrays) -> Answer:
    counts = listens.counts
    return [
        {
            "mood": ALL_MOODS[mood],
            **_named(listens.known.rows[at], "track_id", "track", "artists"),
            "listens": int(counts[at]),
        }
        for mood in range(len(ALL_MOODS))
        for at in _most(np.where(listens.known.moods == mood, counts, 0))
    ]


def _artists(listens: ListenArrays) -> Answer:
    counts, known = listens.counts, listens.known
    found: Answer = []
    for mood in range(len(ALL_MOODS)):
        sums = np.bincount(known.artists, np.where(known.moods == mood, counts, 0))
        for at in _most(sums):
            row = known.rows[known.one_of_artists[at]]
            found.append({"mood": ALL_MOODS[mood], "artists": row.artists, "listens": int(sums[at])})
    return found


def _most(counts: NDArray[Any]) -> NDArray[np.int64]:
    """The indices of the largest ``counts`` above 0; equal counts stay in order."""
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    return order[counts[order] > 0]


def _confident(listens: ListenArrays) -> Answer:
    known, ranked = listens.known, _labels(listens, -1)
    moods = known.moods[known.one_of_label[ranked]]
    return _shown_labels(listens, [at for mood in range(len(MOODS)) for at in ranked[moods == mood][:2]])


def _uncertain(listens: ListenArrays) -> Answer:
    return _shown_labels(listens, _labels(listens, 1)[:_SHOWN])


def _labels(listens: ListenArrays, sign: int) -> NDArray[np.int64]:
    """The model's labels of the listens, ordered by their probability times ``sign``, then by listens."""
    known, counts = listens.known, _label_counts(listens)
    here = np.flatnonzero(known.by_model[known.one_of_label] & (counts > 0))
    tracks = known.one_of_label[here]
    return here[np.lexsort((-counts[here], sign * known.chances[tracks, known.moods[tracks]]))]


def _shown_labels(listens: ListenArrays, labels: Iterable[np.int64]) -> Answer:
    known, counts = listens.known, _label_counts(listens)
    names = ("track", "artists", "mood", *(f"p_{mood.lower()}" for mood in MOODS), "mood_set")
    return [_named(known.rows[known.one_of_label[at]], *names) | {"listens": int(counts[at])} for at in labels]


def _label_counts(listens: ListenArrays) -> NDArray[Any]:
    """The listens of each label: tracks with the same names and the same label are one."""
    return np.bincount(listens.known.label, listens.counts, minlength=len(listens.known.one_of_label))


def _named(row: Row[Any], *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def played_ms(listens: ListenArrays) -> NDArray[np.float64]:
    """How long each listen was [ms]: as long as its track if its own length is unknown; negative if both are."""
    lengths = np.nan_to_num(listens.known.numbers["duration_ms"], nan=-1.0)[listens.tracks]
    return np.where(listens.ms_played >= 0, listens.ms_played, lengths)


def _minutes(listens: ListenArrays) -> Answer:
    ms = played_ms(listens)
    first = int(listens.days.min(initial=0))
    places = listens.days - first
    timed, sums = np.bincount(places, ms >= 0), np.bincount(places, np.maximum(ms, 0))
    return [
        {
            "day": str(day_of(first + int(at))),
            "seconds": int(sums[at]) / 1000 if timed[at] else None,
            "timed": int(timed[at]),
        }
        for at in np.flatnonzero(np.bincount(places))
    ]


ANSWERS: dict[str, Callable[[ListenArrays], Answer]] = {
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
