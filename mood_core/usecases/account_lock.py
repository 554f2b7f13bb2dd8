"""Leases an account while a use case reads a person's rows and then writes, so that no pull runs in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from mood_core.errors import StoreBusy, StoreError
from mood_core.store.locks.leases import LEASE_S, POLL_S, WAIT_S, Renewal, new_owner
from mood_core.store.queries.accounts import Accounts


@contextmanager
def account_lock(accounts: Accounts, user_id: str, now: Callable[[], datetime]) -> Iterator[Callable[[], None]]:
    """Lease the account ``user_id``; waits up to a minute for a run that pulls it. Yields a function that renews.

    An account without a Spotify connection needs no lease.

    Raises:
        StoreBusy: Another run still holds the lease.
        StoreError: The database fails.
    """
    owner, deadline = new_owner(), time.monotonic() + WAIT_S
    while not accounts.leases.acquire([user_id], owner, now=now(), for_s=LEASE_S):
        if not any(account.state == "active" for account in accounts.all([user_id])):
            break
        if time.monotonic() > deadline:
            raise StoreBusy(f"account {user_id} is being pulled; try again in a minute")
        time.sleep(POLL_S)
    try:
        with accounts.leases.fenced(owner):
            yield Renewal(lambda: accounts.leases.acquire([user_id], owner, now=now(), for_s=LEASE_S))
    finally:
        with suppress(StoreError):  # the lease expires anyway; this must not hide the result or an earlier error
            accounts.leases.release(owner)
