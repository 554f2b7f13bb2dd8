"""How an account is read at a service: the name there and, for ListenBrainz, an optional token."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import SecretStr

from mood_core.errors import ConfigError
from mood_core.http.addresses import origin


@dataclass(frozen=True, slots=True)
class Login:
    """A person's ``name`` at a service, an optional ``token`` and the ``origin`` of the service that may get both."""

    name: str
    token: SecretStr | None
    origin: str

    def to_json(self) -> bytes:
        """The login as UTF-8 JSON with its secret; only for encryption."""
        token = None if self.token is None else self.token.get_secret_value()
        return json.dumps({"name": self.name, "token": token, "origin": self.origin}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Login:
        """The login that :meth:`to_json` wrote.

        Raises:
            ConfigError: the bytes are not a login.
        """
        try:
            fields = json.loads(data)
            token = fields["token"]
            return cls(str(fields["name"]), None if token is None else SecretStr(str(token)), str(fields["origin"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ConfigError("a stored login is damaged") from None


def refuse_foreign_login(user_id: str, login: Login, url: str, setting: str) -> None:
    """Check that the token of ``login`` belongs to the service at ``url``.

    Raises:
        ConfigError: It belongs to another one.
    """
    if login.token is not None and login.origin != origin(url):
        raise ConfigError(
            f"The token of account {user_id} belongs to {login.origin} and is not sent to {origin(url)}. Restore "
            f"{setting}, or run `moodlog reconnect {user_id}`."
        )
