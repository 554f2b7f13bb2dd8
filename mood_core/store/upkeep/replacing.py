"""Runs a transaction that replaces tables on PostgreSQL, without a queue of readers behind one long transaction.

A transaction that waits for a table makes every later reader of it wait, too. So it waits only briefly, lets them go
first, and is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from mood_core.errors import StoreBusy
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

_ATTEMPTS = 100
_PAUSE_S = 4.0

Result = TypeVar("Result")


def replacing(database: Database, work: Callable[[Connection], Result]) -> Result:
    """Run ``work`` in a durable transaction that may replace tables; for some ten minutes again if they are in use.

    Raises:
        StoreBusy: Transactions of others use the tables all the time; nothing is changed.
        StoreError: The database fails; nothing is changed.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with database.write(durable=True) as connection:
                connection.execute(query("limit_lock_waits"))
                return work(connection)
        except StoreBusy as error:
            if attempt == _ATTEMPTS:
                users = ", ".join(database.scalars(query("long_transactions"))) or "short transactions"
                problem = f"moodlog's tables cannot be replaced while others use them: {users}"
                raise StoreBusy(f"{problem}; end these, and run this again: it continues") from error
        time.sleep(_PAUSE_S)
    raise AssertionError("the last attempt returns or raises")
