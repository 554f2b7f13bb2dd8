"""Pulls accounts while it holds their leases; waits for leases that another run holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mood_core.errors import StoreBusy, StoreError
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, LEASE_S, POLL_S, WAIT_S, Renewal, new_owner
from mood_core.store.queries.accounts import Accounts
from mood_core.usecases.nightly.pull_listens import PullListens, PullOutcome

HELD = f"not pulled: another run still held its lease after {WAIT_S:.0f} s; the next pull retries it"
"""The problem of an account whose lease another run holds."""

UNREPORTED = "not pulled: the run that should pull it ended without a result; see the worker's log"
"""The problem of an account without an outcome."""

log = logging.getLogger(__name__)


def pull_leased(
    user_ids: Sequence[str],
    pull: PullListens,
    accounts: Accounts,
    clock: Callable[[], datetime],
    *,
    owner: str | None = None,
) -> list[PullOutcome]:
    """Pull ``user_ids`` with a lease on each; returns the outcomes, including accounts that another run still holds.

    Accounts that another run has pulled since the start are skipped. An import also leases an account, but does not
    pull it. ``owner`` owns the leases, by default a new owner. An owner named after its run inherits the leases of an
    earlier attempt of the run. After a stop request the outcomes so far are returned.

    Raises:
        StoreError: The database or the lake fails.
    """
    owner, now, deadline = owner or new_owner(), clock(), time.monotonic() + WAIT_S
    outcomes: list[PullOutcome] = []
    left = list(user_ids)
    while left:
        leased = accounts.leases.acquire(left, owner, now=clock(), for_s=LEASE_S)
        renew = Renewal(lambda ids=leased: accounts.leases.acquire(ids, owner, now=clock(), for_s=LEASE_S))  # type: ignore[misc]
        try:
            with accounts.leases.fenced(owner):
                outcomes += pull(leased, now=now, progress=lambda _, renew=renew: renew())  # type: ignore[misc]
        finally:
            _release(accounts, owner, leased)
        if pull.stop():
            return outcomes
        left = still_to_pull(accounts, set(left) - set(leased), now, clock())
        if time.monotonic() > deadline:
            break
        if left:
            time.sleep(POLL_S)
    return outcomes + [PullOutcome(user_id, problem=HELD, exit_code=StoreBusy.exit_code) for user_id in left]


def _release(accounts: Accounts, owner: str, user_ids: Sequence[str]) -> None:
    """Release leases. A failure is only logged, so that it does not hide the outcomes or an earlier error."""
    try:
        if user_ids:
            accounts.leases.release(owner, user_ids)
    except StoreError as error:
        log.warning("leases of %d accounts were not released and will expire: %s", len(user_ids), error.message)


def not_pulled(user_id: str) -> PullOutcome:
    """The outcome of an account for which no task or run returned one."""
    return PullOutcome(user_id, problem=UNREPORTED, exit_code=StoreBusy.exit_code)


def still_to_pull(accounts: Accounts, user_ids: set[str], since: datetime, now: datetime) -> list[str]:
    """The active accounts among ``user_ids`` without a pull between ``since`` and ``now``."""
    latest = now + timedelta(seconds=CLOCKS_DIFFER_S)
    return [
        account.user_id
        for account in (accounts.all(sorted(user_ids)) if user_ids else [])
        if account.state == "active"
        and (account.last_pulled_at is None or not since <= account.last_pulled_at <= latest)
    ]
