"""What the labels of several curators have in common, and what each of them means by a mood. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.domain.records import FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mood_core.classifier.training.data import LabelledTracks

_INSTRUMENTAL = 0.5
_DESCRIBED = ("energy", "valence", "acousticness", "loudness")


def agreement(tracks: LabelledTracks) -> dict[str, Any]:
    """How often two sources gave a shared track the same mood: an upper limit for any model on new curators.

    Only sources with all moods count. ``share`` is None if they share no track.
    """
    allowed, names, recordings = tracks.allowed(), tracks.source_names(), tracks.recordings()
    rows_of: dict[int, list[int]] = {}
    for row, recording in enumerate(recordings.tolist()):
        rows_of.setdefault(recording, []).append(row)
    same = [
        bool(tracks.labels[one] == tracks.labels[other])
        for rows in rows_of.values()
        for one, other in combinations(rows, 2)
        if names[one] != names[other] and allowed[one].all() and allowed[other].all()
    ]
    return {"pairs": len(same), "share": float(np.mean(same)) if same else None}


def meanings(tracks: LabelledTracks) -> dict[str, dict[str, dict[str, float]]]:
    """By source and mood: its ``tracks``, the share that is ``instrumental``, and the medians of some features."""
    names = tracks.source_names()
    return {
        str(source): {
            mood: _meaning(tracks, np.flatnonzero((names == source) & (tracks.labels == number)))
            for number, mood in enumerate(tracks.classes)
            if ((names == source) & (tracks.labels == number)).any()
        }
        for source in np.unique(names)
    }


def mean_meanings(by_source: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """By mood, the means of :func:`meanings` over the sources that have it: what the mood means to a model of them."""
    moods = sorted({mood for one in by_source.values() for mood in one})
    return {
        mood: {
            feature: float(np.mean([one[mood][feature] for one in by_source.values() if mood in one]))
            for feature in ("instrumental", *_DESCRIBED)
        }
        for mood in moods
    }


def _meaning(tracks: LabelledTracks, rows: np.ndarray) -> dict[str, float]:
    matrix = tracks.matrix[rows].astype(np.float64)
    medians = {name: float(np.median(matrix[:, FEATURES.index(name)])) for name in _DESCRIBED}
    instrumental = float((matrix[:, FEATURES.index("instrumentalness")] > _INSTRUMENTAL).mean())
    return {"tracks": len(rows), "instrumental": instrumental, **medians}
