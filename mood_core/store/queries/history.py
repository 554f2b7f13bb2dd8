"""Listens by mood and day, week, month, year, hour or weekday, and the newest listens, from the public views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from mood_core.domain.days import day_number, day_of
from mood_core.domain.records import ALL_MOODS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.text.names import name_order

_DAY_MS = 86_400_000
_PERIODS: dict[str, Callable[[Any], str | int]] = {
    "day": lambda day: str(day_of(day)),
    "week": lambda monday: str(day_of(monday)),
    "month": lambda first_day: str(first_day)[:7],
    "year": lambda first_day: str(first_day)[:4],
    "weekday": int,
    "person": str,
}
"""The periods that are made of days: how the value of the statement ``mood_counts`` is shown."""

GROUPINGS = (*_PERIODS, "hour")
"""The kinds of periods."""


class MoodCount(NamedTuple):
    """One person's ``listens`` in one ``period``, in the order of ``ALL_MOODS``.

    A period is a day or a week's Monday (YYYY-MM-DD), a month (YYYY-MM), a year (YYYY), an hour (0-23), or a
    weekday (1 for Monday to 7 for Sunday), or all time: an empty text. A tuple, because there can be some 100,000.
    """

    user_id: str
    display_name: str
    period: str | int
    listens: tuple[int, ...]

    @property
    def total(self) -> int:
        """All listens of the period."""
        return sum(self.listens)


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """The people (ids; None for all people) and the local days (both included) of a query."""

    user_ids: Sequence[str] | None = None
    first_day: date | None = None
    last_day: date | None = None

    def days(self) -> dict[str, Any]:
        """The parameters of a query over days as numbers; their names are also its options."""
        first, last = (None if day is None else day_number(day) for day in (self.first_day, self.last_day))
        return _given(user_ids=self.user_ids, first=first, last=last)

    def times(self) -> dict[str, Any]:
        """The parameters of a query over listens; their names are also its options.

        A local day is within a day of the UTC day with its date: ``since`` and ``before`` bound what is read.
        """
        days = self.days()
        since = (days["first"] - 1) * _DAY_MS if "first" in days else None
        before = (days["last"] + 2) * _DAY_MS if "last" in days else None
        first_day, last_day = (None if day is None else str(day) for day in (self.first_day, self.last_day))
        return _given(user_ids=self.user_ids, since=since, before=before, first_day=first_day, last_day=last_day)


def mood_counts(database: Database, by: str, chosen: HistoryFilter) -> list[MoodCount]:
    """Listens by mood for each period of the kind ``by`` (one of :data:`GROUPINGS`): people by name, oldest first."""
    if by == "hour":
        return _by_hour(database, chosen)
    options = chosen.days()
    asked = query("day_counts", *options) if by == "day" else query("mood_counts", by, *options)
    rows = database.rows(asked, options)
    shown = lru_cache(maxsize=None)(_PERIODS[by])
    return _sorted(MoodCount(user_id, name, shown(period), tuple(numbers)) for user_id, name, period, *numbers in rows)


def days_with_listens(database: Database, chosen: HistoryFilter) -> int:
    """The number of days on which someone has listens."""
    return int(database.scalar(query("days_with_listens", *chosen.days()), chosen.days()) or 0)


def latest_listens(database: Database, chosen: HistoryFilter, limit: int) -> list[dict[str, Any]]:
    """The newest ``limit`` listens with their moods, newest first; times as ISO 8601 text."""
    values = chosen.times()
    newest = _given(user_ids=chosen.user_ids, before=values["before"] - 3 * _DAY_MS if "before" in values else None)
    since = database.scalar(query("time_of_newest", *newest), newest | {"limit": limit})
    if since is not None:
        values["since"] = max(since, values.get("since", since))
    rows = database.rows(query("latest_listens", *values), values | {"limit": limit})
    return [{name: _shown(value) for name, value in row._asdict().items()} for row in rows]


def _by_hour(database: Database, chosen: HistoryFilter) -> list[MoodCount]:
    values = chosen.times()
    if values.keys() - {"user_ids"}:
        rows = list(database.rows(query("hourly_counts_of_days", *values), values))
    else:
        # One person at a time: SQLite would read all people for a list of them.
        people = [{}] if chosen.user_ids is None else [{"user_id": each} for each in chosen.user_ids]
        rows = [row for person in people for row in database.rows(query("hourly_counts", *person), person)]
    hours: dict[tuple[str, str, int], dict[str, int]] = {}
    for row in rows:
        counts = hours.setdefault((row.user_id, row.display_name, row.hour), dict.fromkeys(ALL_MOODS, 0))
        counts[row.mood] += row.listens
    return _sorted(MoodCount(*key, tuple(counts.values())) for key, counts in hours.items())


def _sorted(counts: Iterable[MoodCount]) -> list[MoodCount]:
    return sorted(counts, key=lambda one: (name_order(one.display_name), one.user_id, one.period))


def _given(**values: Any) -> dict[str, Any]:
    """The values that are given."""
    return {name: value for name, value in values.items() if value is not None}


def _shown(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # as on SQLite
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if isinstance(value, date) else value
