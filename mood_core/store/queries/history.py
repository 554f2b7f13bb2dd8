"""Listens by mood and day, week, month, hour or weekday, and the newest listens, from the public views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any

from mood_core.domain.records import MOODS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

_OF_A_DAY: dict[str, Callable[[date], str | int]] = {
    "day": str,
    "week": lambda day: str(day - timedelta(days=day.weekday())),
    "month": lambda day: str(day)[:7],
    "weekday": date.isoweekday,
}
"""The periods that are made of days: which one a day belongs to. A week is shown as the Monday that begins it."""

GROUPINGS = (*_OF_A_DAY, "hour")
"""The kinds of periods."""


@dataclass(frozen=True, slots=True)
class MoodCount:
    """One person's listens in one ``period`` by mood; ``Unlabelled`` counts those without a mood.

    A period is a day or a week's Monday (YYYY-MM-DD), a month (YYYY-MM), an hour (0-23), or a weekday (1 for Monday to
    7 for Sunday).
    """

    user_id: str
    display_name: str
    period: str | int
    listens: dict[str, int]

    @property
    def total(self) -> int:
        """All listens of the period."""
        return sum(self.listens.values())


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """The people (ids; None for all people) and the local days (both included) of a query."""

    user_ids: Sequence[str] | None = None
    first_day: date | None = None
    last_day: date | None = None

    def values(self) -> dict[str, str | Sequence[str]]:
        """The parameters of the query; their names are also its options."""
        first_day, last_day = (None if day is None else str(day) for day in (self.first_day, self.last_day))
        chosen = {"user_ids": self.user_ids, "first_day": first_day, "last_day": last_day}
        return {name: one for name, one in chosen.items() if one is not None}


def mood_counts(database: Database, by: str, chosen: HistoryFilter) -> list[MoodCount]:
    """Listens by mood for each period of the kind ``by`` (one of :data:`GROUPINGS`), oldest first."""
    values = chosen.values()
    rows = database.rows(query("hourly_counts" if by == "hour" else "daily_counts", *values), values)
    period_of = attrgetter("hour") if by == "hour" else lambda row: _OF_A_DAY[by](date.fromisoformat(str(row.day)))
    return _summed((row.user_id, row.display_name, period_of(row), {row.mood: row.listens}) for row in rows)


def months_of(days: Iterable[MoodCount]) -> list[MoodCount]:
    """The counts of ``days`` by month, without another query."""
    return _summed((day.user_id, day.display_name, str(day.period)[:7], day.listens) for day in days)


def _summed(counted: Iterable[tuple[str, str, str | int, Mapping[str, int]]]) -> list[MoodCount]:
    periods: dict[tuple[str, str, str | int], dict[str, int]] = {}
    for user_id, name, period, listens in counted:
        counts = periods.setdefault((user_id, name, period), dict.fromkeys((*MOODS, "Unlabelled"), 0))
        for mood, count in listens.items():
            counts[mood] += count
    return sorted(
        (MoodCount(*key, counts) for key, counts in periods.items()), key=lambda one: (one.user_id, one.period)
    )


def latest_listens(database: Database, chosen: HistoryFilter, limit: int) -> list[dict[str, Any]]:
    """The newest ``limit`` listens with their moods, newest first; times as ISO 8601 text."""
    values = chosen.values()
    rows = database.rows(query("latest_listens", *values), values | {"limit": limit})
    return [{name: _plain(value) for name, value in row._asdict().items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # as on SQLite
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if isinstance(value, date) else value
