"""How a play ended, as an extended history reports it: one small number per play, so that millions fit in memory. Pure.

The number is 0 if nothing is known. Otherwise it has three digits: the reason (0 unknown, else its position in
:data:`END_REASONS`, from 1), skipped and shuffle (each 0 unknown, 1 no, 2 yes).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OTHER_REASON = "other"

END_REASONS = (
    "appload",
    "backbtn",
    "clickrow",
    "clickside",
    "endplay",
    "fwdbtn",
    "logout",
    "playbtn",
    "popup",
    "reload",
    "remote",
    "trackdone",
    "trackerror",
    "unexpected-exit",
    "unexpected-exit-while-paused",
    "unknown",
    "uriopen",
    OTHER_REASON,
)
"""Spotify's words for why a play ended. A word that is not here becomes ``other``, so that no free text is stored."""

UNKNOWN_END = 0

_POSITIONS = {reason: position for position, reason in enumerate(END_REASONS, start=1)}
_STATES = 3


class PlayEnds(NamedTuple):
    """The digits of n plays, each (n,): ``skipped`` and ``shuffle`` (0 unknown, 1 no, 2 yes), ``reason``."""

    skipped: NDArray[np.int64]
    shuffle: NDArray[np.int64]
    reason: NDArray[np.int64]


def end_code(skipped: Any, shuffle: Any, reason: Any) -> int:
    """The number of a play from the values of an export; a value of another type is unknown."""
    position = _POSITIONS.get(reason, _POSITIONS[OTHER_REASON]) if reason and isinstance(reason, str) else 0
    return (position * _STATES + _state(skipped)) * _STATES + _state(shuffle)


def decode_ends(codes: NDArray[np.int64]) -> PlayEnds:
    """The digits of the numbers ``codes`` (n,)."""
    return PlayEnds(codes // _STATES % _STATES, codes % _STATES, codes // _STATES**2)


def _state(value: Any) -> int:
    return 0 if not isinstance(value, bool) else 1 + value
