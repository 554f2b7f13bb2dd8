"""What a model's moods mean by the features of their training tracks, and how that differs between two models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mood_core.classifier.model_card import ModelCard

_NOTABLE = {"instrumental": 0.15, "energy": 0.1, "valence": 0.1, "acousticness": 0.15, "loudness": 3.0}
"""By feature, the difference from which on a mood means something else (shares of 1; loudness in dB)."""


def changed_moods(new: ModelCard, old: ModelCard) -> dict[str, str]:
    """By mood, how its training tracks differ from those of ``old``; only moods that differ notably.

    The cards state the features as ``metrics["moods"]``. A card without them, or without the mood, has no differences.
    """
    before = old.metrics.get("moods", {})
    found = {
        mood: ", ".join(_differences(meaning, before[mood]))
        for mood, meaning in new.metrics.get("moods", {}).items()
        if mood in before
    }
    return {mood: differences for mood, differences in found.items() if differences}


def _differences(new: Mapping[str, float], old: Mapping[str, float]) -> Iterator[str]:
    for feature, notable in _NOTABLE.items():
        if abs(new[feature] - old[feature]) >= notable:
            yield f"{_value(feature, old[feature])} -> {_value(feature, new[feature], named=False)}"


def _value(feature: str, value: float, *, named: bool = True) -> str:
    shown = {"instrumental": f"{value:.0%}", "loudness": f"{value:.1f} dB"}.get(feature, f"{value:.2f}")
    return f"{feature} {shown}" if named else shown
