"""Codes, access tokens and refresh tokens: signed and self-describing.

The key depends on the seed, so a restarted stand-in with the same seed accepts earlier tokens. Revocations, used codes
and rotations are stored in memory only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

ACCESS_LIFETIME_S = 3600
CODE_LIFETIME_S = 600


@dataclass(frozen=True, slots=True)
class Grant:
    """The consent of a person or, with ``listener`` empty, of the app itself.

    Attributes:
        kind: ``code``, ``access`` or ``refresh``.
        listener: The user id.
        client_id: The app.
        scope: Scopes, separated by spaces.
        authorised_ms: Time of the consent, ms since 1970.
        issued_ms: Time of issue of this token, ms since 1970.
        family: The same for all tokens of one consent.
        generation: Counts the rotations of the refresh token.
        epoch: Counts the listener's revocations before the consent.
        rotates: Whether each refresh returns a new refresh token (PKCE without a secret).
        challenge: For a code: the PKCE challenge, or empty.
        redirect_uri: For a code: its redirect URI.
    """

    kind: str
    listener: str
    client_id: str
    scope: str
    authorised_ms: int
    issued_ms: int
    family: str
    generation: int = 0
    epoch: int = 0
    rotates: bool = False
    challenge: str = ""
    redirect_uri: str = ""


class TokenOffice:
    """Issues, reads, rotates and revokes tokens. Thread-safe."""

    def __init__(self, seed: int, now_ms: Callable[[], int]) -> None:
        self._key = hashlib.sha256(f"tokens/{seed}".encode()).digest()
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._epochs: dict[str, int] = {}
        self._generations: dict[str, int] = {}
        self._used_codes: set[str] = set()

    def new_grant(self, listener: str, client_id: str, scope: str) -> Grant:
        """A consent given now."""
        now = self._now_ms()
        epoch = self._epochs.get(listener, 0)
        return Grant("code", listener, client_id, scope, now, now, secrets.token_hex(8), epoch=epoch)

    def issue(self, grant: Grant, kind: str) -> str:
        """A token of ``kind`` for ``grant``, as text."""
        fields = asdict(replace(grant, kind=kind, issued_ms=self._now_ms()))
        if kind != "code":
            fields |= {"challenge": "", "redirect_uri": ""}
        payload = json.dumps([secrets.token_hex(4), *fields.values()], separators=(",", ":")).encode()
        return _spelt(kind, payload, self._signature(payload))

    def read(self, token: str, kind: str) -> Grant | None:
        """The grant in ``token``; None if it is not a token of ``kind`` from this seed."""
        try:
            payload_text, signature_text = token[2:].split(".")
            payload, signature = _bytes(payload_text), _bytes(signature_text)
        except ValueError:
            return None
        if not hmac.compare_digest(signature, self._signature(payload)) or token != _spelt(kind, payload, signature):
            return None
        grant = Grant(*json.loads(payload)[1:])
        return grant if grant.kind == kind else None

    def revoked(self, grant: Grant) -> bool:
        """Whether the person has revoked this consent."""
        return grant.epoch < self._epochs.get(grant.listener, 0)

    def expired(self, grant: Grant, lifetime_s: int) -> bool:
        """Whether the token is older than ``lifetime_s`` by the stand-in's clock."""
        return self._now_ms() >= grant.issued_ms + lifetime_s * 1000

    def revoke(self, listener: str) -> None:
        """Revoke a person's consent and all its tokens."""
        with self._lock:
            self._epochs[listener] = self._epochs.get(listener, 0) + 1

    def use_code(self, grant: Grant) -> bool:
        """Use a code; False if it was used before."""
        with self._lock:
            fresh = grant.family not in self._used_codes
            self._used_codes.add(grant.family)
            return fresh

    def rotate(self, grant: Grant) -> Grant | None:
        """The next generation of a rotating refresh token; None if this one was rotated before."""
        with self._lock:
            if grant.generation < self._generations.get(grant.family, 0):
                return None
            self._generations[grant.family] = grant.generation + 1
            return replace(grant, generation=grant.generation + 1)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:16]


def _spelt(kind: str, payload: bytes, signature: bytes) -> str:
    prefix = "BQ" if kind == "access" else "AQ"
    return f"{prefix}{_text(payload)}.{_text(signature)}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
