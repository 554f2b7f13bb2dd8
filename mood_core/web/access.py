"""Access to the live pages: a token in a private file, and what is derived from it.

A browser gets in with a link that works once and then has a cookie, a program with the token itself, and a dashboard
that can send neither with the key of one picture. All derived secrets are HMACs of the token, so that a new token
makes all of them useless.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from mood_core.domain.records import to_ms
from mood_core.errors import ConfigError
from mood_core.spotify.key_file import read_or_make_keys

FILE = "web-token"
"""The name of the token's file in HOME."""

_LINKS_LIVE = timedelta(hours=1)


def read_or_make_token(home: Path) -> str:
    """The token of the pages of ``home``; created if it does not exist.

    Raises:
        ConfigError: Its file is damaged or cannot be written.
    """
    path = home / FILE
    lines = read_or_make_keys(path, lambda: secrets.token_urlsafe(32))
    if len(lines) != 1 or len(lines[0]) < 40:
        raise ConfigError(f"the token in {path} is damaged; delete the file and start `moodlog web` again")
    return lines[0]


class Access:
    """The secrets of the pages of one installation; ``now`` is the clock, ``password`` opens them without a link."""

    def __init__(self, token: str, now: Callable[[], datetime], password: str = "") -> None:
        self._token = token
        self._password = password
        self._now = now
        self._began_ms = to_ms(now())
        self._used: set[str] = set()

    @property
    def cookie(self) -> tuple[str, str]:
        """The name and the value of the cookie. Ports share cookies, so each installation has a name of its own.

        Another password makes another cookie.
        """
        return f"moodlog_{self._derived('name')[:8]}", self._derived("cookie", *filter(None, [self._password]))

    def new_code(self) -> str:
        """A code for a link, which works once within an hour."""
        written = f"{to_ms(self._now())}.{secrets.token_urlsafe(12)}"
        return f"{written}.{self._derived('link', written)}"

    def take_code(self, code: str) -> bool:
        """Whether ``code`` is new, unused and of this server; it is used up."""
        written, _, signature = code.rpartition(".")
        if not _same(signature, self._derived("link", written)):
            return False
        issued, now = int(written.partition(".")[0]), to_ms(self._now())
        # A restarted server does not know which codes were used before.
        is_fresh = max(self._began_ms, now - _LINKS_LIVE // timedelta(milliseconds=1)) <= issued <= now + 60_000
        if not is_fresh or code in self._used:
            return False
        self._used.add(code)
        return True

    def knows_cookie(self, value: str) -> bool:
        """Whether ``value`` is the cookie's value."""
        return _same(value, self.cookie[1])

    def knows_token(self, value: str) -> bool:
        """Whether ``value`` is the token, which programs send as ``Authorization: Bearer TOKEN``."""
        return _same(value, self._token)

    @property
    def has_password(self) -> bool:
        """Whether there is a password."""
        return bool(self._password)

    def knows_password(self, value: str) -> bool:
        """Whether ``value`` is the password."""
        return self.has_password and _same(value, self._password)

    def picture_key(self, path: str) -> str:
        """The key that opens the picture at ``path`` and nothing else."""
        return self._derived("picture", path)[:32]

    def knows_picture_key(self, path: str, value: str) -> bool:
        """Whether ``value`` is the key of the picture at ``path``."""
        return _same(value, self.picture_key(path))

    def form_token(self, reader: str = "") -> str:
        """What a form of the own pages of ``reader``, a user of the reverse proxy, sends; nobody else can know it."""
        return self._derived("form", *filter(None, [reader]))

    def knows_form_token(self, value: str, reader: str = "") -> bool:
        """Whether ``value`` is from a form of the own pages of ``reader``."""
        return _same(value, self.form_token(reader))

    def _derived(self, *words: str) -> str:
        return hmac.new(self._token.encode(), "\0".join(("moodlog web", *words)).encode(), sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
