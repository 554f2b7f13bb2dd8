"""Finds silent accounts: no new listens from a regular listener, or no successful pull.

- No listens: the person listened on at least 10 of 21 days, then on none for 3 full days, while pulls succeeded.
- Not pulled: no successful pull of the active account for a day, or for twice the interval that the quota imposes.

A silence is reported for 6 days, so that a missed night does not hide it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mood_core.domain.poll_schedule import most_accounts, within_quota
from mood_core.store.engine.database import Database
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.silent import last_days

NO_LISTENS_DAYS = 3
REGULAR_DAYS, OF_DAYS = 10, 21
NOT_PULLED = timedelta(days=1)
REPORTED_FOR = timedelta(days=6)


class Kind(StrEnum):
    """Why an account is silent."""

    NO_LISTENS = "no-listens"
    NOT_PULLED = "not-pulled"


@dataclass(frozen=True, slots=True)
class Silence:
    """A silent account; ``since`` is the start of its last day with listens, or its last successful pull."""

    user_id: str
    display_name: str
    kind: Kind
    since: datetime
    problem: str | None = None

    @property
    def sentence(self) -> str:
        """What happened and what to do."""
        if self.kind is Kind.NOT_PULLED:
            why = f": {self.problem}" if self.problem else ""
            since = f"{self.since:%Y-%m-%d %H:%M} UTC"
            return f"No pull of {self.display_name} has succeeded since {since}{why}. Run `moodlog doctor`."
        return (
            f"{self.display_name} listened regularly but has no new listens since {self.since:%Y-%m-%d}. Pulls succeed."
            " Ask whether they use a private session or another Spotify account."
        )


def find_silent(database: Database, accounts: Accounts, *, now: datetime, daily_budget: int | None) -> list[Silence]:
    """The silent accounts, ordered by user id."""
    active = accounts.count_active(most_accounts(daily_budget)) if daily_budget else 0
    waits = max(NOT_PULLED, 2 * within_quota(active, daily_budget))
    not_pulled = accounts.not_pulled(now - waits - REPORTED_FOR, now - waits)
    today = now.date()
    # The UTC day can be a day ahead of the person's day: 3 full days are over on the fifth.
    latest = today - timedelta(days=NO_LISTENS_DAYS + 1)
    earliest = latest - REPORTED_FOR
    quiet = last_days(
        database, earliest=earliest, latest=latest, since=latest - timedelta(days=OF_DAYS), days=REGULAR_DAYS
    )
    with_listens = accounts.all(sorted(quiet)) if quiet else []
    found = {account.user_id: account for account in (*not_pulled, *with_listens)}
    silences = []
    for _, account in sorted(found.items()):
        pulled = account.last_pulled_at or account.connected_at
        if pulled < now - waits:
            if pulled >= now - waits - REPORTED_FOR:
                silences.append(
                    Silence(account.user_id, account.display_name, Kind.NOT_PULLED, pulled, account.last_problem)
                )
        elif account.user_id in quiet:
            day = datetime(*quiet[account.user_id].timetuple()[:3], tzinfo=now.tzinfo)
            silences.append(Silence(account.user_id, account.display_name, Kind.NO_LISTENS, day))
    return silences
