"""The use case behind ``moodlog train``: from a file of labelled tracks to a model folder."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.golden import preprocessing_digest
from mood_core.classifier.loading import BUNDLED_ESTIMATED_MODEL, BUNDLED_MODEL, bundled_folder
from mood_core.classifier.model_card import PLAIN_NAME, ModelCard, read_card, write_card
from mood_core.classifier.mood_meaning import changed_moods
from mood_core.classifier.mood_sets import calibrate_sets, score_sets
from mood_core.classifier.trained_on import write_trained_on
from mood_core.classifier.training.card import build_card, preprocessing_of
from mood_core.classifier.training.card_text import card_markdown
from mood_core.classifier.training.curators import agreement, mean_meanings, meanings
from mood_core.classifier.training.data import LabelledTracks, read_labelled
from mood_core.classifier.training.estimated import with_estimated_features
from mood_core.classifier.training.evaluation import Evaluation, evaluate_recipe
from mood_core.classifier.training.export import export
from mood_core.classifier.training.identity import all_hashes
from mood_core.classifier.training.measured import Measured, full_sources, measure
from mood_core.classifier.training.model import fit_model, training_set
from mood_core.classifier.training.plots import draw_plots
from mood_core.classifier.training.recipe import Recipe
from mood_core.domain.records import ESTIMATED_PREFIX
from mood_core.errors import InputError, ModelError

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
    estimated: bool = False,
    on_notes: Callable[[Sequence[str]], None] = lambda _: None,
    progress: Progress | None = None,
) -> Path:
    """Train on all tracks in ``data``, measure by cross-validation, and write ``out``/``name``/``version``.

    With several sources, the headline of the card is leave-one-source-out. ``version`` None: the next whole number.
    The same data, recipe and libraries give the same weights (``weights_sha256`` in the card); ``seed`` decides the
    folds and the golden inputs. Nothing is read but ``data`` and the card of the version before. ``words``: see
    :func:`read_labelled`, whose notes are passed to ``on_notes``. ``estimated``: train, measure and calibrate for
    estimated features; the name then starts with ``estimated-``. Returns the folder, which appears whole or not at all.

    Raises:
        InputError: the data are not fit to train on, or the version exists already.
        ModelError: the written files do not give the trained network's answers.
    """
    chosen = Recipe() if recipe is None else recipe
    folder = _new_folder(out, name, version, estimated=estimated)
    tracks = read_labelled(data, words=words)
    hashes = all_hashes(tracks.keys)
    tracks = with_estimated_features(tracks, seed) if estimated else tracks
    on_notes(tracks.notes)
    evaluate = partial(evaluate_recipe, tracks, recipe=chosen, folds=folds, seed=seed, progress=progress)
    evaluation, extra = _measurements(tracks, evaluate, repeats, baselines=baselines)
    fitted = fit_model(training_set(tracks), chosen)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as temporary:
        made = Path(temporary) / "model"
        made.mkdir()
        export(fitted, made, preprocessing_digest(preprocessing_of(fitted)), seed)
        write_trained_on(hashes, made)
        card = build_card(folder, made, tracks, fitted, evaluation, extra, seed, description, estimated=estimated)
        card = replace(card, metrics={**card.metrics, **_compared(card, folder)})
        write_card(card, made)
        draw_plots(made, tracks, evaluation.measured, card)
        (made / MARKDOWN_FILE).write_text(card_markdown(card), encoding="utf-8")
        shutil.move(made, folder)
    return folder


def _measurements(
    tracks: LabelledTracks, evaluate: Callable[..., Evaluation], repeats: int, *, baselines: bool
) -> tuple[Evaluation, dict[str, Any]]:
    """The headline of the card and what else it has: leave-one-source-out if there are several sources."""
    meant = meanings(tracks)
    extra: dict[str, Any] = {"moods": mean_meanings(meant)}
    if len(meant) == 1:
        headline = evaluate(repeats=repeats, baselines=baselines)
        return headline, extra | {"mood_sets": _sets(tracks, headline.measured)}
    headline = evaluate(repeats=1, group_by="source", baselines=baselines)
    inside = evaluate(repeats=1, baselines=False).measured
    parts = measure(inside.probabilities, tracks, by_source=True)
    by_source = {name: asdict(one) for name, one in parts.by_source.items()}
    return headline, extra | {
        "inside": {"mean": asdict(parts.scores), "by_source": by_source},
        "full_sources": full_sources(tracks),
        "agreement": agreement(tracks),
        "meanings": meant,
        "mood_sets": _sets(tracks, headline.measured, inside),
    }


def _sets(tracks: LabelledTracks, held_out: Measured, inside: Measured | None = None) -> dict[str, Any]:
    """The calibration of the sets of moods on held-out probabilities, and its scores inside each source."""
    sources, classes = tracks.source_names(), tracks.classes
    found = calibrate_sets(held_out.probabilities.mean(axis=0), tracks.labels, sources, classes=classes)
    if inside is None:
        return found.as_json()
    probabilities, thresholds = inside.probabilities.mean(axis=0), [found.thresholds[name] for name in classes]
    scores = {
        str(name): asdict(score_sets(probabilities[mine], tracks.labels[mine], thresholds, classes))
        for name in np.unique(sources)
        for mine in (sources == name,)
    }
    return found.as_json() | {"inside": scores}


def _compared(card: ModelCard, folder: Path) -> dict[str, Any]:
    """How the moods differ from those of the version before, or of the bundled model."""
    earlier = [int(path.name) for path in folder.parent.glob("*") if path.name.isdecimal()]
    before = folder.with_name(str(max(earlier))) if earlier else bundled_folder()
    try:
        old = read_card(before)
    except ModelError:  # the version before is damaged or of an older format
        return {}
    if not old.metrics.get("moods", {}).keys() & card.metrics["moods"].keys():
        return {}
    return {"changed_moods": {"since": old.model_version, "moods": changed_moods(card, old)}}


def _new_folder(out: Path, name: str, version: str | None, *, estimated: bool) -> Path:
    if name.startswith(ESTIMATED_PREFIX) != estimated:
        raise InputError(
            f"the name {name!r} does not fit: names that start with {ESTIMATED_PREFIX} are for models of estimated "
            "features (`--estimated`), and only for them; give another --name"
        )
    for part in (name, version or "1"):
        if not PLAIN_NAME.fullmatch(part):
            raise InputError(f"{part!r} cannot be a model's name or version; use letters, digits, '-', '_' and '.'")
    if version is None:
        # The version of a bundled model is taken everywhere: labels of two models must not carry one name.
        bundled = dict(one.split("/") for one in (BUNDLED_MODEL, BUNDLED_ESTIMATED_MODEL))
        taken = [int(path.name) for path in (out / name).glob("*") if path.name.isdecimal()]
        taken += [int(bundled[name])] if name in bundled else []
        return out / name / str(max(taken, default=0) + 1)
    if (out / name / version).exists():
        raise InputError(f"{out / name / version} exists already; give another --model-version or move it away")
    return out / name / version
