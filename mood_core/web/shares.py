"""Shares of moods with their 90% intervals, from the kept daily counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from mood_core.domain.days import day_number, day_of
from mood_core.domain.intervals import share_interval
from mood_core.domain.records import ALL_MOODS, MOODS
from mood_core.store.engine.named_queries import query


@dataclass(frozen=True, slots=True)
class MoodShare:
    """How many of some listens have a mood, and its expected share (0-1) with the 90% interval.

    For the expected share a listen counts for each mood by its probability. It can differ from ``share``, for which a
    listen counts for its most probable mood. Both are None for Unlabelled.
    """

    mood: str
    listens: int
    of: int
    expected: float | None
    interval: tuple[float, float] | None

    @property
    def share(self) -> float:
        """The share of all listens, 0-1."""
        return self.listens / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class DayCount:
    """The listens of a mood on a day, with the mean and variance by the model's probabilities."""

    day: date
    mood: str
    listens: int
    expected: float
    variance: float


def read_days(connection: Connection, user_id: str, first: date, last: date) -> list[DayCount]:
    """A person's days from ``first`` to ``last``, both included."""
    values = {"user": user_id, "first": day_number(first), "last": day_number(last)}
    return [
        DayCount(day_of(row.day), row.mood, row.listens, row.expected_listens, row.listens_variance)
        for row in connection.execute(query("recap_days"), values)
    ]


def reach(connection: Connection, user_id: str) -> tuple[date, date] | None:
    """The first and the last day with listens of a person; None without listens."""
    row = connection.execute(query("web_days_with_listens"), {"user": user_id}).one()
    if row.first_day is None:
        return None
    return day_of(row.first_day), day_of(row.last_day)


def mood_shares(days: Sequence[DayCount]) -> list[MoodShare]:
    """Each mood's share of the listens of ``days``, Unlabelled last."""
    counts = listens_by_mood(days)
    total, labelled = sum(counts.values()), sum(counts[mood] for mood in MOODS)
    return [
        MoodShare(mood, counts[mood], total, *_expected([day for day in days if day.mood == mood], total, labelled))
        if mood in MOODS and total
        else MoodShare(mood, counts[mood], total, None, None)
        for mood in ALL_MOODS
    ]


def _expected(days: Sequence[DayCount], total: int, labelled: int) -> tuple[float, tuple[float, float]]:
    """A mood's expected share of ``total`` listens with its 90% interval."""
    mean, variance = sum(day.expected for day in days), sum(day.variance for day in days)
    return mean / total, share_interval(mean, variance, labelled, total)


def listens_by_mood(days: Iterable[DayCount]) -> dict[str, int]:
    """The listens of ``days`` by mood."""
    counts = dict.fromkeys(ALL_MOODS, 0)
    for day in days:
        counts[day.mood] += day.listens
    return counts


def leading(counts: dict[str, int]) -> str | None:
    """The most frequent mood, the first by name of equals; None without labelled listens."""
    top = max(MOODS, key=lambda mood: counts.get(mood, 0))
    return top if counts.get(top) else None
