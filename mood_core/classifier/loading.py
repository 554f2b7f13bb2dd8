"""Loads a model, and checks first that its card, files and golden outputs belong together."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mood_core.classifier.classifier import Classifier
from mood_core.classifier.golden import TOLERANCE, Golden, largest_difference, preprocessing_digest, read_golden
from mood_core.classifier.model_card import GOLDEN_FILE, KERAS_FILE, LITERT_FILE, read_card
from mood_core.classifier.model_limits import check_archive, sha256_of
from mood_core.classifier.runtimes import KerasRuntime, LiteRtRuntime
from mood_core.domain.records import FEATURES, MOODS
from mood_core.errors import ModelCardMismatch, ModelError, ModelNotFound
from mood_core.installation import install_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mood_core.classifier.classifier import Runtime
    from mood_core.classifier.model_card import ModelCard

RuntimeChoice = Literal["auto", "litert", "keras"]

BUNDLED_MODEL = "playlist-moods/2"
"""``name/version`` of the model that comes with moodlog."""

BUNDLED_ESTIMATED_MODEL = "estimated-playlist-moods/1"
"""``name/version`` of the model for estimated features that comes with moodlog."""

_SAVED_MODELS = Path(__file__).resolve().parents[1] / "saved_models"

_log = logging.getLogger(__name__)


def bundled_folder() -> Path:
    """The folder of the model that comes with moodlog."""
    return _SAVED_MODELS / BUNDLED_MODEL


def bundled_estimated_folder() -> Path:
    """The folder of the model for estimated features that comes with moodlog."""
    return _SAVED_MODELS / BUNDLED_ESTIMATED_MODEL


def load_classifier(
    folder: Path | None = None, runtime: RuntimeChoice = "auto", *, classes: Sequence[str] | None = MOODS
) -> Classifier:
    """The model in ``folder`` (None: the bundled one), checked and ready.

    ``auto`` uses LiteRT if it is installed and its model is present and gives the golden outputs; otherwise Keras.
    ``classes``: the labels the model must have, in order; None takes any (to measure models of other label sets).

    Raises:
        ModelNotFound: there is no model, or one of its files is absent.
        ModelCardMismatch: card, files, golden outputs or this code do not belong together.
        ModelError: no runtime for the model is installed.
    """
    folder = bundled_folder() if folder is None else folder
    card = read_card(folder)
    check_contract(card, classes)
    check_files(card, folder)
    golden = read_golden(folder / GOLDEN_FILE)
    _check_golden(card, golden)
    return Classifier(card, _choose(folder, card, golden, runtime))


def check_contract(card: ModelCard, classes: Sequence[str] | None) -> None:
    """Check that the card's features and classes are those of this code, in its order.

    Raises:
        ModelCardMismatch: they are not.
    """
    if card.feature_names != FEATURES:
        raise ModelCardMismatch(
            f"the model {card.model_version} takes the features {', '.join(card.feature_names)}, "
            f"not {', '.join(FEATURES)} in this order; train it with this moodlog"
        )
    if classes is not None and card.classes != tuple(classes):
        raise ModelCardMismatch(
            f"the model {card.model_version} has the moods {', '.join(card.classes)}, "
            f"not {', '.join(classes)} in this order; use a model of these moods"
        )


def check_takes_exact(card: ModelCard) -> None:
    """Check that the model is not one for estimated features.

    Raises:
        ModelCardMismatch: it is one.
    """
    if card.takes_estimated:
        raise ModelCardMismatch(
            f"the model {card.model_version} is for features estimated from audio alone and must not judge other "
            "features; use another model"
        )


def check_files(card: ModelCard, folder: Path) -> None:
    """Check that every file of the card is present and unchanged.

    The LiteRT model may be absent: Keras replaces it.

    Raises:
        ModelNotFound: a file is absent.
        ModelCardMismatch: a file is not the one that was trained, or the card does not name it.
    """
    unnamed = {KERAS_FILE, GOLDEN_FILE} - set(card.files)
    if unnamed:
        raise ModelCardMismatch(f"the card in {folder} does not name {', '.join(sorted(unnamed))}; train it again")
    for name, expected in sorted(card.files.items()):
        path = folder / name
        if not path.is_file():
            if name == LITERT_FILE:
                continue
            raise ModelNotFound(f"{path} is missing, but the model card names it; copy the model folder again")
        if _digest(path) != expected:
            raise ModelCardMismatch(
                f"{path} is not the file that was trained (its sha256 differs from the card's); "
                "copy the model folder again or train it again"
            )
    check_archive(folder / KERAS_FILE)


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise ModelCardMismatch(f"{path} cannot be read ({error.strerror}); copy the model folder again") from error


def _check_golden(card: ModelCard, golden: Golden) -> None:
    if golden.inputs.shape[1] != len(card.features) or golden.outputs.shape[1] != len(card.classes):
        raise ModelCardMismatch(
            f"the golden outputs of {card.model_version} belong to another model than its card; copy the folder again"
        )
    if golden.preprocessing_sha256 != preprocessing_digest(card.preprocessing):
        raise ModelCardMismatch(
            f"the card of {card.model_version} describes another preprocessing than the model was trained with; "
            "copy the model folder again"
        )


def _choose(folder: Path, card: ModelCard, golden: Golden, choice: RuntimeChoice) -> Runtime:
    if choice != "keras":
        refusal = _litert_refusal(folder, card)
        if refusal is None:
            runtime = LiteRtRuntime(folder / LITERT_FILE)
            difference = largest_difference(golden, runtime.run(golden.inputs))
            if difference <= TOLERANCE:
                return runtime
            refusal = f"its golden outputs differ by {difference:.2g}"
        if choice == "litert":
            raise ModelCardMismatch(f"{folder / LITERT_FILE} cannot be used: {refusal}; set MOODLOG_RUNTIME=keras")
        _log.warning("the LiteRT model of %s cannot be used (%s); using Keras", card.model_version, refusal)
    return _keras(folder, card, golden)


def _litert_refusal(folder: Path, card: ModelCard) -> str | None:
    if LITERT_FILE not in card.files:
        return "the card does not name it"
    if not (folder / LITERT_FILE).is_file():
        return f"{LITERT_FILE} is absent"
    if importlib.util.find_spec("ai_edge_litert") is None:
        return "ai-edge-litert is not installed"
    return None


def _keras(folder: Path, card: ModelCard, golden: Golden) -> KerasRuntime:
    if importlib.util.find_spec("keras") is None:
        raise ModelError(f"neither LiteRT nor Keras can run the model; run: {install_extra('train')}")
    runtime = KerasRuntime(folder / KERAS_FILE)
    difference = largest_difference(golden, runtime.run(golden.inputs))
    if difference > TOLERANCE:
        raise ModelCardMismatch(
            f"the model {card.model_version} does not give its golden outputs (they differ by {difference:.2g}); "
            "train it again with the libraries of this machine"
        )
    return runtime
