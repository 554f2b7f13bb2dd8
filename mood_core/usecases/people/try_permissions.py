"""Tries refused permissions again: Spotify once refused valid permissions of a service's users for a while.

The stored token of a refused account is kept. Until its six months are over, it is tried again a few times over a week
by the runs that pull, and at any time by ``moodlog users resume``. Once it works, the account is active again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mood_core.errors import InputError, ReauthorisationNeeded, SourceError
from mood_core.store.locks.leases import CLOCKS_DIFFER_S
from mood_core.store.queries.accounts import Account
from mood_core.store.queries.token_rows import PERMISSION_WAITS

REFUSED = "needs_reauthorisation"

_MOST_REFUSALS_IN_A_ROW = 10
_MOST_TRIES = 500
_FARTHEST = max(PERMISSION_WAITS) + timedelta(seconds=CLOCKS_DIFFER_S)

log = logging.getLogger(__name__)


def due_permissions(accounts: Sequence[Account], now: datetime, days_left: Callable[[datetime], int]) -> list[str]:
    """The ids of refused accounts whose permission is to be tried now, the longest waiting first."""
    waiting = [
        (account.permission_retry_at, account.user_id)
        for account in accounts
        if account.state == REFUSED and account.permission_retry_at and is_open(account, days_left)
    ]
    # A time further ahead than any wait comes from a wrong clock.
    return [user_id for at, user_id in sorted(waiting) if at <= now or at > now + _FARTHEST][:_MOST_TRIES]


def is_open(account: Account, days_left: Callable[[datetime], int]) -> bool:
    """Whether the account has a permission that has not ended: Spotify's ends six months after consent."""
    return account.authorised_at is not None and (account.consented_at is None or days_left(account.consented_at) >= 0)


def try_permissions(user_ids: Sequence[str], try_one: Callable[[str], None]) -> list[str]:
    """Try each permission once; returns the ids of the accounts that are active again.

    Stops after 10 refusals in a row, which look like an incident at Spotify, and at any other failure. The next run
    tries the rest.

    Raises:
        StoreError: The database fails.
    """
    active: list[str] = []
    refusals = 0
    for user_id in user_ids:
        try:
            try_one(user_id)
        except ReauthorisationNeeded:
            refusals += 1
        except SourceError as error:
            log.info("stopped trying permissions: %s; the next run continues", error.message)
            break
        else:
            refusals = 0
            active.append(user_id)
            log.warning("account %s: Spotify accepts its permission again; it is pulled again", user_id)
        if refusals >= _MOST_REFUSALS_IN_A_ROW:
            break
    return active


def resume_refused(account: Account, try_one: Callable[[str], None], days_left: Callable[[datetime], int]) -> None:
    """Try the permission of a refused account now.

    Raises:
        InputError: Its six months are over.
        ReauthorisationNeeded: Spotify refuses it again.
        SourceError: Spotify fails in another way.
    """
    remedy = f"Run `moodlog reconnect {account.user_id}`"
    if not is_open(account, days_left):
        raise InputError(f"the permission of {account.display_name} has ended, six months after consent. {remedy}")
    try:
        try_one(account.user_id)
    except ReauthorisationNeeded as error:
        later = account.permission_retry_at
        soon = f"It is tried again at {later:%Y-%m-%d %H:%M} UTC. " if later else ""
        raise ReauthorisationNeeded(
            f"Spotify refuses the permission of {account.display_name} again. {soon}{remedy} to renew it now",
            source=error.source,
        ) from error
