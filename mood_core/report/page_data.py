"""Collects the data of the mood page: the results of its queries for each person and period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mood_core.domain.records import from_ms
from mood_core.errors import InputError
from mood_core.report.listen_arrays import ListenArrays, read_listen_arrays
from mood_core.report.period_answers import ANSWERS, BY_PERIOD
from mood_core.report.queries import VIEWS, page_sql
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import Account
from mood_core.store.queries.forecast import forecast, what_helps
from mood_core.store.queries.selection import check_days

MOST_PEOPLE = 12
"""Maximum number of people on a page."""

_PLAIN = frozenset({int, str, type(None)})
_TRAILING = ((30, "Last 30 days"), (90, "Last 90 days"), (365, "Last 365 days"))


def page_data(
    database: Database,
    people: Sequence[Account],
    *,
    now: datetime,
    first_day: date | None = None,
    last_day: date | None = None,
    quality: str = "",
) -> dict[str, Any]:
    """The data of the page, as plain values for JSON.

    Args:
        database: has the views.
        people: the people on the page; at most :data:`MOST_PEOPLE`.
        now: the date of the page.
        first_day: leaves out local days before it.
        last_day: leaves out local days after it.
        quality: a sentence about the accuracy of the labels.

    Raises:
        InputError: Too many people for one page, or the first day is after the last.
        StoreError: The database cannot be read.
    """
    if len(people) > MOST_PEOPLE:
        raise InputError(f"{len(people)} people are too many for one page; name up to {MOST_PEOPLE} with --user")
    check_days(first_day, last_day)
    return {
        "made_at": now.isoformat(timespec="seconds"),
        "asked": {"first": first_day and str(first_day), "last": last_day and str(last_day)},
        "quality": quality,
        "questions": {name: {"view": view, "sql": page_sql(name)} for name, view in VIEWS.items()},
        "people": sorted(
            (_person(database, account, first_day, last_day) for account in people), key=_listens, reverse=True
        ),
    }


def _person(database: Database, account: Account, first_day: date | None, last_day: date | None) -> dict[str, Any]:
    with database.read() as connection:
        span = {
            "user": account.user_id,
            "first": str(first_day or "0001-01-01"),
            "last": str(last_day or "9999-12-31"),
        }
        listens = read_listen_arrays(connection, account.user_id, account.timezone)
        days = connection.execute(query("page_days"), span).all()
        periods = _periods([str(row.day) for row in (*days[:1], *days[-1:])], first_day, last_day)
        return {
            "user_id": account.user_id,
            "name": account.display_name,
            "timezone": account.timezone,
            "days": _by_day(days),
            "intervals": _intervals(days),
            "minutes": plain_rows(ANSWERS["minutes"](listens.between(first_day or date.min, last_day or date.max))),
            "months": page_rows(connection, "page_months", span),
            "gaps": [local_gap(row, ZoneInfo(account.timezone)) for row in page_rows(connection, "page_gaps", span)],
            "periods": [_period(listens, *period) for period in periods],
            "forecast": _forecast(database, account.user_id),
        }


def _forecast(database: Database, user_id: str) -> dict[str, Any]:
    """The share of the newest listens with a mood by year of release and source, and what raises it."""
    found = forecast(database, [user_id])
    return {
        "listens": found.listens,
        "with_mood": found.with_mood,
        "years": found.by_year,
        "sources": found.by_source,
        "remedies": what_helps(found),
        "note_on_years": found.note_on_years,
    }


def _listens(person: dict[str, Any]) -> int:
    return sum(sum(day.values()) for day in person["days"].values())


def _period(listens: ListenArrays, label: str, first: date, last: date) -> dict[str, Any]:
    listens = listens.between(first, last)
    answers: dict[str, Any] = {name: plain_rows(ANSWERS[name](listens)) for name in BY_PERIOD}
    return {"label": label, "first": str(first), "last": str(last)} | answers


def page_rows(connection: Connection, name: str, values: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of the statement ``name`` as values for JSON."""
    found = connection.execute(query(name), values)
    names = tuple(found.keys())
    return plain_rows(dict(zip(names, row, strict=True)) for row in found)


def plain_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` as values for JSON."""
    return [{name: one if type(one) in _PLAIN else _plain(one) for name, one in row.items()} for row in rows]


def local_gap(row: dict[str, Any], zone: ZoneInfo) -> dict[str, str | bool]:
    """A gap in the person's time zone, to the minute."""
    starts, ends = (from_ms(row[name]).astimezone(zone) for name in ("starts_at_ms", "ends_at_ms"))
    return {
        "starts_at": f"{starts:%Y-%m-%d %H:%M}",
        "ends_at": f"{ends:%Y-%m-%d %H:%M}",
        "filled": row["filled_at_ms"] is not None,
    }


def _periods(days: list[str], first_day: date | None, last_day: date | None) -> list[tuple[str, date, date]]:
    """The selectable periods: all days, the trailing periods that are shorter, and each calendar year."""
    if not days:
        today = date.min if last_day is None else last_day
        return [("All", first_day or today, last_day or today)]
    first, last = first_day or date.fromisoformat(days[0]), last_day or date.fromisoformat(days[-1])
    length = (last - first).days + 1
    trailing = [(label, last - timedelta(days=n - 1), last) for n, label in reversed(_TRAILING) if n < length]
    years = range(last.year, first.year - 1, -1)
    by_year = [(str(year), max(first, date(year, 1, 1)), min(last, date(year, 12, 31))) for year in years]
    return [("All", first, last), *trailing, *(by_year if len(years) > 1 else [])]


def _by_day(rows: Sequence[Any]) -> dict[str, dict[str, int]]:
    days: dict[str, dict[str, int]] = {}
    for day, mood, listens, _, _ in rows:
        days.setdefault(str(day), {})[mood[0]] = listens
    return days


def _intervals(rows: Sequence[Any]) -> dict[str, dict[str, list[int]]]:
    """The 90% interval of each mood's share in %, by day and mood."""
    days: dict[str, dict[str, list[int]]] = {}
    for day, mood, _, low, high in rows:
        if low is not None:
            days.setdefault(str(day), {})[mood[0]] = [round(100 * low), round(100 * high)]
    return days


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else round(float(value), 4)
    return str(value) if isinstance(value, date) else value
