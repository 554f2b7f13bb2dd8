"""Spotify's token endpoint through spotipy's PKCE client: exchanges codes and refreshes tokens.

Spotify rotates the refresh tokens of PKCE clients, and the response invalidates the old one. So a spotipy
``CacheHandler`` persists the response of a refresh first; the new access token is not used before the new refresh token
is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import spotipy
from spotipy.cache_handler import CacheHandler, MemoryCacheHandler

from mood_core.errors import ConfigError, UnexpectedPayload
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.failures import SOURCE
from mood_core.spotify.session import Pool
from mood_core.spotify.tokens import Token

_YEAR_S = 366 * 86_400
_MAX_CLOCK_SKEW = timedelta(minutes=5)


class _PersistToken(CacheHandler):  # type: ignore[misc]  # spotipy is untyped
    """A spotipy cache that passes each response to ``persist`` at once."""

    def __init__(self, persist: Callable[[dict[str, Any]], None]) -> None:
        self._persist = persist

    def get_cached_token(self) -> None:
        """Nothing: the caller has read the repository already."""

    def save_token_to_cache(self, token_info: dict[str, Any]) -> None:
        """Persist ``token_info`` before spotipy returns it."""
        self._persist(token_info)


class TokenService:
    """The token endpoint; thread-safe.

    Args:
        pool: spotipy's PKCE clients, see :func:`mood_core.spotify.session.accounts_pool`.
        retry: the retry policy of exchanges.
        clock: this machine's time, aware UTC.
    """

    def __init__(
        self,
        pool: Pool[spotipy.SpotifyPKCE],
        retry: RetryPolicy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._retry = retry
        self._clock = clock

    def refresh(self, token: Token, persist: Callable[[Token], None]) -> Token:
        """Refresh ``token`` with a single call; the new token is persisted when this returns.

        ``persist`` is called before the new token is returned; its errors are not caught.

        Raises:
            ReauthorisationNeeded: the permission has expired or was revoked (``invalid_grant``).
            ConfigError: Spotify does not know the client id or secret.
            SourceError: see :mod:`mood_core.spotify.failures`.
        """
        fresh: list[Token] = []

        def keep(info: dict[str, Any]) -> None:
            fresh.append(self._refreshed(token, info))
            persist(fresh[-1])

        with self._pool.borrow() as client:
            client.cache_handler = _PersistToken(keep)
            try:
                client.refresh_access_token(token.refresh_token)
            finally:
                client.cache_handler = MemoryCacheHandler()
        return fresh[-1]

    def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Token:
        """Exchange a one-time ``code`` for a token.

        Raises:
            ReauthorisationNeeded: the code was used, is expired or belongs to another request (``invalid_grant``).
            ConfigError: Spotify does not know the client id or secret, or the clock is more than 5 minutes off.
            SourceError: see :mod:`mood_core.spotify.failures`.
        """
        with self._pool.borrow() as client:
            handler = client.cache_handler = MemoryCacheHandler()
            client.redirect_uri, client.code_verifier, client.code_challenge = redirect_uri, verifier, "sent before"
            try:
                self._retry.run(lambda: client.get_access_token(code, check_cache=False))
            finally:
                client.code_verifier = client.code_challenge = None
                client.cache_handler = MemoryCacheHandler()
            spotify_time: datetime | None = client.session.answered_at
        token = self._first(handler.token_info)
        if spotify_time is not None:
            check_clock(self._clock(), spotify_time)
        return token

    def _first(self, info: dict[str, Any]) -> Token:
        now = self._clock()
        return Token(
            access_token=info["access_token"],
            refresh_token=_refresh_token(info),
            expires_at=now + _lifetime(info),
            scope=str(info.get("scope") or ""),
            authorised_at=now,
        )

    def _refreshed(self, token: Token, info: dict[str, Any]) -> Token:
        rotated = info.get("refresh_token")
        return token.refreshed(
            info["access_token"],
            rotated if isinstance(rotated, str) else None,
            self._clock() + _lifetime(info),
            info["scope"] if isinstance(info.get("scope"), str) else None,
        )


def check_clock(now: datetime, spotify_time: datetime) -> None:
    """Compare this machine's clock with Spotify's.

    Raises:
        ConfigError: they differ by more than 5 minutes, which would make the times of tokens and listens wrong.
    """
    skew = now - spotify_time
    if abs(skew) > _MAX_CLOCK_SKEW:
        minutes, side = abs(skew) / timedelta(minutes=1), "ahead of" if skew > timedelta() else "behind"
        raise ConfigError(
            f"This machine's clock is {minutes:.0f} minutes {side} Spotify's; synchronise it (NTP) and "
            "run the command again."
        )


def _lifetime(info: dict[str, Any]) -> timedelta:
    return timedelta(seconds=min(max(info["expires_in"], 0), _YEAR_S))


def _refresh_token(info: dict[str, Any]) -> str:
    value = info.get("refresh_token")
    if not isinstance(value, str) or not value:
        raise UnexpectedPayload(
            "Spotify's response to the authorisation has no refresh token; run `moodlog connect` again.", source=SOURCE
        )
    return value
