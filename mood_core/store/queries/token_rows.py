"""Encrypted tokens in SQL: compare and swap, and a lease so that two workers never refresh the same account."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from mood_core.domain.records import Service, StoredToken, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live, owner_here

PERMISSION_WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=2), timedelta(days=4))
"""Waits before the automatic retries of a refused permission: after the first refusal, the second, and so on."""


class TokenRows:
    """The token columns of the accounts. Leases use this machine's wall clock, planned retries the clock ``now``."""

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
        """The account's stored token; None without one."""
        rows = self._database.rows(query("stored_token"), {"id": user_id})
        return StoredToken(bytes(rows[0].token), rows[0].token_version, Service(rows[0].service)) if rows else None

    def write(
        self,
        user_id: str,
        ciphertext: bytes,
        *,
        authorised_at: datetime,
        expected_version: int | None,
        service: Service = Service.SPOTIFY,
    ) -> bool:
        """Store a token if the stored version is ``expected_version``; None stores it unconditionally.

        With a version, this also releases the refresh lease, which saves a transaction per account and night. In both
        cases Spotify has accepted the permission, so a refused account becomes active again. Without a version, the
        account is pulled from ``service`` from now on.
        """
        values = {"id": user_id, "token": ciphertext, "at": to_ms(authorised_at)}
        if expected_version is None:
            statement, values["service"] = query("connect_account"), service.value
        else:
            statement, values["expected"] = query("store_refreshed_token"), expected_version
        return self._database.run(statement, values, durable=True) > 0

    def pages(self, most: int = 500) -> Iterator[dict[str, StoredToken]]:
        """All stored tokens by user id, up to ``most`` at a time."""
        last = 0
        while rows := self._database.rows(query("page_of_tokens"), {"last": last, "most": most}):
            yield {row.user_id: StoredToken(bytes(row.token), row.token_version, Service(row.service)) for row in rows}
            last = rows[-1].user_key

    def replace_ciphertexts(self, new: Mapping[str, tuple[bytes, int]]) -> set[str]:
        """Store tokens with another encryption, in one transaction; returns the ids of the accounts.

        ``new`` has the token and the expected version by user id. A token whose stored version is another one stays.
        """
        replaced = set()
        with self._database.write(durable=True) as connection:
            for user_id, (ciphertext, version) in sorted(new.items()):
                values = {"id": user_id, "token": ciphertext, "expected": version}
                if connection.execute(query("replace_ciphertext"), values).rowcount:
                    replaced.add(user_id)
        return replaced

    def acquire_refresh_lease(self, user_id: str, owner: str, for_s: float) -> bool:
        """Acquire the account's refresh lease for ``for_s`` seconds; False while another living owner holds it."""
        now, owner = int(self._wall_clock() * 1000), owner_here(owner)
        with self._database.write() as connection:
            held_by = connection.scalar(query("refresh_owner"), {"id": user_id})
            dead = held_by if held_by and not may_live(held_by) else owner
            until = now + int(for_s * 1000)
            times = {"now": now, "until": until, "latest": until + int(CLOCKS_DIFFER_S * 1000)}
            values = {"owner": owner, "dead": dead, "id": user_id, **times}
            return connection.execute(query("acquire_refresh_lease"), values).rowcount > 0

    def release_refresh_lease(self, user_id: str, owner: str) -> None:
        """Release the lease if ``owner`` holds it."""
        self._database.run(query("release_refresh_lease"), {"id": user_id, "owner": owner_here(owner)})

    def mark_reauthorisation_needed(self, user_id: str, reason: str, *, expected_version: int) -> None:
        """Record that Spotify refused the token of ``expected_version``, unless another version is stored by now.

        The token is kept. The first refusal plans a retry, and each planned retry that fails plans the next one; an
        earlier retry changes no plan.
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
