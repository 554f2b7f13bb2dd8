"""Compares two periods of one or two people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from mood_core.domain.days import local_span
from mood_core.domain.intervals import FEW
from mood_core.report.page_data import plain_rows
from mood_core.report.recap_period import Period
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.web.people import Person
from mood_core.web.shares import MoodShare, mood_shares, read_days

_MOST = 100
_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two things that are compared, with its most played tracks; ``until`` as in a recap."""

    person: Person
    period: Period
    until: date | None
    shares: list[MoodShare]
    tracks: list[dict[str, Any]]

    @property
    def total(self) -> int:
        """All listens."""
        return self.shares[0].of


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A mood's share on both sides."""

    one: MoodShare
    other: MoodShare

    @property
    def points(self) -> int:
        """The difference in percentage points."""
        return round(100 * self.other.share) - round(100 * self.one.share)

    @property
    def words(self) -> str:
        """Whether the 90% intervals of the expected shares overlap; empty for few listens."""
        if min(self.one.of, self.other.of) < FEW or self.one.interval is None or self.other.interval is None:
            return ""
        apart = self.one.interval[1] < self.other.interval[0] or self.other.interval[1] < self.one.interval[0]
        return "clear" if apart else "within the intervals"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two sides, the differences by mood, and the tracks that are among the most played of both."""

    sides: tuple[Side, Side]
    differences: list[Difference]
    common: list[dict[str, Any]]


def compare(database: Database, sides: list[tuple[Person, Period]], today: Callable[[Person], date]) -> Comparison:
    """Compare two ``sides``; ``today`` has the local day of a person.

    Raises:
        StoreError: The database cannot be read.
    """
    one, other = (_side(database, person, period, today(person)) for person, period in sides)
    differences = [Difference(*pair) for pair in zip(one.shares, other.shares, strict=True)]
    there = {row["track_id"]: row["listens"] for row in other.tracks}
    common = [row | {"there": there[row["track_id"]]} for row in one.tracks if row["track_id"] in there]
    return Comparison((one, other), differences, common[:_SHOWN])


def _side(database: Database, person: Person, period: Period, today: date) -> Side:
    account = person.account
    since, end = local_span((period.first, period.last), account.timezone)
    values = {"user": account.user_id, "since": since, "end": end, "most": _MOST}
    with database.read() as connection:
        days = read_days(connection, account.user_id, period.first, period.last)
        tracks = plain_rows(row._asdict() for row in connection.execute(query("web_most_played"), values))
    return Side(person, period, period.last_so_far(today), mood_shares(days), tracks)
