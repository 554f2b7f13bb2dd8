"""``mood_core.score``: the moods of audio features in Arrow.

``mood_core.score(data)`` scores a record batch, a table or a stream; ``mood_core.score.score_batches`` is for engines.
The module itself can be called, so that both names work however it was imported.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from mood_core.classifier.scoring import SCORES, score, score_batches

__all__ = ["SCORES", "score", "score_batches"]


class _Callable(ModuleType):
    def __call__(self, *args: Any, **named: Any) -> Any:
        return score(*args, **named)


sys.modules[__name__].__class__ = _Callable
