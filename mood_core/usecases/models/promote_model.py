"""Replaces the current model by a new one that is better by more than noise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mood_core.classifier.loading import check_takes_exact
from mood_core.classifier.model_card import PLAIN_NAME, ModelCard, read_card
from mood_core.classifier.model_limits import MOST_BYTES
from mood_core.classifier.mood_meaning import changed_moods
from mood_core.errors import ConfigError, InputError
from mood_core.files.atomic import sweep_temporary, temporary_path
from mood_core.files.outside import read_small
from mood_core.files.private import write_private

if TYPE_CHECKING:
    from mood_core.classifier import Classifier
    from mood_core.classifier.training import Candidate, PairedTest

POINTER = "current"
"""The file in HOME/models that names the current model's folder below it."""


def current_folder(models: Path) -> Path | None:
    """The folder of the promoted model in ``models``, None without one.

    Raises:
        ConfigError: The file that names it is invalid.
    """
    pointer = models / POINTER
    try:
        name, _, version = read_small(pointer).strip().partition("/")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        name = version = ""
    if not (PLAIN_NAME.fullmatch(name) and PLAIN_NAME.fullmatch(version)):
        raise ConfigError(f"{pointer} names no model; delete it for the bundled model, or run `moodlog promote` again")
    return models / name / version


def compare(
    new: Path, current: Path, data: Path, *, progress: Callable[[str, float], None] = lambda _what, _share: None
) -> PairedTest:
    """Compare two saved models on those labelled tracks in ``data`` that are new to them.

    Tracks are recognised by id, ISRC or equal features, whatever file they come from.

    Raises:
        InputError: The file is not what it should be, or too few of its tracks are new.
        ModelError: A model cannot be used, or the extra ``train`` is not installed.
    """
    from mood_core.classifier import load_classifier
    from mood_core.classifier.training import compare_models, read_labelled, require_training

    require_training()
    tracks = read_labelled(data, minimum_tracks=0)
    progress("comparison", 0.0)
    result = compare_models(candidate(load_classifier(new), new), candidate(load_classifier(current), current), tracks)
    progress("comparison", 1.0)
    return result


def candidate(classifier: Classifier, folder: Path) -> Candidate:
    """The loaded model of ``folder`` with the tracks it was trained on, where its card names them.

    Raises:
        ModelCardMismatch: their file is damaged.
    """
    from mood_core.classifier.model_card import TRACKS_FILE
    from mood_core.classifier.trained_on import read_trained_on
    from mood_core.classifier.training import Candidate

    return Candidate(classifier, read_trained_on(folder) if TRACKS_FILE in classifier.card.files else None)


def check_identity(new: Path, current: Path) -> ModelCard:
    """The new model's card.

    Raises:
        InputError: It has the current one's name and version, so their labels could not be distinguished.
    """
    card, old = read_card(new), read_card(current)
    check_takes_exact(card)
    if card.model_version == old.model_version and card.weights_sha256 != old.weights_sha256:
        raise InputError(
            f"{new} is called {card.model_version} like the current model; train it again with another --model-version"
        )
    return card


def check_meaning(new: ModelCard, current: ModelCard, *, accepted: bool) -> dict[str, str]:
    """The moods that mean something else in the new model, with the differences of their training tracks.

    Raises:
        InputError: there are some and they are not ``accepted``; the message names them.
    """
    changed = changed_moods(new, current)
    if changed and not accepted:
        listed = "; ".join(f"{mood}: {differences}" for mood, differences in changed.items())
        raise InputError(
            f"some moods mean something else in {new.model_version} than in {current.model_version} ({listed}); "
            "add --accept-changed-moods if that is intended"
        )
    return changed


def install(new: Path, models: Path) -> Path:
    """Copy the model ``new`` into ``models`` and make it the current one, in one atomic step.

    Raises:
        InputError: Another model of its name and version is there, or its name is taken by the pointer.
        ConfigError: ``models`` cannot be written.
        ModelError: It has no card that can be read.
    """
    card = read_card(new)
    check_takes_exact(card)
    target = models / card.name / card.version
    if card.name == POINTER or (target.exists() and read_card(target).weights_sha256 != card.weights_sha256):
        raise InputError(f"{card.model_version} names another model in {models}; train it again with another name")
    try:
        return _install(new, card, target, models)
    except OSError as error:
        raise ConfigError(f"the folder of models {models} cannot be written ({error.strerror})") from error


def _not_of_a_model(folder: str, names: list[str]) -> list[str]:
    """What is not copied: pipes, folders and what is larger than any file of a model."""
    paths = [Path(folder, name) for name in names]
    return [path.name for path in paths if not path.is_file() or path.stat().st_size > MOST_BYTES]


def _install(new: Path, card: ModelCard, target: Path, models: Path) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep_temporary(target)
        part = temporary_path(target)
        shutil.copytree(new, part, ignore=_not_of_a_model)
        part.rename(target)
    sweep_temporary(models / POINTER)
    pointer = temporary_path(models / POINTER)
    write_private(pointer, f"{card.name}/{card.version}\n".encode())
    pointer.replace(models / POINTER)
    return target
