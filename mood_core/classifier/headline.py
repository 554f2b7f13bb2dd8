"""The summary of a model's quality that people see, from its card: new curators first, the upper limit last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mood_core.classifier.model_card import ModelCard


def headline(card: ModelCard) -> str:
    """How often the model agrees with a new curator and within one curator's playlists, and the upper limit.

    A number that the card does not have is omitted. If it is the first one, the text says that it was not measured.
    """
    return " ".join(_sentences(card))


def _sentences(card: ModelCard) -> Iterator[str]:
    metrics = card.metrics
    if card.protocol.get("group_by") == "source":
        share = _share(metrics, "accuracy")
        yield f"On a curator never seen, {card.model_version} agrees with the curator on {share}."
        yield from _said("Inside one curator's playlists it agrees on {}.", metrics, "inside", "mean", "accuracy")
    else:
        yield f"On a curator never seen, {card.model_version} was not measured."
        yield from _said("Inside the playlists it was trained on, it agrees on {}.", metrics, "accuracy")
    yield from _said("Two curators agree on {} that they share.", metrics, "agreement", "share")
    sets = metrics.get("mood_sets")
    if sets and sets.get("left_out"):
        yield (
            f"The 90% sets have {sets['size']:.1f} moods on average; on a curator never seen they hold the curator's "
            f"mood for {sets['coverage']:.0%} of the tracks."
        )


def _said(sentence: str, metrics: Mapping[str, Any], *path: str) -> Iterator[str]:
    if _found(metrics, *path) is not None:
        yield sentence.format(_share(metrics, *path))


def _share(metrics: Mapping[str, Any], *path: str) -> str:
    return f"{_found(metrics, *path):.0%} of the tracks"


def _found(metrics: Mapping[str, Any], *path: str) -> float | None:
    value: Any = metrics
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int | float) else None
