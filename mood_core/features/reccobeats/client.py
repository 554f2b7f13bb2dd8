"""Client for the ReccoBeats API: requests, retries, and the meaning of each status.

Server errors, timeouts, closed connections and truncated bodies are retried. A short Retry-After of a 429 is waited
for, a long one is raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Self

import httpx

from mood_core.errors import AccessDenied, ConfigError, RateLimited, Unavailable
from mood_core.features.reccobeats.payload import SERVICE, Entry, garbled, in_order, read_entries, unexpected
from mood_core.http.addresses import insecure, shown
from mood_core.http.call_ledger import CallLedger, NullCallLedger
from mood_core.http.headers import retry_after_s
from mood_core.http.retry import RetryPolicy

BASE_URL = "https://api.reccobeats.com/v1"
IDS_PER_CALL = 40
AUDIO_FEATURES = "reccobeats/audio-features"
TRACK = "reccobeats/track"
"""Endpoint names in the call ledger."""

RETRY = RetryPolicy(attempts=5, total_wait_s=math.inf, total_request_s=math.inf, longest_retry_after_s=60.0)
"""A longer Retry-After is raised, for the scheduler to wait."""
UNSTATED_WAIT_S = 60.0
"""Retry-After of the error for a 429 without a readable Retry-After."""
# Enough to find two unreadable ids among 40, and a limit for a service that refuses everything.
_MOST_REFUSALS = 13
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True, slots=True)
class _Refused:
    """The service could not read one of the ids (400)."""

    body: str


class ReccoBeatsClient:
    """Looks up up to 40 ids per call at ReccoBeats. Close it, or use it as a context manager.

    Args:
        base_url: the API's URL with its version path.
        ledger: counts every request, and may refuse it.
        retry: the retry policy.
        timeout: timeout of one request.

    Raises:
        ConfigError: ``base_url`` is neither https nor http to this machine.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        ledger: CallLedger | None = None,
        retry: RetryPolicy = RETRY,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        _check_address(base_url)
        self._http = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            timeout=timeout,
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
            # A proxy from the environment cannot reach a stand-in on this machine.
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
        )
        self._ledger = ledger if ledger is not None else NullCallLedger()
        self._retry = retry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def audio_features(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """The audio features of ``ids``: 1 to 40 Spotify ids or ISRCs; unknown ids are missing in the result.

        Raises:
            RateLimited: the Retry-After is too long to wait for.
            Unavailable: no valid response after all attempts.
            AccessDenied: requests are refused (403).
            UnexpectedPayload: the response violates the API's contract.
            QuotaExceeded: the ledger refused the call.
        """
        return self._entries("audio-features", AUDIO_FEATURES, ids)

    def tracks(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """The metadata of 1 to 40 ``ids``, including ``durationMs`` [ms]. Raises like :meth:`audio_features`."""
        return self._entries("track", TRACK, ids)

    def _entries(self, path: str, endpoint: str, ids: Sequence[str]) -> tuple[Entry, ...]:
        if not 1 <= len(ids) <= IDS_PER_CALL:
            raise ValueError(f"ReccoBeats accepts 1 to {IDS_PER_CALL} ids per call, not {len(ids)}")
        entries: list[Entry] = []
        pending = [list(ids)]
        refusals = 0
        while pending:
            part = pending.pop(0)
            payload = self._retry.run(partial(self._once, path, endpoint, ",".join(part)))
            if not isinstance(payload, _Refused):
                entries += read_entries(payload)
                continue
            # The batch is split, so that one unreadable id does not block the others in every run.
            refusals += 1
            if refusals > _MOST_REFUSALS:
                raise unexpected("has the status 400", payload.body)
            half = len(part) // 2
            pending += [each for each in (part[:half], part[half:]) if half]
        return in_order(entries)

    def _once(self, path: str, endpoint: str, ids: str) -> object:
        self._ledger.before_call(endpoint)
        try:
            response = self._http.get(path, params={"ids": ids})
        except httpx.TransportError as error:
            self._ledger.after_call(endpoint, 0, None)
            # httpx's own text may contain a URL with credentials; the exception's name suffices.
            what = "did not respond in time" if isinstance(error, httpx.TimeoutException) else "could not be reached"
            message = f"ReccoBeats {what} ({type(error).__name__}); the next run retries it"
            raise Unavailable(message, source=SERVICE) from error
        wait_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
        self._ledger.after_call(endpoint, response.status_code, wait_s)
        if response.status_code == 400:
            return _Refused(response.text)
        _check_status(response, wait_s)
        return _json(response)


def user_agent() -> str:
    """The User-Agent ``moodlog/<version>``. The service refuses the HTTP library's own."""
    try:
        return f"moodlog/{version('moodlog')}"
    except PackageNotFoundError:
        return "moodlog"


def _check_address(base_url: str) -> None:
    problem = insecure(base_url)
    if problem is not None:
        raise ConfigError(f"MOODLOG_RECCOBEATS_URL is {shown(base_url)}; {problem}. An example is {BASE_URL}")


def _check_status(response: httpx.Response, wait_s: float | None) -> None:
    status = response.status_code
    if status == 200:
        return
    if status == 429:
        retry_after = UNSTATED_WAIT_S if wait_s is None else wait_s
        message = f"ReccoBeats' rate limit is reached; the next request is allowed in {retry_after:.0f} s"
        raise RateLimited(message, source=SERVICE, retry_after_s=retry_after)
    if status == 403:
        message = "ReccoBeats refuses requests (403); a later run retries it"
        raise AccessDenied(message, source=SERVICE)
    if status == 408 or status >= 500:
        message = f"ReccoBeats responded with {status}; the next run retries it"
        raise Unavailable(message, source=SERVICE)
    raise unexpected(f"has the status {status}", response.text)


def _json(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError as error:  # includes UnicodeDecodeError
        raise garbled("is not JSON", response.text) from error
    except RecursionError as error:
        raise unexpected("is nested too deeply", response.text) from error
