"""Reads a year or a month of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mood_core.report.listen_arrays import ListenArrays, read_listen_arrays
from mood_core.report.page_data import local_gap, page_rows, plain_rows
from mood_core.report.period_answers import ANSWERS, played_ms
from mood_core.report.queries import VIEWS, page_sql
from mood_core.report.recap import counted_before, minutes_of
from mood_core.report.recap_period import Period
from mood_core.store.engine.database import Database
from mood_core.store.queries.accounts import Account
from mood_core.web.labels import TrackLabel, least_certain
from mood_core.web.shares import DayCount, MoodShare, mood_shares, reach, read_days

_LISTS = ("totals", "tracks", "artists", "unlabelled", "sources")
_CHARTS = ("totals", "shares", "hours", "map")
_QUERIES = ("days", "shares", "months", "hours", "map")


@dataclass(frozen=True, slots=True, eq=False)
class PeriodView:
    """What the page of a period shows.

    ``until`` is the last day so far of a period that has not ended. ``reach`` are the first and the last day with
    listens; None without listens.
    ``lists`` has the results of page queries by name, ``charts`` the data of the report's charts.
    """

    period: Period
    until: date | None
    reach: tuple[date, date] | None
    days: list[DayCount]
    shares: list[MoodShare]
    before: list[MoodShare]
    minutes: int | None
    lists: dict[str, list[dict[str, Any]]]
    uncertain: list[TrackLabel]
    gaps: list[dict[str, Any]]
    charts: dict[str, Any]


def read_period(database: Database, account: Account, period: Period, today: date) -> PeriodView:
    """What is known of ``account`` in ``period``. The period before is counted as in a recap.

    Raises:
        StoreError: The database cannot be read.
    """
    until = period.last_so_far(today)
    with database.read() as connection:
        days = read_days(connection, account.user_id, period.first, period.last)
        before = read_days(connection, account.user_id, *counted_before(period, until))
        listens = read_listen_arrays(connection, account.user_id, account.timezone, (period.first, period.last))
        gaps = _gaps(connection, account, period)
        months = page_rows(connection, "page_months", _span(account, period))
        bounds = reach(connection, account.user_id)
    ms = played_ms(listens)
    timed = ms >= 0
    return PeriodView(
        period,
        until,
        bounds,
        days,
        mood_shares(days),
        mood_shares(before),
        minutes_of(int(ms[timed].sum())) if timed.any() else None,
        {name: plain_rows(ANSWERS[name](listens)) for name in _LISTS},
        least_certain(listens),
        gaps,
        _charts(account, period, days, listens, months),
    )


def _span(account: Account, period: Period) -> dict[str, str]:
    return {"user": account.user_id, "first": str(period.first), "last": str(period.last)}


def _gaps(connection: Connection, account: Account, period: Period) -> list[dict[str, Any]]:
    gaps = read_gaps(connection, account)
    last = str(period.last + timedelta(days=1))
    return [gap for gap in gaps if gap["ends_at"] >= str(period.first) and gap["starts_at"] < last]


def read_gaps(connection: Connection, account: Account) -> list[dict[str, Any]]:
    """The gaps of a person in their time zone, the newest first."""
    zone = ZoneInfo(account.timezone)
    return [local_gap(row, zone) for row in page_rows(connection, "page_gaps", {"user": account.user_id})]


def _charts(
    account: Account, period: Period, days: Sequence[DayCount], listens: ListenArrays, months: list[dict[str, Any]]
) -> dict[str, Any]:
    """The data of the charts, in the form of :func:`mood_core.report.page_data.page_data`."""
    by_day: dict[str, dict[str, int]] = {}
    for one in days:
        if one.listens:
            by_day.setdefault(str(one.day), {})[one.mood[0]] = one.listens
    answers: dict[str, Any] = {name: plain_rows(ANSWERS[name](listens)) for name in _CHARTS}
    shown = {"label": period.dates, "first": min(by_day, default=""), "last": max(by_day, default="")}
    return {
        "questions": {name: {"view": VIEWS[name], "sql": page_sql(name)} for name in _QUERIES},
        "people": [
            {
                "user_id": account.user_id,
                "name": account.display_name,
                "days": by_day,
                "months": months,
                "periods": [shown | answers],
            }
        ],
    }
