"""Checks whether a model trained on all labelled tracks would be better than the current one. Writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mood_core.classifier.training import Candidate, PairedTest


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingCheck:
    """The current model against one trained on ``tracks`` labelled tracks; ``test`` is None if no track is new.

    A positive gain of ``test`` is in the retrained one's favour.
    """

    model_version: str
    tracks: int
    test: PairedTest | None

    @property
    def worthwhile(self) -> bool:
        """Whether a retrained model would be better."""
        return self.test is not None and self.test.promoted

    def sentence(self) -> str:
        """What was found, in one sentence."""
        if self.test is None:
            return f"{self.model_version} was trained on these {self.tracks} tracks: there is nothing new to learn."
        gain = f"{self.test.accuracy_gain:+.1%} accuracy, {self.test.log_loss_gain:+.3f} nats"
        verdict = f"{self.tracks} tracks {'is' if self.worthwhile else 'is not'} worth while"
        return f"Training again on {verdict}: {gain} over {self.model_version}; {self.test.reason}."


def check_training(
    current: Candidate,
    data: Path,
    *,
    folds: int = 10,
    repeats: int = 1,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> TrainingCheck:
    """Compare ``current`` with the recipe, cross-validated on the labelled tracks in ``data``.

    Both are compared only on tracks that they have not seen: the retrained model leaves out each fold, and the tracks
    that the current one was trained on do not count.

    Raises:
        InputError: The file is not what it should be.
        ModelError: The extra ``train`` is not installed.
    """
    from mood_core.classifier.training import evaluate_recipe, paired_test, read_labelled, require_training

    require_training()
    model = current.classifier
    tracks = read_labelled(data, classes=model.card.classes)
    for note in tracks.notes:
        log.warning("%s: %s", data.name, note)
    new = ~current.seen(tracks)
    if new.sum() < 2:
        return TrainingCheck(model.model_version, len(tracks), None)
    retrained = evaluate_recipe(tracks, folds=folds, repeats=repeats, seed=seed, baselines=False, progress=progress)
    now = model.predict(tracks.matrix).astype("float64")[None]
    names = tracks.source_names()[new]
    held_out = retrained.measured.probabilities[:, new]
    test = paired_test(held_out, now[:, new], tracks.labels[new], names, left_out=int((~new).sum()))
    return TrainingCheck(model.model_version, len(tracks), test)
