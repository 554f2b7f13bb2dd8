"""The use case behind ``moodlog train``: from a file of labelled tracks to a model folder."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.golden import preprocessing_digest
from mood_core.classifier.loading import BUNDLED_MODEL
from mood_core.classifier.model_card import KERAS_FILE, PLAIN_NAME, ModelCard, write_card
from mood_core.classifier.mood_sets import calibrate_sets, score_sets
from mood_core.classifier.trained_on import write_trained_on
from mood_core.classifier.training.card import build_card, preprocessing_of
from mood_core.classifier.training.card_text import card_markdown
from mood_core.classifier.training.curators import agreement, meanings
from mood_core.classifier.training.data import LabelledTracks, read_labelled
from mood_core.classifier.training.evaluation import Evaluation, evaluate_recipe
from mood_core.classifier.training.export import export, file_digests, weights_digest
from mood_core.classifier.training.identity import all_hashes
from mood_core.classifier.training.measured import Measured, full_sources, measure
from mood_core.classifier.training.model import MoodModel, fit_model, training_set
from mood_core.classifier.training.plots import draw_plots
from mood_core.classifier.training.recipe import Recipe
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mood_core.classifier.training.evaluation import GroupBy, Progress

MARKDOWN_FILE = "model_card.md"
DEFAULT_NAME = "my-moods"


def train_model(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    name: str = DEFAULT_NAME,
    version: str | None = None,
    description: str | None = None,
    recipe: Recipe | None = None,
    folds: int = 10,
    repeats: int = 5,
    baselines: bool = True,
    words: Mapping[str, str] | None = None,
    tell: Callable[[Sequence[str]], None] = lambda _: None,
    progress: Progress | None = None,
) -> Path:
    """Train on all tracks in ``data``, measure by cross-validation, and write ``out``/``name``/``version``.

    With several sources, the headline of the card is leave-one-source-out. ``version`` None: the next whole number.
    The same data, recipe and libraries give the same weights (``weights_sha256`` in the card); ``seed`` decides the
    folds and the golden inputs. Nothing but ``data`` is read; ``words``: see :func:`read_labelled`, whose notes
    ``tell`` gets. Returns the folder, which appears whole or not at all.

    Raises:
        InputError: the data are not fit to train on, or the version exists already.
        ModelError: the written files do not give the trained network's answers.
    """
    chosen = Recipe() if recipe is None else recipe
    folder = _new_folder(out, name, version)
    tracks = read_labelled(data, words=words)
    tell(tracks.notes)
    report = _Report(tracks, chosen, folds, repeats, seed, progress)
    evaluation = report.headline(baselines=baselines)
    extra = report.more() | {"mood_sets": report.sets(evaluation)}
    fitted = fit_model(training_set(tracks), chosen)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as temporary:
        draft = Path(temporary) / "model"
        draft.mkdir()
        card = _write(draft, folder, tracks, fitted, evaluation, extra, chosen, seed, description)
        draw_plots(draft, tracks, evaluation.measured, card)
        (draft / MARKDOWN_FILE).write_text(card_markdown(card), encoding="utf-8")
        shutil.move(draft, folder)
    return folder


class _Report:
    """The measurements for the card: of strangers where the file has several sources, and inside each source."""

    def __init__(
        self,
        tracks: LabelledTracks,
        recipe: Recipe,
        folds: int,
        repeats: int,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self._tracks, self._recipe, self._progress = tracks, recipe, progress
        self._folds, self._repeats, self._seed = folds, repeats, seed
        self.by_source = len(set(tracks.sources or ())) > 1
        self._inside: Measured | None = None

    def headline(self, *, baselines: bool) -> Evaluation:
        """Leave-one-source-out, or cross-validation where the file has one source."""
        repeats = 1 if self.by_source else self._repeats
        return self._evaluate("source" if self.by_source else None, repeats, baselines=baselines)

    def more(self) -> dict[str, Any]:
        """What the card has about curators besides; nothing for one source."""
        if not self.by_source:
            return {}
        inside = self._inside = self._evaluate(None, 1, baselines=False).measured
        parts = measure(inside.probabilities, self._tracks, by_source=True)
        return {
            "inside": {
                "mean": asdict(parts.scores),
                "by_source": {name: asdict(one) for name, one in parts.by_source.items()},
            },
            "full_sources": full_sources(self._tracks),
            "agreement": agreement(self._tracks),
            "meanings": meanings(self._tracks),
        }

    def sets(self, held_out: Evaluation) -> dict[str, Any]:
        """The calibration of the sets of moods on the headline's probabilities, and its scores inside each source."""
        labels, sources, classes = self._tracks.labels, self._tracks.source_names(), self._tracks.classes
        probabilities = held_out.measured.probabilities.mean(axis=0)
        found = calibrate_sets(probabilities, labels, sources, classes=classes)
        if self._inside is None:
            return found.as_json()
        inside = self._inside.probabilities.mean(axis=0)
        thresholds = [found.thresholds[name] for name in classes]
        scores = {
            str(name): score_sets(inside[sources == name], labels[sources == name], thresholds, classes).as_json()
            for name in np.unique(sources)
        }
        return found.as_json() | {"inside": scores}

    def _evaluate(self, group_by: GroupBy | None, repeats: int, *, baselines: bool) -> Evaluation:
        return evaluate_recipe(
            self._tracks,
            recipe=self._recipe,
            folds=self._folds,
            repeats=repeats,
            seed=self._seed,
            group_by=group_by,
            baselines=baselines,
            progress=self._progress,
        )


def _new_folder(out: Path, name: str, version: str | None) -> Path:
    for part in (name, version or "1"):
        if not PLAIN_NAME.fullmatch(part):
            raise InputError(f"{part!r} cannot be a model's name or version; use letters, digits, '-', '_' and '.'")
    if version is None:
        # The bundled model's version is taken everywhere: labels of two models must not carry one name.
        bundled_name, _, bundled_version = BUNDLED_MODEL.partition("/")
        taken = [int(path.name) for path in (out / name).glob("*") if path.name.isdecimal()]
        taken += [int(bundled_version)] if name == bundled_name else []
        return out / name / str(max(taken, default=0) + 1)
    if (out / name / version).exists():
        raise InputError(f"{out / name / version} exists already; give another --model-version or move it away")
    return out / name / version


def _write(
    draft: Path,
    folder: Path,
    tracks: LabelledTracks,
    fitted: MoodModel,
    evaluation: Evaluation,
    extra: Mapping[str, Any],
    recipe: Recipe,
    seed: int,
    description: str | None,
) -> ModelCard:
    export(fitted, draft, preprocessing_digest(preprocessing_of(fitted)), seed)
    write_trained_on(all_hashes(tracks.keys), draft)
    card = build_card(
        name=folder.parent.name,
        version=folder.name,
        created_at=datetime.now(UTC),
        tracks=tracks,
        description=description or f"{len(tracks)} labelled tracks from {tracks.name}",
        recipe=recipe,
        seed=seed,
        fitted=fitted,
        evaluation=evaluation,
        extra=extra,
        weights_sha256=weights_digest(draft / KERAS_FILE),
        files=file_digests(draft),
    )
    write_card(card, draft)
    return card
