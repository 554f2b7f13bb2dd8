"""Reads one day of one person: each listen with its label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from mood_core.domain.days import local_span
from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import Account
from mood_core.web.labels import TrackLabel, track_label
from mood_core.web.read_period import read_gaps
from mood_core.web.shares import MoodShare, mood_shares, reach, read_days


@dataclass(frozen=True, slots=True)
class DayListen:
    """A listen at a local time, with the label of its track."""

    at: datetime
    ms_played: int | None
    label: TrackLabel


@dataclass(frozen=True, slots=True, eq=False)
class DayView:
    """What the page of a day shows. ``reach`` are the first and the last day with listens; None without listens."""

    day: date
    reach: tuple[date, date] | None
    shares: list[MoodShare]
    listens: list[DayListen]
    gaps: list[dict[str, object]]


def read_day(database: Database, account: Account, day: date) -> DayView:
    """The local ``day`` of ``account``.

    Raises:
        StoreError: The database cannot be read.
    """
    zone = ZoneInfo(account.timezone)
    since, end = local_span((day, day), account.timezone)
    with database.read() as connection:
        days = read_days(connection, account.user_id, day, day)
        values = {"user": account.user_id, "since": since, "end": end}
        rows = connection.execute(query("web_day_listens"), values).all()
        gaps = read_gaps(connection, account)
        bounds = reach(connection, account.user_id)
    listens = [
        DayListen(from_ms(row.played_at_ms).astimezone(zone), row.ms_played, track_label(row, 1)) for row in rows
    ]
    here = [gap for gap in gaps if gap["starts_at"][:10] <= str(day) <= gap["ends_at"][:10]]
    return DayView(day, bounds, mood_shares(days), listens, here)
