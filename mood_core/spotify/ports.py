"""Protocols and settings that the Spotify package requires: the app, a token repository and a call ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from mood_core.domain.records import StoredToken
from mood_core.errors import ConfigError
from mood_core.http.addresses import insecure, origin, shown
from mood_core.spotify.tokens import SPOTIFY, Issuer

API_URL = f"{SPOTIFY.api}/v1"
ACCOUNTS_URL = SPOTIFY.accounts
DEFAULT_REDIRECT_URI = "http://127.0.0.1:8888/callback"


@dataclass(frozen=True, slots=True)
class SpotifyApp:
    """The app registered in Spotify's developer dashboard, and the URLs of its services.

    ``client_secret`` is optional: PKCE needs only a client id. URLs are stored without a trailing slash.

    Raises:
        ConfigError: the client id is empty, or a URL is neither https nor http to this machine.
    """

    client_id: str
    client_secret: SecretStr | None
    redirect_uri: str
    api_url: str = API_URL
    accounts_url: str = ACCOUNTS_URL

    def __post_init__(self) -> None:
        if not self.client_id.strip():
            raise ConfigError(
                "MOODLOG_SPOTIFY_CLIENT_ID is empty; copy it from https://developer.spotify.com/dashboard"
            )
        if self.client_secret is not None and not self.client_secret.get_secret_value():
            object.__setattr__(self, "client_secret", None)
        object.__setattr__(self, "api_url", _base_url(self.api_url, "MOODLOG_SPOTIFY_API_URL"))
        object.__setattr__(self, "accounts_url", _base_url(self.accounts_url, "MOODLOG_SPOTIFY_ACCOUNTS_URL"))

    @property
    def issuer(self) -> Issuer:
        """The issuer of usable tokens: tokens of other services are not sent to these."""
        return Issuer(origin(self.accounts_url), origin(self.api_url))


def _base_url(url: str, setting: str) -> str:
    problem = insecure(url)
    if problem is None and (urlsplit(url).query or urlsplit(url).fragment):
        problem = "it must have no query and no fragment"
    if problem is not None:
        raise ConfigError(f"{setting} is {shown(url)}; {problem}. An example is {API_URL}")
    return url.rstrip("/")


class TokenRepository(Protocol):
    """Stores encrypted tokens; shared by all workers."""

    def read(self, user_id: str) -> StoredToken | None:
        """The account's stored token, or None."""
        ...

    def write(self, user_id: str, ciphertext: bytes, *, authorised_at: datetime, expected_version: int | None) -> bool:
        """Store a token if the stored version is still ``expected_version``; None stores it unconditionally.

        Returns True if the token is stored durably, False if another worker was first. A write with
        ``expected_version`` also releases the account's refresh lease, since the token is fresh.
        """
        ...

    def acquire_refresh_lease(self, user_id: str, owner: str, for_s: float) -> bool:
        """Acquire the account's refresh lease for ``for_s`` seconds; False while another owner holds it."""
        ...

    def release_refresh_lease(self, user_id: str, owner: str) -> None:
        """Release the lease; does nothing if ``owner`` does not hold it."""
        ...

    def mark_reauthorisation_needed(self, user_id: str, reason: str, *, expected_version: int) -> None:
        """Record that the token of ``expected_version`` was rejected; does nothing if another version is stored."""
        ...
