"""How a play ended, as an extended history reports it: one small number per play, so that millions fit in memory. Pure.

The number is 0 if nothing is known. Otherwise its first digit is the reason (0 unknown, else its position in
:data:`END_REASONS`, from 1), and each of :data:`FLAGS` has one (0 unknown, 1 no, 2 yes).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "skipped": "the person skipped it",
        "shuffle": "shuffle was on",
    }
)
"""The fields that are true, false or unknown, with their meaning: columns of the dataset ``listens``."""

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
_FLAGS = tuple(FLAGS)


class PlayEnds(NamedTuple):
    """The digits of n plays, each (n,): of each of :data:`FLAGS` by name, and of the ``reason``."""

    flags: dict[str, NDArray[np.int64]]
    reason: NDArray[np.int64]


def end_code(row: Mapping[str, Any]) -> int:
    """The number of a play from its ``row`` of an export; a value of another type is unknown."""
    reason = row.get("reason_end")
    code = _POSITIONS.get(reason, _POSITIONS[OTHER_REASON]) if reason and isinstance(reason, str) else 0
    for flag in _FLAGS:
        value = row.get(flag)
        code = code * _STATES + (1 + value if isinstance(value, bool) else 0)
    return code


def decode_ends(codes: NDArray[np.int64]) -> PlayEnds:
    """The digits of the numbers ``codes`` (n,)."""
    flags = {}
    for flag in reversed(_FLAGS):
        codes, flags[flag] = np.divmod(codes, _STATES)
    return PlayEnds(flags, codes)
