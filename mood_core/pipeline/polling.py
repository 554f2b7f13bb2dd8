"""How often to pull an account: often enough that its window of 50 listens never overflows, and no oftener.

The rule: pull as often as half a window was filled at the person's busiest in the last two weeks, between 30 minutes
and 12 hours; two hours while too little is known. The busiest stretch counts, not the mean, because one evening of
listening must not be lost after days of silence. Where the quota does not allow that for everybody, all wait longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

HALF_WINDOW = 25
LOOK_BACK = timedelta(days=14)
SHORTEST = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
UNKNOWN = timedelta(hours=2)
_QUOTA_SHARE = 0.8
_TICK = timedelta(minutes=1)


def interval(plays: Sequence[datetime]) -> timedelta:
    """How long to wait between two pulls of a person who played at ``plays`` (any order, the last two weeks').

    Fewer than 26 plays never filled half a window: unknown with none at all, else as quiet as can be.
    """
    ordered = sorted(plays)
    if not ordered:
        return UNKNOWN
    spans = [late - early for early, late in zip(ordered, ordered[HALF_WINDOW:], strict=False)]
    return min(max(min(spans, default=LONGEST), SHORTEST), LONGEST)


def within_quota(accounts: int, daily_budget: int | None) -> timedelta:
    """The shortest wait at which ``accounts`` use no more than 80 % of ``daily_budget`` calls a day."""
    if not daily_budget:
        return timedelta(0)
    return timedelta(days=accounts / (daily_budget * _QUOTA_SHARE))


def due(
    last_pulled: Mapping[str, datetime | None],
    plays: Mapping[str, Sequence[datetime]],
    *,
    now: datetime,
    daily_budget: int | None,
) -> list[str]:
    """Those of the accounts in ``last_pulled`` that are to be pulled ``now``, in the order of their ids.

    A minute early counts as due, so that a schedule whose runs begin some seconds apart does not skip every other one.
    """
    floor = within_quota(len(last_pulled), daily_budget)
    return [
        user_id
        for user_id, pulled in sorted(last_pulled.items())
        if pulled is None or now - pulled >= max(interval(plays.get(user_id, ())), floor) - _TICK
    ]
