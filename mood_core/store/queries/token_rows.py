"""Encrypted tokens in SQL: compare and swap, and a lease so that two workers never refresh one account at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mood_core.domain.records import StoredToken, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live, owner_here

PERMISSION_WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=2), timedelta(days=4))
"""How long after a refusal a permission is tried again by itself, and after each further one. Then no more."""


class TokenRows:
    """The token columns of the accounts. Leases use this machine's wall clock, planned tries the time of the data."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._now = now
        self._wall_clock = wall_clock

    def read(self, user_id: str) -> StoredToken | None:
        """The account's stored token, or None where there is none."""
        with self._database.read() as connection:
            row = connection.execute(query("stored_token"), {"id": user_id}).first()
        return None if row is None else StoredToken(bytes(row.token), row.token_version)

    def write(self, user_id: str, ciphertext: bytes, *, authorised_at: datetime, expected_version: int | None) -> bool:
        """Store a token if the stored version is ``expected_version``; with None, whatever is stored.

        Storing in place of a version ends the refresh lease as well, since there is nothing left to refresh: one
        transaction less for each account of a night. Spotify has then accepted the permission, so an account that it
        had refused is active again. Storing whatever is stored is what connecting does, which makes it active too.
        """
        values = {"id": user_id, "token": ciphertext, "at": to_ms(authorised_at), "expected": expected_version}
        with self._database.write(durable=True) as connection:
            statement = "connect_account" if expected_version is None else "store_refreshed_token"
            return connection.execute(query(statement), values).rowcount > 0

    def replace_ciphertext(self, user_id: str, ciphertext: bytes, *, expected_version: int) -> bool:
        """Store the same token encrypted anew, if the stored version is still ``expected_version``."""
        with self._database.write(durable=True) as connection:
            values = {"id": user_id, "token": ciphertext, "expected": expected_version}
            return connection.execute(query("replace_ciphertext"), values).rowcount > 0

    def acquire_refresh_lease(self, user_id: str, owner: str, for_s: float) -> bool:
        """Take the account's refresh lease for ``for_s`` seconds; False while the lease of a living other runs."""
        now, owner = int(self._wall_clock() * 1000), owner_here(owner)
        with self._database.write() as connection:
            held_by = connection.scalar(query("refresh_owner"), {"id": user_id})
            dead = held_by if held_by and not may_live(held_by) else owner
            until = now + int(for_s * 1000)
            times = {"now": now, "until": until, "latest": until + int(CLOCKS_DIFFER_S * 1000)}
            values = {"owner": owner, "dead": dead, "id": user_id, **times}
            return connection.execute(query("acquire_refresh_lease"), values).rowcount > 0

    def release_refresh_lease(self, user_id: str, owner: str) -> None:
        """Give the lease back; nothing happens where ``owner`` does not hold it."""
        with self._database.write() as connection:
            connection.execute(query("release_refresh_lease"), {"id": user_id, "owner": owner_here(owner)})

    def mark_reauthorisation_needed(self, user_id: str, reason: str, *, expected_version: int) -> None:
        """Record that Spotify refused the token of ``expected_version``, unless another one is stored by now.

        The token is kept. The first refusal plans when it is tried again, and each planned try that fails plans the
        next; a try before its time changes no plan.
        """
        now = self._now()
        with self._database.write() as connection:
            row = connection.execute(query("permission_tries"), {"id": user_id, "expected": expected_version}).first()
            if row is None:
                return
            tries, retry_at = row.permission_tries, row.permission_retry_at_ms
            if row.state != "needs_reauthorisation":
                tries, retry_at = 0, to_ms(now + PERMISSION_WAITS[0])
            elif retry_at is not None and retry_at <= to_ms(now):
                tries += 1
                is_last = tries >= len(PERMISSION_WAITS)
                retry_at = None if is_last else to_ms(now + PERMISSION_WAITS[tries])
            values = {"id": user_id, "expected": expected_version, "reason": reason}
            values |= {"tries": tries, "retry_at": retry_at}
            connection.execute(query("mark_reauthorisation_needed"), values)
