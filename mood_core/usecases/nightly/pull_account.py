"""Pulls accounts whose leases it acquires, and waits a while for those that another run holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mood_core.errors import StoreBusy, StoreError
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, LEASE_S, POLL_S, WAIT_S, Renewal, new_owner
from mood_core.store.queries.accounts import Accounts
from mood_core.usecases.nightly.pull_listens import PullListens, PullOutcome

HELD = f"not pulled: another run still held it after {WAIT_S:.0f} s; the next pull tries it again"
"""The problem of an account that another run holds."""

UNREPORTED = "not pulled: the run that was to pull it ended without saying why; see the worker's log"
"""The problem of an account of which no outcome arrived."""

log = logging.getLogger(__name__)


def pull_claimed(
    user_ids: Sequence[str],
    pull: PullListens,
    accounts: Accounts,
    clock: Callable[[], datetime],
    *,
    owner: str | None = None,
) -> list[PullOutcome]:
    """Pull ``user_ids``, each leased meanwhile; returns the outcomes, also of accounts that another run still holds.

    An account that another run has pulled since this began is left out: nothing is asked twice. An import holds an
    account as well, and pulls nothing. ``owner`` is who holds the leases, by default somebody new. One that is named
    after its run inherits the leases of an earlier attempt at the run. A pull that is asked to stop returns what
    it has done.

    Raises:
        StoreError: The database or the lake fails.
    """
    owner, now, deadline = owner or new_owner(), clock(), time.monotonic() + WAIT_S
    outcomes: list[PullOutcome] = []
    left = list(user_ids)
    while left:
        claimed = accounts.claim(left, owner, now=clock(), for_s=LEASE_S)
        renew = Renewal(lambda ids=claimed: accounts.claim(ids, owner, now=clock(), for_s=LEASE_S))  # type: ignore[misc]
        try:
            with accounts.leased(owner):
                outcomes += pull(claimed, now=now, progress=lambda _, renew=renew: renew())  # type: ignore[misc]
        finally:
            _release(accounts, owner, claimed)
        if pull.is_stopped:
            return outcomes
        left = still_to_pull(accounts, set(left) - set(claimed), now, clock())
        if time.monotonic() > deadline:
            break
        if left:
            time.sleep(POLL_S)
    return outcomes + [PullOutcome(user_id, problem=HELD, exit_code=StoreBusy.exit_code) for user_id in left]


def _release(accounts: Accounts, owner: str, user_ids: Sequence[str]) -> None:
    """Release leases, if the database takes it: that must not hide what was pulled, or why it failed."""
    try:
        if user_ids:
            accounts.release(owner, user_ids)
    except StoreError as error:
        log.warning("the leases of %d accounts end by themselves, or with this run: %s", len(user_ids), error.message)


def not_pulled(user_id: str) -> PullOutcome:
    """The outcome of an account of which no task or run says anything."""
    return PullOutcome(user_id, problem=UNREPORTED, exit_code=StoreBusy.exit_code)


def still_to_pull(accounts: Accounts, user_ids: set[str], since: datetime, now: datetime) -> list[str]:
    """Those of ``user_ids`` that are active and that nobody has pulled between ``since`` and ``now``."""
    latest = now + timedelta(seconds=CLOCKS_DIFFER_S)
    return [
        account.user_id
        for account in (accounts.all(sorted(user_ids)) if user_ids else [])
        if account.state == "active"
        and (account.last_pulled_at is None or not since <= account.last_pulled_at <= latest)
    ]
