"""Merges the window of recent listens into the stored listens and detects gaps. Pure.

Spotify returns only the last 50 listens. Listens can appear hours late, before others that are stored already, so each
pull compares the whole window with the stored listens.

When the window is full and its oldest listen is not stored yet, older listens may have left the window before they were
seen. The time between that listen and the newest stored one before it is a gap. Usually more than 50 plays since the
last pull cause it, or a long offline session that appears between stored listens. Late listens that are older than the
whole window cannot be detected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mood_core.domain.bounds import CLOCKS_DIFFER
from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import Gap, Listen

Key = tuple[datetime, str]
"""(played_at, track id): a listen of one person."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Result of a merge: the listens that are not stored yet, oldest first, and the gap before them, if any."""

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
    """Compare a window with the stored listens.

    Args:
        user_id: whose window it is.
        listens: the window's listens.
        full: whether it has the maximum number of items.
        oldest_at: the time of its oldest item of any kind; None if the window is empty.
        stored: the person's stored listens since ``oldest_at``, from all sources.
        before: the time of the newest stored listen before ``oldest_at``; None without one.
        now: when the window was read.
    """
    by_key = {(listen.played_at, listen.track_id): listen for listen in listens}
    new = tuple(by_key[key] for key in sorted(by_key) if key not in stored)
    gap = None
    if full and before is not None and oldest_at is not None and not _reaches_what_is_stored(by_key, stored):
        gap = Gap(user_id, starts_at=before, ends_at=oldest_at, found_at=now)
    return Merged(new, gap)


def _reaches_what_is_stored(window: Collection[Key], stored: Collection[Key]) -> bool:
    """Whether the window's oldest listen is stored; for a window without listens, whether any listen since it is."""
    return min(window) in stored if window else bool(stored)


def split_future(window: ListenWindow, now: datetime) -> tuple[ListenWindow, list[Listen]]:
    """``window`` without listens later than ``now`` plus a day, and those.

    If all listens are that late, this machine's clock is wrong and not the window: then it stays as it is.
    """
    late = [listen for listen in window.listens if listen.played_at > now + CLOCKS_DIFFER]
    if not late or len(late) == len(window.listens):
        return window, []
    return replace(window, listens=tuple(each for each in window.listens if each not in late)), late
