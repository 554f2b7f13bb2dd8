"""Leases of accounts: one run at a time pulls an account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from mood_core.domain.records import to_ms
from mood_core.errors import StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.fences import Leases, leased
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.tombstones import newest_forgetting
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live, run_of

NOT_CALLED = "not asked: "
"""Prefix of the problem of an account that a run did not reach, because something stopped all calls."""

_UNRELEASED: set[str] = set()
"""Owners in this process whose release failed because the database was down."""

_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)


class AccountLeases:
    """The leases of the accounts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, user_ids: Sequence[str], owner: str, *, now: datetime, for_s: float) -> list[str]:
        """Acquire the leases of active accounts for ``owner``; returns the accounts that no other living run holds.

        They are ordered by id, accounts with a problem of their own last. Acquiring again renews the lease, which ends
        ``for_s`` seconds after ``now``. A lease belongs to a run: a retry of the run inherits it, even in another
        process.
        """
        if not user_ids:
            return []
        _UNRELEASED.discard(owner)
        until = now + timedelta(seconds=for_s)
        times = {"now": to_ms(now), "until": to_ms(until), "latest": to_ms(until + _CLOCKS_DIFFER)}
        with self._database.write() as connection:
            holders = connection.scalars(query("lease_owners"))
            free = [owner, *(holder for holder in holders if _is_free_for(owner, holder))]
            values = {"owner": owner, "user_ids": user_ids, "free": free, **times}
            rows = connection.execute(query("acquire_account_leases"), values)
            acquired = [(_has_problem(row.last_problem), row.user_id) for row in rows]
        return [user_id for _, user_id in sorted(acquired)]

    @contextmanager
    def fenced(self, owner: str | None = None) -> Iterator[None]:
        """Write rows of people only while ``owner`` holds its present leases.

        A batch is refused if another run has acquired one of these accounts since. Rows of people who were forgotten
        since are dropped, with or without an owner, because the rows may have been read before.
        """
        with self._database.read() as connection:
            rows = connection.execute(query("lease_numbers"), {"owner": owner})
            numbers = {row.user_id: row.lease_number for row in rows}
            since = newest_forgetting(connection)
        with leased(Leases(self._database.engine.url, since, owner or "", numbers)):
            yield

    def release(self, owner: str, user_ids: Sequence[str] | None = None) -> None:
        """Release the leases of ``owner``: all, or those of ``user_ids``.

        If the database fails, the next owner in this process that acquires these leases gets them.
        """
        options = () if user_ids is None else ("user_ids",)
        try:
            self._database.run(query("release_account_leases", *options), {"owner": owner, "user_ids": user_ids})
        except StoreError:
            _UNRELEASED.add(owner)
            raise

    def release_run(self, run: str) -> None:
        """Release every lease of ``run``, which has died, in whatever process it held them."""
        with self._database.write() as connection:
            holders = connection.scalars(query("lease_owners"))
            for owner in [holder for holder in holders if run_of(holder) == run]:
                connection.execute(query("release_account_leases"), {"owner": owner})


def _is_free_for(owner: str, holder: str) -> bool:
    return run_of(holder) == run_of(owner) or holder in _UNRELEASED or not may_live(holder)


def _has_problem(problem: str | None) -> bool:
    return problem is not None and not problem.startswith(NOT_CALLED)
