"""Pulls accounts that no other process holds, and waits a while for those that one holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mood_core.pipeline.pull_listens import PullListens, PullOutcome
from mood_core.store.accounts import Accounts
from mood_core.store.claims import CLOCKS_DIFFER_S, LEASE_S, POLL_S, WAIT_S, Renewal, new_owner


def pull_claimed(
    user_ids: Sequence[str], pull: PullListens, accounts: Accounts, clock: Callable[[], datetime]
) -> tuple[list[PullOutcome], list[str]]:
    """Pull ``user_ids``, each held meanwhile; returns the outcomes, and who is still held by another after a minute.

    Whom another run has pulled since this began is left out: nothing is asked twice. An import holds an account as
    well, and pulls nothing. A pull that is asked to stop returns what it has done.

    Raises:
        StoreError: The database or the lake fails.
    """
    owner, now, deadline = new_owner(), clock(), time.monotonic() + WAIT_S
    outcomes: list[PullOutcome] = []
    left = list(user_ids)
    while left:
        claimed = accounts.claim(left, owner, now=clock(), for_s=LEASE_S)
        renew = Renewal(lambda ids=claimed: accounts.claim(ids, owner, now=clock(), for_s=LEASE_S))  # type: ignore[misc]
        try:
            outcomes += pull(claimed, now=now, progress=lambda _, renew=renew: renew())  # type: ignore[misc]
        finally:
            accounts.release(owner)
        if pull.is_stopped:
            return outcomes, []
        left = _still_to_pull(accounts, set(left) - set(claimed), now, clock())
        if time.monotonic() > deadline:
            break
        if left:
            time.sleep(POLL_S)
    return outcomes, left


def _still_to_pull(accounts: Accounts, user_ids: set[str], since: datetime, now: datetime) -> list[str]:
    latest = now + timedelta(seconds=CLOCKS_DIFFER_S)
    return [
        account.user_id
        for account in (accounts.all(sorted(user_ids)) if user_ids else [])
        if account.state == "active"
        and (account.last_pulled_at is None or not since <= account.last_pulled_at <= latest)
    ]
