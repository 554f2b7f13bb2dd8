"""Holds a person's account while something reads what is stored of them and then writes: no pull comes in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from mood_core.errors import StoreBusy, StoreError
from mood_core.store.locks.leases import LEASE_S, POLL_S, WAIT_S, Renewal, new_owner
from mood_core.store.queries.accounts import Accounts


@contextmanager
def held(accounts: Accounts, user_id: str, now: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Hold the account ``user_id``, waiting up to a minute for a run that pulls it; yields what renews the lease.

    An account that nobody pulls needs no holding.

    Raises:
        StoreBusy: A run is still pulling it.
        StoreError: The database fails.
    """
    owner, deadline = new_owner(), time.monotonic() + WAIT_S
    while not accounts.claim([user_id], owner, now=now(), for_s=LEASE_S):
        if not any(account.state == "active" for account in accounts.all([user_id])):
            break
        if time.monotonic() > deadline:
            raise StoreBusy(f"account {user_id} is being pulled at this moment; try again in a minute")
        time.sleep(POLL_S)
    try:
        with accounts.leased(owner):
            yield Renewal(lambda: accounts.claim([user_id], owner, now=now(), for_s=LEASE_S))
    finally:
        with suppress(StoreError):  # it must not hide what was done, or why that failed; the lease ends by itself
            accounts.release(owner)
