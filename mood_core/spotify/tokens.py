"""A person's token, its encryption at rest, and the expiry of the permission."""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from mood_core.errors import ConfigError

PERMISSION_MONTHS = 6
"""Refresh tokens expire this many calendar months after the consent; refreshing does not extend them.

Spotify's rule since 2026-07-20: https://developer.spotify.com/documentation/web-api/tutorials/refreshing-tokens
"""

_EARLY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Issuer:
    """The origins that may receive a token: refresh tokens only ``accounts``, access tokens only ``api``."""

    accounts: str
    api: str


SPOTIFY = Issuer("https://accounts.spotify.com", "https://api.spotify.com")
"""Spotify's services. Tokens that were stored before tokens had an issuer belong to them."""


@dataclass(frozen=True, slots=True)
class Token:
    """The tokens of one person. The repr hides them.

    Attributes:
        access_token: sent with each request; valid for an hour.
        refresh_token: exchanged for the next access token; may change with each refresh.
        expires_at: when the access token expires, aware UTC.
        scope: granted scopes, separated by spaces.
        authorised_at: time of the consent, aware UTC; does not change on refresh.
        issuer: the services that may receive it. It is encrypted with the token, so it cannot be changed without the
            key.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scope: str
    authorised_at: datetime
    issuer: Issuer = SPOTIFY

    def is_fresh(self, now: datetime) -> bool:
        """Whether the access token is valid for at least a minute."""
        return now < self.expires_at - _EARLY

    def refreshed(self, access_token: str, refresh_token: str | None, expires_at: datetime, scope: str | None) -> Token:
        """This token after a refresh; values that are missing in the response do not change."""
        return replace(
            self,
            access_token=access_token,
            refresh_token=refresh_token or self.refresh_token,
            expires_at=expires_at,
            scope=scope or self.scope,
        )

    def to_json(self) -> bytes:
        """The token as UTF-8 JSON with its secrets; only for encryption."""
        return json.dumps(
            {
                "access_token": self.access_token,
                "refresh_token": self.refresh_token,
                "expires_at": self.expires_at.isoformat(),
                "scope": self.scope,
                "authorised_at": self.authorised_at.isoformat(),
                "issuer": [self.issuer.accounts, self.issuer.api],
            }
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Token:
        """The token that :meth:`to_json` wrote.

        Raises:
            ConfigError: the bytes are not a token.
        """
        try:
            fields = json.loads(data)
            return cls(
                access_token=str(fields["access_token"]),
                refresh_token=str(fields["refresh_token"]),
                expires_at=datetime.fromisoformat(fields["expires_at"]),
                scope=str(fields["scope"]),
                authorised_at=datetime.fromisoformat(fields["authorised_at"]),
                issuer=Issuer(*map(str, fields["issuer"])) if "issuer" in fields else SPOTIFY,
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ConfigError("A stored token cannot be read; run `moodlog reconnect` for its account.") from None


class TokenCipher:
    """Encrypts tokens at rest with Fernet (AES-128-CBC, HMAC-SHA256). The newest key comes first and encrypts.

    Raises:
        ConfigError: there is no key, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ConfigError(
                "MOODLOG_TOKEN_KEY must hold one or more keys of 32 bytes in URL-safe base64, the newest first; "
                "`moodlog keys rotate` makes one."
            ) from None

    @staticmethod
    def generate_key() -> str:
        """A new random key, 44 characters of URL-safe base64."""
        return Fernet.generate_key().decode("ascii")

    def encrypt(self, plaintext: bytes) -> bytes:
        """``plaintext`` encrypted with the newest key."""
        return self._fernet.encrypt(plaintext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt ``ciphertext`` with any of the keys.

        Raises:
            ConfigError: none of the keys fits.
        """
        try:
            return self._fernet.decrypt(ciphertext)
        except InvalidToken:
            raise ConfigError(
                "A stored token was encrypted with another key than MOODLOG_TOKEN_KEY; "
                "put the old key back, or run `moodlog reconnect` for each account."
            ) from None

    def rotate(self, ciphertext: bytes) -> bytes:
        """``ciphertext`` encrypted again with the newest key.

        Raises:
            ConfigError: none of the keys fits.
        """
        return self.encrypt(self.decrypt(ciphertext))


def permission_ends_at(authorised_at: datetime) -> datetime:
    """When a permission given at ``authorised_at`` expires: six calendar months later, or on that month's last day."""
    years, month = divmod(authorised_at.month - 1 + PERMISSION_MONTHS, 12)
    year, month = authorised_at.year + years, month + 1
    return authorised_at.replace(year=year, month=month, day=min(authorised_at.day, monthrange(year, month)[1]))


def days_left(authorised_at: datetime, now: datetime) -> int:
    """Whole days until the permission expires; negative after that.

    A consent in the future comes from a wrong clock and counts as ``now``.
    """
    return (permission_ends_at(min(authorised_at, now)) - now) // timedelta(days=1)
