"""moodlog's library: listens, audio features, moods. It knows nothing of Prefect.

``mood_core.score`` gives audio features in Arrow their moods, and ``mood_core.score.score_batches`` does so in engines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mood_core.classifier.scoring import score

__all__ = ["score"]


def __getattr__(name: str) -> Any:
    if name == "score":  # loaded on first use: importing a part of mood_core must not import pyarrow
        return import_module("mood_core.score")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
