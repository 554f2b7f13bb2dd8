"""Merging the window of recent listens into what is stored. Pure.

Spotify shows the last 50 listens and nothing older. Listens can appear hours late and then stand before others that
were seen already, so the whole window is compared with what is stored, every time.

When the window is full and its oldest listen is not stored yet, that listen stands at the edge of what can be seen:
others before it may have dropped out unseen. Between it and the newest stored listen before it is a gap. Mostly that
is everything since the last pull, after more than 50 plays; or a part of a long offline session that appeared among
listens already stored. Nobody can see late listens that stood below the window as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from mood_core.domain.records import Gap, Listen

Key = tuple[datetime, str]
"""(played_at, track id): a listen of one person."""


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
    stored: Collection[Key],
    before: datetime | None,
    now: datetime,
) -> Merged:
    """Compare a window with what is stored.

    Args:
        user_id: whose window it is.
        listens: the window's listens.
        full: whether it had as many items as it can have.
        oldest_at: the time of its oldest item, whatever that was; None in an empty window.
        stored: the person's stored listens from ``oldest_at`` on, whatever source they came from.
        before: the time of the newest stored listen before ``oldest_at``; None where there is none.
        now: when the window was read.
    """
    by_key = {(listen.played_at, listen.track_id): listen for listen in listens}
    new = tuple(by_key[key] for key in sorted(by_key) if key not in stored)
    gap = None
    if full and before is not None and oldest_at is not None and not _reaches_what_is_stored(by_key, stored):
        gap = Gap(user_id, starts_at=before, ends_at=oldest_at, found_at=now)
    return Merged(new, gap)


def _reaches_what_is_stored(window: Collection[Key], stored: Collection[Key]) -> bool:
    """Whether the window's oldest listen is stored; where nothing in it is a listen, whether anything that late is."""
    return min(window) in stored if window else bool(stored)
