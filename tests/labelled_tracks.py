"""Labelled tracks that a small model learns quickly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from mood_core.domain.records import FEATURES, MOODS


def made_up_tracks(path: Path, classes: tuple[str, ...] = MOODS, *, durations: bool = True, seed: int = 0) -> Path:
    """Tracks whose energy and valence give the class, with everything else at random."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(30 * len(classes)):
        kind = number % len(classes)
        row: dict[str, object] = {name: float(random.uniform(0.05, 0.4)) for name in FEATURES[:-1]}
        row |= {
            "energy": (kind % 2) * 0.7 + random.uniform(0, 0.3),
            "valence": (kind // 2) * 0.3 + random.uniform(0, 0.3),
        }
        row |= {
            "loudness": -8.0 + random.normal(),
            "tempo": 120.0,
            "id": f"made-up-{seed}-{number}",
            "mood": classes[kind],
        }
        if durations:
            row["duration_ms"] = int(random.integers(120_000, 300_000))
        rows.append(row)
    csv.write_csv(pa.Table.from_pylist(rows), path)
    return path
