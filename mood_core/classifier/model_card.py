"""The model card: what a saved model is, what it was trained on, and which files belong to it.

A model is a folder: ``model_card.json`` (this), ``model.keras`` (the truth), ``model.tflite`` (the same for LiteRT),
``golden.json`` (inputs with their outputs) and files for people. The card has the sha256 of the files and of itself
(``card_sha256``), so a changed card or file is detected. This protects against accidents and careless edits; it is not
a signature.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mood_core.classifier.card_form import WrongValue, build
from mood_core.domain.records import ESTIMATED_PREFIX
from mood_core.errors import ModelCardMismatch, ModelNotFound
from mood_core.files.outside import read_bounded

if TYPE_CHECKING:
    from pathlib import Path

CARD_FORMAT = 1
"""Increased when fields of the card change their meaning."""

CARD_FILE = "model_card.json"
KERAS_FILE = "model.keras"
LITERT_FILE = "model.tflite"
GOLDEN_FILE = "golden.json"
TRACKS_FILE = "trained_on.bin"
"""Hashes of the training tracks' ids, ISRCs and features: sorted little-endian uint64, see training/identity.py."""

_MOST_BYTES = 4 << 20

PLAIN_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
"""What a model's name, its version and its files may be called: each becomes part of a path."""


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One input of the model, as the training data had it, in ``unit``.

    ``minimum`` and ``maximum`` are the training range; ``bin_edges`` (inner edges, ascending) and ``bin_shares`` (one
    more, summing to 1) describe its distribution there, for drift; ``median`` is the neutral value.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    median: float
    may_be_missing: bool
    bin_edges: tuple[float, ...]
    bin_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything that is needed to use and to evaluate a model.

    ``threshold`` in [0, 1]: a label whose probability is below it is marked uncertain. ``range_margin``: the share of
    a feature's training range by which a value may lie outside it before the track counts as out of distribution.
    ``temperature`` > 0 already acts inside the model; it is stated, not applied. ``preprocessing`` says how raw
    features become inputs, also inside the model. ``files`` maps each file's name to its sha256.
    """

    name: str
    version: str
    created_at: str
    classes: tuple[str, ...]
    features: tuple[FeatureSpec, ...]
    threshold: float
    threshold_rule: str
    range_margin: float
    temperature: float
    preprocessing: Mapping[str, Any]
    training: Mapping[str, Any]
    protocol: Mapping[str, Any]
    metrics: Mapping[str, Any]
    intended_use: str
    limits: tuple[str, ...]
    not_for: tuple[str, ...]
    libraries: Mapping[str, str]
    weights_sha256: str
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = CARD_FORMAT

    @property
    def model_version(self) -> str:
        """``name/version``, which every mood carries."""
        return f"{self.name}/{self.version}"

    @property
    def takes_estimated(self) -> bool:
        """Whether the model is for estimated features, and for them only."""
        return self.name.startswith(ESTIMATED_PREFIX)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The inputs' names in the model's order."""
        return tuple(feature.name for feature in self.features)

    @property
    def set_thresholds(self) -> tuple[float, ...] | None:
        """The threshold of each class for sets of moods, in the order of ``classes``; None for a model without sets.

        They are stored as ``metrics["mood_sets"]["thresholds"]``, by class.
        """
        stated = self.metrics.get("mood_sets")
        return None if stated is None else tuple(float(stated["thresholds"][name]) for name in self.classes)


def read_card(folder: Path) -> ModelCard:
    """The card in ``folder``.

    Raises:
        ModelNotFound: there is no such folder or no card in it.
        ModelCardMismatch: the card is not JSON, of another format, incomplete, or was changed after training.
    """
    path = folder / CARD_FILE
    try:
        text = read_bounded(path, _MOST_BYTES, error=ModelCardMismatch).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelNotFound(
            f"there is no model in {folder}: {CARD_FILE} is absent; name a folder that moodlog train has written"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelCardMismatch(f"{path} cannot be read ({error}); copy the model folder again") from error
    return _parse(text, path)


def write_card(card: ModelCard, folder: Path) -> Path:
    """Write ``card`` into ``folder`` as ``model_card.json``; returns its path."""
    body = _plain(card)
    path = folder / CARD_FILE
    text = json.dumps({**body, "card_sha256": _digest(body)}, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _parse(text: str, path: Path) -> ModelCard:
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelCardMismatch(
            f"{path} is not JSON (line {error.lineno}: {error.msg}); copy the model folder again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelCardMismatch(f"{path} is not a model card; copy the model folder again") from error
    if not isinstance(raw, dict):
        raise ModelCardMismatch(f"{path} is not a model card; copy the model folder again")
    stated = raw.pop("card_sha256", None)
    if raw.get("format") != CARD_FORMAT:
        raise ModelCardMismatch(
            f"{path} has the format {raw.get('format')!r} where this moodlog reads {CARD_FORMAT}; "
            "use the moodlog that trained the model, or train it again"
        )
    if stated is None or stated != _digest_of_any(raw):
        raise ModelCardMismatch(f"{path} was changed after training; copy the model folder again or train it again")
    return _build(raw, path)


def _build(raw: dict[str, Any], path: Path) -> ModelCard:
    known = {item.name for item in fields(ModelCard)}
    wrong = sorted(known ^ raw.keys())
    if wrong:
        raise ModelCardMismatch(f"{path} has wrong or missing fields ({', '.join(wrong)}); train the model again")
    try:
        card = build(ModelCard, raw)
    except WrongValue as error:
        raise ModelCardMismatch(f"{path} holds {error}; train the model again") from error
    except OverflowError as error:
        raise ModelCardMismatch(f"{path} holds a number that is too large; train the model again") from error
    problem = _problem(card)
    if problem is not None:
        raise ModelCardMismatch(f"{path} says that {problem}; train the model again")
    return card


def _problem(card: ModelCard) -> str | None:
    """The invalid value of a card whose fields have the right types, or None."""
    names = {"name": card.name, "version": card.version, **{f"file {name!r}": name for name in card.files}}
    bad = next((what for what, name in names.items() if not PLAIN_NAME.fullmatch(name)), None)
    if bad is not None:
        return f"its {bad} is not letters, digits, '-', '_' and '.'"
    if len(set(card.classes)) != len(card.classes) or len(card.classes) < 2:
        return "its classes are not at least two different ones"
    if not (0 <= card.threshold <= 1 and card.range_margin >= 0 and card.temperature > 0):
        return "its threshold, range margin or temperature is out of range"
    if not _sets_fit(card):
        return "its metrics.mood_sets has no threshold from 0 to 1 for each class"
    return next((f"its feature {each.name} has an impossible range" for each in card.features if _is_odd(each)), None)


def _sets_fit(card: ModelCard) -> bool:
    try:
        thresholds = card.set_thresholds
    except (KeyError, TypeError, ValueError):
        return False
    return thresholds is None or all(0 < threshold <= 1 for threshold in thresholds)


def _is_odd(feature: FeatureSpec) -> bool:
    edges, shares = feature.bin_edges, feature.bin_shares
    fits = len(shares) == len(edges) + 1 if shares else not edges
    rising = all(one < other for one, other in pairwise(edges))
    return not (fits and rising and all(share >= 0 for share in shares) and feature.minimum <= feature.maximum)


def _plain(card: ModelCard) -> dict[str, Any]:
    """The card as JSON holds it: tuples as lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(card), ensure_ascii=False, allow_nan=False))
    return plain


def _digest_of_any(raw: dict[str, Any]) -> str | None:
    """The digest of a card of any origin; None if it has values that no card can have, such as NaN."""
    try:
        return _digest(raw)
    except (ValueError, RecursionError):
        return None


def _digest(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
