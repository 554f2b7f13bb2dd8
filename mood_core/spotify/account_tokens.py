"""One account's access token, refreshed safely while other workers do the same.

**Many workers.** A refresh token that Spotify rotates can be spent once. So each try of a refresh happens under a lease
in the repository, and only after reading the token again there, since another worker may have refreshed it meanwhile.
A worker that does not get the lease waits a moment and reads again. No lease is held while a failed try waits for the
next. Should a holder be suspended beyond its lease, the compare and swap of :meth:`TokenRepository.write` and the
second look on ``invalid_grant`` keep the account whole.

**A crash.** A try is: (1) claim the lease, (2) ask Spotify, (3) write the answer and end the lease, (4) use the token.
A crash before Spotify received (2), or after (3), costs nothing: the stored refresh token is valid, and the lease of a
process that has ended on this host is nobody's (that of another host runs out within a minute). Between Spotify's
rotation in (2) and the commit of (3) the only copy of the new refresh token is in flight or in this process; if the
process dies there *and* Spotify no longer takes the old one, the next refresh gets ``invalid_grant`` and the account
waits for its person (the old token is tried again for some days, see ``usecases/people/try_permissions.py``). No client
can close that window, since nobody can store a token before receiving it. It is as small as it gets: nothing but
parsing and one commit lies in it, and a repository that is busy is asked again before giving up,
with the token kept for this object's next call.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from mood_core.errors import ConfigError, ReauthorisationNeeded, StoreError, Unavailable
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.failures import SOURCE
from mood_core.spotify.ports import TokenRepository
from mood_core.spotify.tokens import SPOTIFY, Issuer, Token, TokenCipher

LEASE_S = 45.0
"""Longer than one try of a refresh: connecting, the answer, and a repository that is busy at first."""

_POLL_S = 0.25
_POLLS = 200
"""Another worker's lease is waited for until it has run out."""

_WRITES = 6
_LONGEST_WRITE_WAIT_S = 4.0


class RefreshEndpoint(Protocol):
    """Where refresh tokens are spent; :class:`~mood_core.spotify.token_service.TokenService` is Spotify's."""

    def refresh(self, token: Token, persist: Callable[[Token], None]) -> Token:
        """The next token after ``token``, which ``persist`` has taken before this returns."""
        ...


class AccessTokens(Protocol):
    """Where a client gets its access token."""

    def access_token(self) -> str:
        """A token that is good for at least another minute."""
        ...

    def renewed(self, rejected: str) -> str:
        """Another token than ``rejected``, which Spotify did not accept."""
        ...


@dataclass(frozen=True, slots=True)
class FixedToken:
    """The token of an account that is just being connected, and so not stored yet."""

    token: Token

    def access_token(self) -> str:
        """The token's access token."""
        return self.token.access_token

    def renewed(self, rejected: str) -> str:  # noqa: ARG002 - the protocol's
        """Never: there is only this token.

        Raises:
            ReauthorisationNeeded: always.
        """
        raise ReauthorisationNeeded(
            "Spotify does not accept the access token it has just given; run `moodlog connect` again.", source=SOURCE
        )


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    version: int


class _Superseded(Exception):
    """Another worker stored a newer token first; ours is not to be used."""


class AccountTokens:
    """The stored token of one account. For one thread; other workers are kept apart by the repository.

    Args:
        user_id: the account.
        repository: where its token is kept.
        cipher: how it is encrypted there.
        service: Spotify's token endpoint.
        issuer: the services that tokens are sent to; a stored token of other services is refused.
        retry: how a refresh that fails for a short reason is repeated; its ``sleep`` does all the waiting here.
        clock: this machine's time, aware UTC.
    """

    def __init__(
        self,
        user_id: str,
        repository: TokenRepository,
        cipher: TokenCipher,
        service: RefreshEndpoint,
        *,
        issuer: Issuer = SPOTIFY,
        retry: RetryPolicy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._user_id = user_id
        self._repository = repository
        self._cipher = cipher
        self._service = service
        self._issuer = issuer
        self._retry = retry if retry is not None else RetryPolicy()
        self._clock = clock
        self._owner = uuid4().hex
        self._held: _Held | None = None
        self._unsaved: tuple[Token, int] | None = None
        self._is_leased = False

    def access_token(self) -> str:
        """An access token that is good for another minute, refreshed and persisted first where needed.

        Raises:
            ReauthorisationNeeded: the account has no token, or its permission has ended.
            ConfigError: the token key or the app's credentials are wrong.
            SourceError: Spotify failed, also after a few tries, or another worker's refresh takes too long.
            StoreError: the repository failed.
        """
        if self._held is None or not self._held.token.is_fresh(self._clock()):
            self._held = self._usable(rejected=None)
        return self._held.token.access_token

    def renewed(self, rejected: str) -> str:
        """Another access token than ``rejected``, which Spotify answered with 401. Raises as :meth:`access_token`."""
        self._held = self._usable(rejected=rejected)
        return self._held.token.access_token

    def check_stored(self) -> None:
        """Read the stored token; asks nobody.

        Raises:
            ReauthorisationNeeded: there is none.
            ConfigError: it cannot be decrypted, or belongs to other services.
        """
        self._read()

    def refresh_now(self) -> None:
        """Refresh the stored token, also where its access token is fresh. Raises as :meth:`access_token`."""
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
        """The stored token, refreshed where it is not usable; None while another worker is at it."""
        held = self._read()
        if self._is_usable(held, rejected):
            return held
        if not self._repository.claim_refresh(self._user_id, self._owner, LEASE_S):
            return None
        self._is_leased = True
        try:
            return self._refresh_under_lease(rejected)
        finally:
            if self._is_leased:
                self._repository.release_refresh(self._user_id, self._owner)
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
        """The token that another worker or a reconnect stored meanwhile; without one the permission has ended."""
        now_stored = self._read()
        if now_stored.version != held.version:
            return now_stored
        self._repository.mark_reauthorisation_needed(self._user_id, ended.message, expected_version=held.version)
        raise ended

    def _is_usable(self, held: _Held, rejected: str | None) -> bool:
        return held.token.is_fresh(self._clock()) and held.token.access_token != rejected

    def _read(self) -> _Held:
        stored = self._repository.read(self._user_id)
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
        self._is_leased = self._is_leased and not written  # what is written ends the lease, in the same transaction
        return written

    def _save_left_over(self) -> None:
        """Store the token that an earlier call of this process received but could not persist."""
        if self._unsaved is None:
            return
        with suppress(_Superseded):
            self._persist(*self._unsaved)


def refuse_foreign_token(user_id: str, token: Token, issuer: Issuer) -> None:
    """Let ``token`` pass if it belongs to the services of ``issuer``.

    Raises:
        ConfigError: It belongs to others. The account keeps its state: with the setting put back, it works.
    """
    for mine, theirs, setting in (
        (token.issuer.accounts, issuer.accounts, "MOODLOG_SPOTIFY_ACCOUNTS_URL"),
        (token.issuer.api, issuer.api, "MOODLOG_SPOTIFY_API_URL"),
    ):
        if mine != theirs:
            raise ConfigError(
                f"The token of account {user_id} belongs to {mine} and is not sent to {theirs}. Set {setting} back, "
                f"or run `moodlog reconnect {user_id}` for a new consent."
            )


def store_new_token(
    user_id: str, token: Token, repository: TokenRepository, cipher: TokenCipher, *, issuer: Issuer | None = None
) -> None:
    """Store the token of a fresh authorisation by ``issuer``, in the place of any older one.

    Raises:
        StoreError: the repository does not know the account.
    """
    ciphertext = cipher.encrypt((token if issuer is None else replace(token, issuer=issuer)).to_json())
    if not repository.write(user_id, ciphertext, authorised_at=token.authorised_at, expected_version=None):
        raise StoreError(f"The token of account {user_id} could not be stored, since the account is not known there.")
