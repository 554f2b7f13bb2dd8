"""Reads a person's whole history from the kept counts, and the newest days of everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mood_core.domain.days import day_of
from mood_core.domain.records import ALL_MOODS
from mood_core.report.page_data import plain_rows
from mood_core.report.recap import no_listens
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import Account
from mood_core.web.people import Person
from mood_core.web.read_period import read_gaps
from mood_core.web.shares import MoodShare, mood_shares, reach, read_days

STRIP_DAYS = 30
MOST_PEOPLE = 60
_TOP = 5


@dataclass(frozen=True, slots=True, eq=False)
class Year:
    """A year's listens by month (12) and mood; ``listens`` is their sum by mood."""

    year: int
    months: list[dict[str, int]]

    @property
    def listens(self) -> dict[str, int]:
        """The listens of the year by mood."""
        return {mood: sum(month[mood] for month in self.months) for mood in ALL_MOODS}


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """What the page of a person shows. ``recent`` are the shares of the last 30 days with listens."""

    reach: tuple[date, date] | None
    years: list[Year]
    recent: list[MoodShare]
    hours: list[dict[str, int]]
    top_tracks: list[dict[str, Any]]
    open_gaps: int

    @property
    def most(self) -> int:
        """The most listens of one month, at least 1."""
        return max(1, *(sum(month.values()) for year in self.years for month in year.months))

    @property
    def busiest_hour(self) -> int:
        """The most listens of one hour of the day, at least 1."""
        return max(1, *(sum(hour.values()) for hour in self.hours))


def read_overview(database: Database, account: Account) -> Overview:
    """The whole history of ``account``, at a cost that does not grow with the listens.

    Raises:
        StoreError: The database cannot be read.
    """
    values = {"user": account.user_id}
    with database.read() as connection:
        bounds = reach(connection, account.user_id)
        months = plain_rows(row._asdict() for row in connection.execute(query("web_months"), values))
        hours = connection.execute(query("web_hours"), values).all()
        top = plain_rows(row._asdict() for row in connection.execute(query("web_top_tracks"), values | {"most": _TOP}))
        last = bounds[1] if bounds else day_of(0)
        recent = read_days(connection, account.user_id, last - timedelta(days=STRIP_DAYS - 1), last)
        gaps = read_gaps(connection, account)
    by_hour = [no_listens() for _ in range(24)]
    for row in hours:
        by_hour[row.hour][row.mood] += row.listens
    open_gaps = sum(not gap["filled"] for gap in gaps)
    return Overview(bounds, _years(months), mood_shares(recent), by_hour, top, open_gaps)


def _years(rows: list[dict[str, Any]]) -> list[Year]:
    years: dict[int, Year] = {}
    for row in rows:
        year, month = int(row["month"][:4]), int(row["month"][5:7])
        found = years.setdefault(year, Year(year, [no_listens() for _ in range(12)]))
        found.months[month - 1][row["mood"]] += row["listens"]
    if not years:
        return []
    span = range(max(years), min(years) - 1, -1)
    return [years.get(year) or Year(year, [no_listens() for _ in range(12)]) for year in span]


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """A person on the first page: the listens by mood of each of the newest days, up to the day ``last``."""

    person: Person
    last: date
    days: list[dict[str, int]]

    @property
    def listens(self) -> dict[str, int]:
        """The listens of these days by mood."""
        return {mood: sum(day[mood] for day in self.days) for mood in ALL_MOODS}

    @property
    def most(self) -> int:
        """The most listens of one day, at least 1."""
        return max(1, *(sum(day.values()) for day in self.days))


def read_glances(database: Database, people: list[Person], last: date) -> list[Glance]:
    """The last days of ``people`` (at most :data:`MOST_PEOPLE` of them) up to ``last``.

    Raises:
        StoreError: The database cannot be read.
    """
    first = last - timedelta(days=STRIP_DAYS - 1)
    glances = []
    with database.read() as connection:
        for person in people[:MOST_PEOPLE]:
            days = [no_listens() for _ in range(STRIP_DAYS)]
            for one in read_days(connection, person.account.user_id, first, last):
                days[(one.day - first).days][one.mood] += one.listens
            glances.append(Glance(person, last, days))
    return glances
