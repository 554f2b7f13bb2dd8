"""The use case behind ``moodlog train``: from a file of labelled tracks to a model folder."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mood_core.classifier.golden import preprocessing_digest
from mood_core.classifier.loading import BUNDLED_MODEL
from mood_core.classifier.model_card import KERAS_FILE, PLAIN_NAME, ModelCard, write_card
from mood_core.classifier.training.card import build_card, preprocessing_of
from mood_core.classifier.training.card_text import card_markdown
from mood_core.classifier.training.data import LabelledTracks, read_labelled
from mood_core.classifier.training.ensemble import Ensemble, TrainingSet, fit_ensembles
from mood_core.classifier.training.evaluation import Evaluation, evaluate_recipe
from mood_core.classifier.training.export import export, file_digests, weights_digest
from mood_core.classifier.training.plots import draw_plots
from mood_core.classifier.training.recipe import Recipe
from mood_core.errors import InputError, ModelCardMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mood_core.classifier.training.evaluation import Progress

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

    ``version`` None: the next whole number. The same data, seed, recipe and libraries give the same weights
    (``weights_sha256`` in the card). Nothing but ``data`` is read; ``words``: see :func:`read_labelled`, whose notes
    ``tell`` gets. Returns the folder, which appears whole or not at
    all.

    Raises:
        InputError: the data are not fit to train on, or the version exists already.
        ModelError: the written files do not give the trained network's answers.
    """
    chosen = Recipe() if recipe is None else recipe
    folder = _new_folder(out, name, version)
    tracks = read_labelled(data, words=words)
    tell(tracks.notes)
    evaluation = evaluate_recipe(
        tracks, recipe=chosen, folds=folds, repeats=repeats, seed=seed, baselines=baselines, progress=progress
    )
    report = None if progress is None else (lambda share: progress("final model", share))
    everything = TrainingSet(tracks.matrix, tracks.labels, len(tracks.classes))
    ensemble = fit_ensembles([everything], chosen, seed, report)[0]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as temporary:
        draft = Path(temporary) / "model"
        draft.mkdir()
        card = _write(draft, folder, tracks, ensemble, evaluation, chosen, seed, description)
        draw_plots(draft, tracks, evaluation.measured, card)
        (draft / MARKDOWN_FILE).write_text(card_markdown(card), encoding="utf-8")
        shutil.move(draft, folder)
    return folder


def recipe_of(card: ModelCard) -> Recipe:
    """The recipe a model was trained by.

    Raises:
        ModelCardMismatch: this moodlog's recipe has other settings.
    """
    try:
        return Recipe(**card.training["recipe"])
    except (KeyError, TypeError) as error:
        raise ModelCardMismatch(f"the recipe of {card.model_version} is not one of this moodlog: {error}") from error


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
    ensemble: Ensemble,
    evaluation: Evaluation,
    recipe: Recipe,
    seed: int,
    description: str | None,
) -> ModelCard:
    export(ensemble, draft, preprocessing_digest(preprocessing_of(ensemble)), seed)
    card = build_card(
        name=folder.parent.name,
        version=folder.name,
        created_at=datetime.now(UTC),
        tracks=tracks,
        description=description or f"{len(tracks)} labelled tracks from {tracks.name}",
        recipe=recipe,
        seed=seed,
        ensemble=ensemble,
        evaluation=evaluation,
        weights_sha256=weights_digest(draft / KERAS_FILE),
        files=file_digests(draft),
    )
    write_card(card, draft)
    return card
