"""What 50 answers gain a person whom the model has never seen: each curator of a file of labels plays that person.

Run it with ``python -m tests.benchmarks.bench_personal_heads FILE``; the file is that of docs/model.md, with a column
``source``. Without a file, nothing is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mood_core.classifier.training import read_labelled
from tests.benchmarks.bench_store_load import say
from tests.personal_simulation import Gain, play, strangers_probabilities
from tests.sealed import given_path, run_sealed

SEEDS = range(20)
ANSWERS = (50, 80)


def main(file: Path | None) -> None:
    """Print a table of the gains by curator and number of answers."""
    if file is None:
        say("no file of labels given: nothing is measured")
        return
    tracks = read_labelled(file)
    probabilities = strangers_probabilities(tracks)
    say("| curator | answers | model alone | gain (points) | worst seed | log loss | gain | head used |")
    say("|---|---|---|---|---|---|---|---|")
    for source in np.unique(tracks.source_names()):
        for answers in ANSWERS:
            say(_row(str(source), answers, play(tracks, probabilities, str(source), answers, SEEDS)))


def _row(source: str, answers: int, found: list[Gain]) -> str:
    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in found]))

    worst = min(one.accuracy_gain for one in found)
    error = np.std([one.accuracy_gain for one in found], ddof=1) / len(found) ** 0.5
    return (
        f"| {source} | {answers} | {mean('accuracy'):.1%} | {100 * mean('accuracy_gain'):+.1f} ± {100 * error:.1f}"
        f" | {100 * worst:+.1f} | {mean('log_loss'):.3f} | {mean('log_loss_gain'):+.3f} | {mean('promoted'):.0%} |"
    )


if __name__ == "__main__":
    run_sealed(lambda: main(given_path(sys.argv[1]) if len(sys.argv) > 1 else None))
