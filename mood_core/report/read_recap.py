"""Reads a recap from the database, at the cost of the listens of its period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mood_core.domain.days import day_number, day_of, local_span
from mood_core.domain.intervals import share_interval
from mood_core.domain.records import MOODS
from mood_core.report.recap import Most, Recap, counted_before, minutes_of, no_listens
from mood_core.report.recap_period import Period, Unit, last_full, period_with
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import Account
from mood_core.text.format import is_visible, shown_title


def period_to_show(database: Database, account: Account, unit: Unit, now: datetime) -> Period:
    """The last full period of ``account``, or the current one if the history begins in it.

    Raises:
        StoreError: The database cannot be read.
    """
    today = now.astimezone(ZoneInfo(account.timezone)).date()
    full = last_full(unit, today)
    with database.read() as connection:
        begins = _first_day(connection, account.user_id)
    return period_with(unit, today) if begins and begins > full.last else full


def read_recap(database: Database, account: Account, period: Period, now: datetime) -> Recap:
    """The recap of ``period``.

    Raises:
        StoreError: The database cannot be read.
    """
    zone = ZoneInfo(account.timezone)
    today = now.astimezone(zone).date()
    until = period.last_so_far(today)
    since, end = local_span((period.first, period.last), account.timezone)
    with database.read() as connection:
        begins = _first_day(connection, account.user_id)
        rows = _days(connection, account.user_id, period.first, period.last)
        earlier = _days(connection, account.user_id, *counted_before(period, until))
        tracks = connection.execute(query("recap_tracks"), {"user": account.user_id, "since": since, "end": end}).all()
    parts = [no_listens() for _ in range(period.parts)]
    for row in rows:
        parts[period.part_of(day_of(row.day))][row.mood] += row.listens
    listens = _by_mood(rows)
    top = _most_played(tracks)
    expected, intervals = _expected(rows, listens)
    return Recap(
        account.user_id,
        account.display_name,
        period,
        listens,
        _by_mood(earlier),
        parts,
        begins=begins,
        until=until,
        minutes=minutes_of(sum(row.ms or 0 for row in tracks)) if any(row.timed for row in tracks) else None,
        top_track=top[0] if top else None,
        top_artist=_top_artist(tracks),
        top_of_mood={
            mood: best[0] for mood in MOODS if (best := _most_played([row for row in tracks if row.mood == mood]))
        },
        expected=expected,
        intervals=intervals,
    )


def _first_day(connection: Connection, user_id: str) -> date | None:
    first = connection.scalar(query("recap_first_day"), {"user": user_id})
    return None if first is None else day_of(first)


def _days(connection: Connection, user_id: str, first: date, last: date) -> Sequence[Any]:
    numbers = {"first": day_number(first), "last": day_number(last)}
    return connection.execute(query("recap_days"), {"user": user_id} | numbers).all()


def _by_mood(rows: Sequence[Any]) -> dict[str, int]:
    counts = no_listens()
    for row in rows:
        counts[row.mood] += row.listens
    return counts


def _most_played(tracks: Sequence[Any]) -> list[Most]:
    """The most played track; with equal counts the first by id. Empty without tracks."""
    best = min(tracks, key=lambda row: (-row.listens, row.track_id), default=None)
    return [Most(shown_title(best.track), best.artists.strip(), best.listens)] if best else []


def _top_artist(tracks: Sequence[Any]) -> Most | None:
    """The most played artist; artists of one track count as one; with equal counts the first by name."""
    listens = Counter[str]()
    for row in tracks:
        if is_visible(row.artists):
            listens[row.artists] += row.listens
    best = min(listens, key=lambda artist: (-listens[artist], artist), default=None)
    return None if best is None else Most("", best, listens[best])


def _expected(rows: Sequence[Any], listens: dict[str, int]) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """The expected share of each mood and its 90% interval, as in the views. Empty without listens."""
    total, labelled = sum(listens.values()), sum(listens[mood] for mood in MOODS)
    expected, intervals = {}, {}
    for mood in MOODS if total else ():
        mean = sum(row.expected_listens for row in rows if row.mood == mood)
        variance = sum(row.listens_variance for row in rows if row.mood == mood)
        expected[mood] = mean / total
        intervals[mood] = share_interval(mean, variance, labelled, total)
    return expected, intervals
