"""Finds the accounts that have fallen silent: no new listens from a regular listener, or no pull that worked.

- No listens: the person listened on at least 10 of 21 days, then on none for 3 whole days, while pulls worked.
- Not pulled: no pull of the active account has worked for a day, or for twice the wait that the call budget imposes.

A silence is reported for 6 days after it has begun to count, so that a night that is missed does not hide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mood_core.domain.poll_schedule import within_quota
from mood_core.store.engine.database import Database
from mood_core.store.queries.accounts import Account
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
    """An account that has been silent ``since`` a time: the start of its last day with listens, or its last pull."""

    user_id: str
    display_name: str
    kind: Kind
    since: datetime
    problem: str | None = None

    @property
    def sentence(self) -> str:
        """What happened, and what to do."""
        if self.kind is Kind.NOT_PULLED:
            why = f": {self.problem}" if self.problem else ""
            since = f"{self.since:%Y-%m-%d %H:%M} UTC"
            return f"No pull of {self.display_name} has worked since {since}{why}. Run moodlog doctor."
        return (
            f"{self.display_name} listened regularly and has no new listens since {self.since:%Y-%m-%d}, although pulls"
            " work. If there were listens, ask whether a private session is on or another Spotify account is in use."
        )


def find_silent(
    database: Database, accounts: Sequence[Account], *, now: datetime, daily_budget: int | None
) -> list[Silence]:
    """The silent ones among ``accounts``, in their order."""
    active = [account for account in accounts if account.state == "active"]
    waits = max(NOT_PULLED, 2 * within_quota(len(active), daily_budget))
    today = now.date()
    # The UTC day can be a day ahead of the person's own: 3 whole days are over on the fifth.
    latest = today - timedelta(days=NO_LISTENS_DAYS + 1)
    earliest = latest - REPORTED_FOR
    quiet = last_days(
        database, earliest=earliest, latest=latest, since=latest - timedelta(days=OF_DAYS), days=REGULAR_DAYS
    )
    silences = []
    for account in active:
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
