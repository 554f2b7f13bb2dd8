"""The label of one track: its mood, probabilities and 90% set, and how certain it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mood_core.domain.records import MOODS
from mood_core.report.listen_arrays import ListenArrays

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class TrackLabel:
    """A track with its label and a person's number of listens. ``chances`` are by mood; empty without a label.

    ``own`` is whether the label is the person's answer, otherwise the model's.
    """

    track_id: str
    track: str
    artists: str
    mood: str | None
    chances: dict[str, float]
    mood_set: tuple[str, ...]
    uncertain: bool
    reason: str | None
    own: bool
    listens: int = 0

    @property
    def others(self) -> tuple[str, ...]:
        """The other moods of the 90% set."""
        return tuple(mood for mood in self.mood_set if mood != self.mood)


def track_label(row: Any, listens: int = 0) -> TrackLabel:
    """The label in a row of ``mood_history`` or ``_track_moods``."""
    chances = {} if row.mood is None else {mood: float(getattr(row, f"p_{mood.lower()}")) for mood in MOODS}
    members = tuple((row.mood_set or "").split("|")) if row.mood_set else ()
    return TrackLabel(
        row.track_id,
        row.track,
        row.artists,
        row.mood,
        chances,
        members,
        bool(row.uncertain),
        row.unlabelled_reason,
        row.label_source == "person",
        listens,
    )


def least_certain(listens: ListenArrays) -> list[TrackLabel]:
    """The tracks whose most probable mood has the lowest probability by the model, more listens first."""
    counts, known = listens.counts, listens.known
    by_model = np.array([row.label_source == "model" for row in known.rows], bool)
    here = np.flatnonzero((counts > 0) & (known.moods < len(MOODS)) & by_model)
    order = here[np.lexsort((-counts[here], known.chances[here].max(axis=1, initial=0)))][:_SHOWN]
    return [track_label(known.rows[at], int(counts[at])) for at in order]


def most_played(rows: Sequence[dict[str, Any]], mood: str) -> dict[str, Any] | None:
    """The first row of ``mood`` of a page query that is ordered by listens."""
    return next((row for row in rows if row["mood"] == mood), None)
