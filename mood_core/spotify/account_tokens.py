"""One account's access token, refreshed safely by concurrent workers.

**Concurrency.** Spotify rotates refresh tokens: each can be used once. So each refresh attempt acquires a lease in the
repository and reads the token again, because another worker may have refreshed it in the meantime. A worker that does
not get the lease waits briefly and reads again. No lease is held while a failed attempt waits for the next one. If a
holder is suspended beyond its lease, the compare-and-swap of :meth:`TokenRepository.write` and the check after
``invalid_grant`` keep the account consistent.

**Crashes.** An attempt (1) acquires the lease, (2) calls Spotify, (3) writes the response and releases the lease, and
(4) uses the token. A crash before Spotify receives (2) or after (3) loses nothing: the stored refresh token is valid,
leases of dead local processes are released at once, and leases of other hosts expire within a minute. Between Spotify's
rotation in (2) and the commit of (3), the only copy of the new refresh token is in flight or in this process. After a
crash there, if Spotify no longer accepts the old token, the next refresh gets ``invalid_grant`` and the account needs
re-authorisation (the old token is retried for some days, see ``usecases/people/try_permissions.py``). No client can
avoid this window, but it contains only parsing and one commit; a busy repository is retried, and the token is kept for
the next call of this object.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from mood_core.domain.records import StoredToken
from mood_core.errors import ConfigError, ReauthorisationNeeded, StoreError, Unavailable
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.failures import SOURCE
from mood_core.spotify.ports import TokenRepository
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import SPOTIFY, Issuer, Token, TokenCipher

LEASE_S = 45.0
"""Longer than one refresh attempt: connecting, the response, and a repository that is busy at first."""

_POLL_S = 0.25
_POLLS = 200
"""Another worker's lease is waited for until it expires."""

_WRITES = 6
_LONGEST_WRITE_WAIT_S = 4.0


@dataclass(frozen=True, slots=True)
class FixedToken:
    """The token of an account that is being connected and is not stored yet."""

    token: Token

    def access_token(self) -> str:
        """The access token."""
        return self.token.access_token

    def renewed(self, rejected: str) -> str:  # noqa: ARG002 - like AccountTokens
        """Fail: there is only this token.

        Raises:
            ReauthorisationNeeded: always.
        """
        raise ReauthorisationNeeded(
            "Spotify does not accept the access token it has just issued; run `moodlog connect` again.", source=SOURCE
        )


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    version: int


class _Superseded(Exception):
    """Another worker stored a newer token first; ours must not be used."""


class AccountTokens:
    """The stored token of one account. Not thread-safe; the repository coordinates workers.

    Args:
        user_id: the account.
        repository: stores the token.
        cipher: encrypts it.
        service: Spotify's token endpoint.
        issuer: the services that receive tokens; a stored token of other services is refused.
        retry: the retry policy of refreshes; its ``sleep`` is used for all waits.
        clock: this machine's time, aware UTC.
        stored: the stored token, if it was just read.
    """

    def __init__(
        self,
        user_id: str,
        repository: TokenRepository,
        cipher: TokenCipher,
        service: TokenService,
        *,
        issuer: Issuer = SPOTIFY,
        retry: RetryPolicy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stored: StoredToken | None = None,
    ) -> None:
        self._user_id = user_id
        self._repository = repository
        self._cipher = cipher
        self._service = service
        self._issuer = issuer
        self._retry = retry if retry is not None else RetryPolicy()
        self._clock = clock
        self._owner = uuid4().hex
        self._stored = stored
        self._held: _Held | None = None
        self._unsaved: tuple[Token, int] | None = None
        self._is_leased = False

    def access_token(self) -> str:
        """Return an access token that is valid for at least a minute; refreshes and persists it if needed.

        Raises:
            ReauthorisationNeeded: the account has no token, or its permission has expired.
            ConfigError: the token key or the app's credentials are wrong.
            SourceError: Spotify failed after all retries, or another worker's refresh takes too long.
            StoreError: the repository failed.
        """
        if self._held is None or not self._held.token.is_fresh(self._clock()):
            self._held = self._usable(rejected=None)
        return self._held.token.access_token

    def renewed(self, rejected: str) -> str:
        """Return another access token than ``rejected``, which got a 401. Raises like :meth:`access_token`."""
        self._held = self._usable(rejected=rejected)
        return self._held.token.access_token

    def check_stored(self) -> None:
        """Read the stored token without calling Spotify.

        Raises:
            ReauthorisationNeeded: the account has no token.
            ConfigError: it cannot be decrypted, or belongs to other services.
        """
        self._read()

    def refresh_now(self) -> None:
        """Refresh the stored token even if its access token is fresh. Raises like :meth:`access_token`."""
        self._held = self._usable(rejected=self._read().token.access_token)

    def _usable(self, rejected: str | None) -> _Held:
        self._save_left_over()
        for _ in range(_POLLS):
            held = self._retry.run(lambda: self._read_or_refresh(rejected))
            if held is not None:
                return held
            self._retry.sleep(_POLL_S)
        raise Unavailable(
            f"Another worker has been refreshing the token of account {self._user_id} for too long; try again later.",
            source=SOURCE,
        )

    def _read_or_refresh(self, rejected: str | None) -> _Held | None:
        """The stored token, refreshed if it is not usable; None while another worker refreshes it."""
        held = self._read()
        if self._is_usable(held, rejected):
            return held
        if not self._repository.acquire_refresh_lease(self._user_id, self._owner, LEASE_S):
            return None
        self._is_leased = True
        try:
            return self._refresh_under_lease(rejected)
        finally:
            if self._is_leased:
                self._repository.release_refresh_lease(self._user_id, self._owner)
                self._is_leased = False

    def _refresh_under_lease(self, rejected: str | None) -> _Held:
        held = self._read()
        if self._is_usable(held, rejected):
            return held
        try:
            token = self._service.refresh(held.token, lambda token: self._persist(token, held.version))
        except _Superseded:
            return self._read()
        except ReauthorisationNeeded as ended:
            return self._second_look(held, ended)
        return _Held(token, held.version + 1)

    def _second_look(self, held: _Held, ended: ReauthorisationNeeded) -> _Held:
        """The token that another worker or a reconnect stored in the meantime; without one, raise ``ended``."""
        now_stored = self._read()
        if now_stored.version != held.version:
            return now_stored
        self._repository.mark_reauthorisation_needed(self._user_id, ended.message, expected_version=held.version)
        raise ended

    def _is_usable(self, held: _Held, rejected: str | None) -> bool:
        return held.token.is_fresh(self._clock()) and held.token.access_token != rejected

    def _read(self) -> _Held:
        stored = self._stored or self._repository.read(self._user_id)
        self._stored = None  # another worker may replace it
        if stored is None:
            raise ReauthorisationNeeded(
                f"Account {self._user_id} has no token; run `moodlog connect` for it.", source=SOURCE
            )
        token = Token.from_json(self._cipher.decrypt(stored.ciphertext))
        refuse_foreign_token(self._user_id, token, self._issuer)
        return _Held(token, stored.version)

    def _persist(self, token: Token, version: int) -> None:
        self._unsaved = (token, version)
        written = Retrying(
            sleep=self._retry.sleep,
            retry=retry_if_exception(lambda error: isinstance(error, StoreError) and error.retryable),
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WRITE_WAIT_S, min=0.1),
            stop=stop_after_attempt(_WRITES),
            reraise=True,
        )(self._write, token, version)
        self._unsaved = None
        if not written:
            raise _Superseded

    def _write(self, token: Token, version: int) -> bool:
        written = self._repository.write(
            self._user_id,
            self._cipher.encrypt(token.to_json()),
            authorised_at=token.authorised_at,
            expected_version=version,
        )
        self._is_leased = self._is_leased and not written  # a write releases the lease in the same transaction
        return written

    def _save_left_over(self) -> None:
        """Store the token that an earlier call of this object received but could not persist."""
        if self._unsaved is None:
            return
        with suppress(_Superseded):
            self._persist(*self._unsaved)


def refuse_foreign_token(user_id: str, token: Token, issuer: Issuer) -> None:
    """Check that ``token`` belongs to the services of ``issuer``.

    Raises:
        ConfigError: It belongs to others. The account's state does not change: it works again with the old setting.
    """
    for mine, theirs, setting in (
        (token.issuer.accounts, issuer.accounts, "MOODLOG_SPOTIFY_ACCOUNTS_URL"),
        (token.issuer.api, issuer.api, "MOODLOG_SPOTIFY_API_URL"),
    ):
        if mine != theirs:
            raise ConfigError(
                f"The token of account {user_id} belongs to {mine} and is not sent to {theirs}. Restore {setting}, "
                f"or run `moodlog reconnect {user_id}` for a new consent."
            )


def store_new_token(
    user_id: str, token: Token, repository: TokenRepository, cipher: TokenCipher, *, issuer: Issuer | None = None
) -> None:
    """Store the token of a new authorisation by ``issuer``, replacing any older one.

    Raises:
        StoreError: the account does not exist in the repository.
    """
    ciphertext = cipher.encrypt((token if issuer is None else replace(token, issuer=issuer)).to_json())
    if not repository.write(user_id, ciphertext, authorised_at=token.authorised_at, expected_version=None):
        raise StoreError(f"The token of account {user_id} was not stored: no such account. Run `moodlog connect`.")
