"""Merging the window of recent listens into what is stored. Pure.

Spotify shows the last 50 listens and nothing older. Listens can appear hours late and then stand before others that
were seen already, so the whole window is compared with what is stored, every time. When the window is full and even its
oldest listen is newer than everything stored, listens between the two may have been lost: that is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from mood_core.records import Gap, Listen


@dataclass(frozen=True, slots=True)
class Merged:
    """What a window brings: the listens that are not stored yet, oldest first, and the gap that may be before them."""

    new: tuple[Listen, ...]
    gap: Gap | None


def merge_window(
    user_id: str,
    listens: Iterable[Listen],
    *,
    full: bool,
    oldest_at: datetime | None,
    stored: AbstractSet[tuple[datetime, str]],
    watermark: datetime | None,
    now: datetime,
) -> Merged:
    """Compare a window with what is stored.

    Args:
        user_id: whose window it is.
        listens: the window's listens.
        full: whether it had as many items as it can have.
        oldest_at: the time of its oldest item, whatever that was; None in an empty window.
        stored: (played_at, track id) of the person's stored listens, at least from ``oldest_at`` on.
        watermark: the newest stored listen's time; None for a person without any.
        now: when the window was read.
    """
    by_key = {(listen.played_at, listen.track_id): listen for listen in listens}
    new = tuple(by_key[key] for key in sorted(by_key) if key not in stored)
    gap = None
    if full and watermark is not None and oldest_at is not None and oldest_at > watermark:
        gap = Gap(user_id, starts_at=watermark, ends_at=oldest_at, found_at=now)
    return Merged(new, gap)
