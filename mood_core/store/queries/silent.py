"""Who listened regularly and has no new listens."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import text

from mood_core.store.engine.database import Database
from mood_core.store.engine.sql_files import sql_file

_EPOCH = date(1970, 1, 1)


def last_days(database: Database, *, earliest: date, latest: date, since: date, days: int) -> dict[str, date]:
    """The last local day with listens, by user id, of active accounts that listened on ``days`` days from ``since`` on.

    Only accounts whose last day is ``earliest``, ``latest`` or between.
    """
    query = text(sql_file("alerts", "regular_listeners_without_listens").text)
    limits = {"earliest": earliest, "latest": latest, "since": since}
    values = {name: (day - _EPOCH).days for name, day in limits.items()}
    with database.read() as connection:
        rows = connection.execute(query, values | {"days": days})
        return {row.user_id: _EPOCH + timedelta(days=row.last_day) for row in rows}
