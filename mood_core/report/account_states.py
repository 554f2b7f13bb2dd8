"""The state of each account after a run: recent listens with and without a mood, open gaps, days of the permission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mood_core.domain.records import to_ms
from mood_core.spotify.tokens import days_left
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import Account

WINDOW = timedelta(days=7)
"""The period whose listens are counted."""


@dataclass(slots=True)
class AccountState:
    """One account's numbers: listens of the last seven days with a mood, and without one by reason."""

    display_name: str
    token_days_left: int | None
    labelled: int = 0
    unlabelled: dict[str, int] = field(default_factory=dict)
    open_gaps: int = 0


def account_states(database: Database, accounts: Sequence[Account], *, now: datetime) -> dict[str, AccountState]:
    """The state of each of ``accounts`` by user id. ``token_days_left`` is None without a permission that ends.

    Raises:
        StoreError: The database cannot be read.
    """
    states = {
        one.user_id: AccountState(one.display_name, days_left(one.consented_at, now) if one.consented_at else None)
        for one in accounts
    }
    values = {"ids": sorted(states), "since": to_ms(now - WINDOW)}
    with database.read() as connection:
        for row in connection.execute(query("listens_by_reason"), values):
            if row.unlabelled_reason is None:
                states[row.user_id].labelled = row.listens
            else:
                states[row.user_id].unlabelled[row.unlabelled_reason] = row.listens
        for row in connection.execute(query("count_open_gaps"), {"ids": values["ids"]}):
            states[row.user_id].open_gaps = row.gaps
    return states
