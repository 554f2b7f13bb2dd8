"""The log of received calls, without tokens, codes and secrets."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from standin.world import iso

_KEPT = 200_000
_SECRET = {"code", "state", "code_challenge", "code_verifier", "access_token", "refresh_token", "client_secret"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``at`` by the stand-in's clock, ``listener`` the user id or None, ``fault`` the applied kind."""

    at: datetime
    endpoint: str
    method: str
    path: str
    query: str
    user_agent: str
    listener: str | None
    status: int
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The call as JSON values."""
        return {**asdict(self), "at": iso(self.at)}


class CallLog:
    """All calls except those to the control API: exact counts and the newest calls. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._calls: deque[Call] = deque(maxlen=_KEPT)

    def record(self, call: Call) -> None:
        """Add ``call``."""
        with self._lock:
            self._counts[call.endpoint] += 1
            self._calls.append(call)

    def count(self, endpoint: str | None = None) -> int:
        """The number of calls to ``endpoint``, or of all."""
        with self._lock:
            return self._counts.total() if endpoint is None else self._counts[endpoint]

    def by_endpoint(self) -> dict[str, int]:
        """The number of calls by endpoint name."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def entries(self, endpoint: str | None = None, listener: str | None = None) -> list[Call]:
        """The calls, oldest first, optionally of one endpoint or listener (user id)."""
        with self._lock:
            calls = list(self._calls)
        return [c for c in calls if endpoint in (None, c.endpoint) and listener in (None, c.listener)]

    def clear(self) -> None:
        """Delete all calls."""
        with self._lock:
            self._counts.clear()
            self._calls.clear()


def without_secrets(query_string: str) -> str:
    """``query_string`` with the values of secret parameters redacted."""
    pairs = parse_qsl(query_string, keep_blank_values=True)
    return urlencode([(key, "***" if key in _SECRET else value) for key, value in pairs])
