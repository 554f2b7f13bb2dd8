"""How long the recipe takes: one training, and one cross-validation, on made-up tracks.

Run it with ``python -m tests.benchmarks.bench_model_training [TRACKS]``.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from mood_core.classifier.training import LabelledTracks, Recipe, evaluate_recipe
from mood_core.classifier.training.model import fit_model, training_set
from mood_core.domain.records import MOODS
from tests.sealed import run_sealed

TRACKS = 686


def made_up(tracks: int) -> LabelledTracks:
    """Tracks whose third feature reports the mood, roughly."""
    random = np.random.default_rng(0)
    labels = np.arange(tracks) % len(MOODS)
    matrix = random.random((tracks, 10))
    matrix[:, 2] = (labels + random.random(tracks) * 1.5) / 6
    matrix *= [1, 1, 1, 1, 1, -20, 1, 180, 1, 300_000]
    return LabelledTracks("made up", "0" * 64, MOODS, matrix.astype(np.float32), labels.astype(np.int64), None)


def main(count: int) -> None:
    """Print seconds of a training and of a ten-fold cross-validation."""
    tracks = made_up(count)
    begun = time.perf_counter()
    fit_model(training_set(tracks), Recipe())
    trained = time.perf_counter()
    evaluate_recipe(tracks, repeats=1, baselines=False)
    done = time.perf_counter()
    print(f"{count} tracks: training {trained - begun:.1f} s, 10 folds {done - trained:.1f} s")  # noqa: T201


if __name__ == "__main__":
    run_sealed(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else TRACKS))
