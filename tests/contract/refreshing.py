"""Workers that refresh one account's token, and token endpoints for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import AccountTokens
from mood_core.spotify.session import accounts_pool
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import TokenCipher
from tests.contract.spotify_fakes import MemoryTokens, NotingLedger, Reply, Seen, app_at

EXPIRED = timedelta(seconds=-1)


class Rotating:
    """A token endpoint that rotates: each refresh token works once, and each response is recorded."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.valid = "refresh-1"
        self.spent: list[str] = []
        self.delay_s = delay_s
        self.lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        with self.lock:
            given = seen.form["refresh_token"]
            if given != self.valid:
                return Reply(400, {"error": "invalid_grant", "error_description": "Refresh token revoked"})
            self.spent.append(given)
            number = len(self.spent) + 1
            self.valid = f"refresh-{number}"
        return Reply(
            body={"access_token": f"access-{number}", "refresh_token": self.valid, "expires_in": 3600, "scope": "s"},
            delay_s=self.delay_s,
        )


class Worker:
    """One worker's view of one account, on a shared repository."""

    def __init__(
        self,
        url: str,
        repository: MemoryTokens,
        cipher: TokenCipher,
        *,
        sleep: Callable[[float], None] = lambda _: None,
        secret: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.ledger = NotingLedger()
        app = app_at(url, client_secret=SecretStr(secret) if secret else None)
        retry = RetryPolicy(sleep=sleep)
        service = TokenService(accounts_pool(app, self.ledger), retry, clock)
        self.tokens = AccountTokens("person", repository, cipher, service, retry=retry, clock=clock)


GOOD = Reply(body={"access_token": "access-2", "expires_in": 3600})
