"""Decides how often to pull an account: often enough that the 50-item window never overflows.

The interval is the shortest time in which the person filled half a window in the last two weeks, limited to 30 minutes
to 12 hours. It is 2 hours without data. The busiest period counts and not the mean, so that one evening of listening
after quiet days is not lost. Accounts that did not fill half a window in two weeks have an interval of 12 hours: at
that pace a window lasts a month. If the quota does not allow these intervals, all of them become longer.

The first pull of a day reads the plays of two weeks. The next ones compare its result with the plays since, so an
import of earlier plays counts on the next day, and the shortest time is kept until then.
"""

from __future__ import annotations

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
        plays: number of plays.
        half_window: the shortest time from one play to the 25th after it; None with fewer than 26 plays.
    """

    plays: int = 0
    half_window: timedelta | None = None


def interval(pace: Pace) -> timedelta:
    """The time between two pulls of a person who listens at ``pace``."""
    if not pace.plays:
        return UNKNOWN
    return min(max(pace.half_window or LONGEST, SHORTEST), LONGEST)


def within_quota(accounts: int, daily_budget: int | None) -> timedelta:
    """The shortest interval at which ``accounts`` use at most 80% of ``daily_budget`` calls a day."""
    if not daily_budget:
        return timedelta(0)
    return timedelta(days=accounts / (daily_budget * _QUOTA_SHARE))


def most_accounts(daily_budget: int) -> int:
    """The number of accounts that ``daily_budget`` allows to pull once a year; more change no schedule."""
    return int(daily_budget * _QUOTA_SHARE * 365) + 1


def reason(pace: Pace, floor: timedelta) -> str:
    """Explain an account's interval; ``floor`` is the shortest one that the quota allows."""
    if floor > interval(pace):
        return "limited by the daily call budget"
    if not pace.plays:
        return "no plays in two weeks"
    if pace.half_window is None:
        return f"only {pace.plays} plays in two weeks"
    minutes = round(pace.half_window / timedelta(minutes=1))
    return f"{HALF_WINDOW} plays in {_spoken(minutes)} at the busiest"


def due_at(pulled_at: datetime, pace: Pace) -> datetime:
    """When an account that was pulled at ``pulled_at`` is due again.

    It is a minute early, so that a schedule with some seconds of jitter does not skip every other run.
    """
    return pulled_at + interval(pace) - _TICK


def pulled_until(now: datetime, accounts: int, daily_budget: int | None) -> datetime:
    """The latest last pull of accounts that ``daily_budget`` calls a day allow to pull again ``now``."""
    return now - within_quota(accounts, daily_budget) + _TICK


def _spoken(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
