"""How often to pull an account: often enough that its window of 50 listens never overflows, and no oftener.

The rule: pull as often as half a window was filled at the person's busiest in the last two weeks, between 30 minutes
and 12 hours; two hours while nothing is known. The busiest stretch counts, not the mean, because one evening of
listening must not be lost after days of silence. Who did not fill half a window in two weeks waits 12 hours: at that
pace a window lasts a month. Where the quota does not allow that for everybody, all wait longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

HALF_WINDOW = 25
LOOK_BACK = timedelta(days=14)
SHORTEST = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
UNKNOWN = timedelta(hours=2)
_QUOTA_SHARE = 0.8
_TICK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a person listened in the last two weeks.

    Attributes:
        plays: how many plays there were.
        half_window: the shortest time from one play to the 25th after it; None with fewer than 26 plays.
    """

    plays: int = 0
    half_window: timedelta | None = None


def interval(pace: Pace) -> timedelta:
    """How long to wait between two pulls of a person who listens at ``pace``."""
    if not pace.plays:
        return UNKNOWN
    return min(max(pace.half_window or LONGEST, SHORTEST), LONGEST)


def within_quota(accounts: int, daily_budget: int | None) -> timedelta:
    """The shortest wait at which ``accounts`` use no more than 80 % of ``daily_budget`` calls a day."""
    if not daily_budget:
        return timedelta(0)
    return timedelta(days=accounts / (daily_budget * _QUOTA_SHARE))


def reason(pace: Pace, floor: timedelta) -> str:
    """Why a person waits as long as they do, for people; ``floor`` is what the quota allows."""
    if floor > interval(pace):
        return "the daily budget of calls allows no more"
    if not pace.plays:
        return "no plays in two weeks"
    if pace.half_window is None:
        return f"only {pace.plays} plays in two weeks"
    minutes = round(pace.half_window / timedelta(minutes=1))
    return f"{HALF_WINDOW} plays in {_spoken(minutes)} at the busiest"


def due(
    last_pulled: Mapping[str, datetime | None],
    paces: Mapping[str, Pace],
    *,
    now: datetime,
    daily_budget: int | None,
) -> list[str]:
    """Those of the accounts in ``last_pulled`` that are to be pulled ``now``, in the order of their ids.

    A minute early counts as due, so that a schedule whose runs begin some seconds apart does not skip every other one.
    So does a pull later than ``now``, which a wrong clock has dated.
    """
    floor = within_quota(len(last_pulled), daily_budget)
    return [
        user_id
        for user_id, pulled in sorted(last_pulled.items())
        if pulled is None or not pulled <= now < pulled + max(interval(paces.get(user_id, Pace())), floor) - _TICK
    ]


def _spoken(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
