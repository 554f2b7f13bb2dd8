"""People who listened regularly and have no new listens."""

from __future__ import annotations

from datetime import date

from mood_core.domain.days import day_number, day_of
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.stale_totals import are_stale

_DAY_MS = 86_400_000


def last_days(database: Database, *, earliest: date, latest: date, since: date, days: int) -> dict[str, date]:
    """By user id: the last local day with listens of active accounts with listens on ``days`` days since ``since``.

    Only accounts whose last day is between ``earliest`` and ``latest``, both included.
    """
    limits = {"earliest": earliest, "latest": latest, "since": since}
    values = {name: day_number(day) for name, day in limits.items()} | {"days": days}
    # A local day begins and ends within a day of the UTC day with the same date.
    values |= {"first": (values["earliest"] - 1) * _DAY_MS, "last": (values["latest"] + 2) * _DAY_MS}
    with database.read() as connection:
        options = () if are_stale(connection) else ("quiet",)
        rows = connection.execute(query("regular_listeners_without_listens", *options), values).all()
    return {row.user_id: day_of(row.last_day) for row in rows}
