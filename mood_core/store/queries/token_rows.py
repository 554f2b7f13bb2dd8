"""Encrypted tokens in SQL: compare and swap, and a lease so that two workers never refresh one account at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from mood_core.domain.records import StoredToken, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live, owner_here

PERMISSION_WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=2), timedelta(days=4))
"""How long after a refusal a permission is tried again by itself, and after each further one. Then no more."""

_USER = "user_key = (SELECT user_key FROM users WHERE user_id = :id)"


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
        query = text(f"SELECT token, token_version FROM accounts WHERE {_USER} AND token IS NOT NULL")  # noqa: S608
        with self._database.read() as connection:
            row = connection.execute(query, {"id": user_id}).first()
        return None if row is None else StoredToken(bytes(row.token), row.token_version)

    def write(self, user_id: str, ciphertext: bytes, *, authorised_at: datetime, expected_version: int | None) -> bool:
        """Store a token if the stored version is ``expected_version``; with None, whatever is stored.

        Storing in place of a version ends the refresh lease as well, since there is nothing left to refresh: one
        transaction less for each account of a night. Spotify has then accepted the permission, so an account that it
        had refused is active again. Storing whatever is stored is what connecting does, which makes it active too.
        """
        values = {"id": user_id, "token": ciphertext, "at": to_ms(authorised_at), "expected": expected_version}
        with self._database.write(durable=True) as connection:
            if expected_version is None:
                done = connection.execute(text(_CONNECT), values)
            else:
                done = connection.execute(text(_SWAP), values)
            return done.rowcount > 0

    def replace_ciphertext(self, user_id: str, ciphertext: bytes, *, expected_version: int) -> bool:
        """Store the same token encrypted anew, if the stored version is still ``expected_version``."""
        statement = text(
            f"UPDATE accounts SET token = :token, token_version = token_version + 1 WHERE {_USER}"  # noqa: S608
            " AND token_version = :expected"
        )
        with self._database.write(durable=True) as connection:
            values = {"id": user_id, "token": ciphertext, "expected": expected_version}
            return connection.execute(statement, values).rowcount > 0

    def claim_refresh(self, user_id: str, owner: str, for_s: float) -> bool:
        """Take the account's refresh lease for ``for_s`` seconds; False while the lease of a living other runs."""
        now, owner = int(self._wall_clock() * 1000), owner_here(owner)
        holder = text(f"SELECT refresh_owner FROM accounts WHERE {_USER} AND refresh_owner IS NOT NULL")  # noqa: S608
        statement = text(
            "UPDATE accounts SET refresh_owner = :owner, refresh_until_ms = :until"  # noqa: S608
            f" WHERE {_USER}"
            " AND (refresh_until_ms NOT BETWEEN :now AND :latest OR refresh_owner = :owner OR refresh_owner = :dead)"
        )
        with self._database.write() as connection:
            held_by = connection.scalar(holder, {"id": user_id})
            dead = held_by if held_by and not may_live(held_by) else owner
            until = now + int(for_s * 1000)
            times = {"now": now, "until": until, "latest": until + int(CLOCKS_DIFFER_S * 1000)}
            values = {"owner": owner, "dead": dead, "id": user_id, **times}
            return connection.execute(statement, values).rowcount > 0

    def release_refresh(self, user_id: str, owner: str) -> None:
        """Give the lease back; nothing happens where ``owner`` does not hold it."""
        statement = text(
            f"UPDATE accounts SET refresh_owner = NULL, refresh_until_ms = 0 WHERE {_USER} AND refresh_owner = :owner"  # noqa: S608
        )
        with self._database.write() as connection:
            connection.execute(statement, {"id": user_id, "owner": owner_here(owner)})

    def mark_reauthorisation_needed(self, user_id: str, reason: str, *, expected_version: int) -> None:
        """Record that Spotify refused the token of ``expected_version``, unless another one is stored by now.

        The token is kept. The first refusal plans when it is tried again, and each planned try that fails plans the
        next; a try before its time changes no plan.
        """
        query = text(
            f"SELECT state, permission_tries, permission_retry_at_ms FROM accounts WHERE {_USER}"  # noqa: S608
            " AND token_version = :expected"
        )
        statement = text(
            "UPDATE accounts SET state = 'needs_reauthorisation', state_reason = :reason, permission_tries = :tries,"  # noqa: S608
            f" permission_retry_at_ms = :retry_at WHERE {_USER} AND token_version = :expected"
        )
        now = self._now()
        with self._database.write() as connection:
            row = connection.execute(query, {"id": user_id, "expected": expected_version}).first()
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
            connection.execute(statement, {**values, "tries": tries, "retry_at": retry_at})


_CONNECT = """
INSERT INTO accounts (user_key, token, token_version, authorised_at_ms)
SELECT user_key, :token, 1, :at FROM users WHERE user_id = :id
ON CONFLICT (user_key) DO UPDATE SET
    token = excluded.token,
    token_version = accounts.token_version + 1,
    authorised_at_ms = excluded.authorised_at_ms,
    state = 'active',
    state_reason = NULL,
    last_problem = NULL,
    permission_tries = 0,
    permission_retry_at_ms = NULL
"""

_SWAP = f"""
UPDATE accounts SET token = :token, token_version = token_version + 1, authorised_at_ms = :at,
    refresh_owner = NULL, refresh_until_ms = 0, permission_tries = 0, permission_retry_at_ms = NULL,
    state_reason = CASE state WHEN 'needs_reauthorisation' THEN NULL ELSE state_reason END,
    state = CASE state WHEN 'needs_reauthorisation' THEN 'active' ELSE state END
WHERE {_USER} AND token_version = :expected
"""  # noqa: S608
