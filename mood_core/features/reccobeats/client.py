"""The door to ReccoBeats' API: requests, their retries, and what each status means.

This is the one retry owner for ReccoBeats. Server errors, timeouts, cut connections and cut bodies are tried again
with growing, jittered pauses; a 429 waits as long as it asks for when that is short, and is handed up when it is long.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from mood_core.errors import AccessDenied, ConfigError, MoodlogError, RateLimited, Unavailable
from mood_core.features.reccobeats.payload import SERVICE, Entry, garbled, in_order, read_entries, unexpected
from mood_core.http.addresses import insecure, shown
from mood_core.http.call_ledger import CallLedger, NullCallLedger
from mood_core.http.headers import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BASE_URL = "https://api.reccobeats.com/v1"
IDS_PER_CALL = 40
AUDIO_FEATURES = "reccobeats/audio-features"
TRACK = "reccobeats/track"
"""The endpoints' names in the ledger of calls."""

ATTEMPTS = 5
LONGEST_WAIT_S = 60.0
"""A longer Retry-After is the scheduler's to wait for, not ours."""
UNSTATED_WAIT_S = 60.0
"""What a 429 without a readable Retry-After is handed up with, once our own pauses are used up."""
# Two unreadable ids among 40 are found within it; a service that refuses everything costs no more.
_MOST_REFUSALS = 13
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True, slots=True)
class _Refused:
    """The service cannot read one of the ids (400)."""

    body: str


class ReccoBeatsClient:
    """Asks ReccoBeats about up to 40 ids a call. Close it, or use it as a context manager.

    Args:
        base_url: where the API answers, with its version path.
        ledger: told of every request, and may refuse it.
        sleep: waits the given seconds.
        jitter: gives a number in [0, 1).
        timeout: for one request.

    Raises:
        ConfigError: ``base_url`` is neither https nor http to this machine.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        ledger: CallLedger | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        _check_address(base_url)
        self._http = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            timeout=timeout,
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
            # A proxy of the environment is for the world outside, not for a stand-in on this machine.
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
        )
        self._ledger = ledger if ledger is not None else NullCallLedger()
        self._jitter = jitter
        self._retrying = Retrying(
            retry=retry_if_exception(_worth_another_try),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._pause,
            sleep=sleep,
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def audio_features(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """What ReccoBeats knows of ``ids``: 1 to 40 Spotify ids or ISRCs; unknown ones are left out of the answer.

        Raises:
            RateLimited: asked to wait longer than we wait.
            Unavailable: no proper answer after all attempts.
            AccessDenied: our requests are refused.
            UnexpectedPayload: an answer outside the API's contract.
            QuotaExceeded: the ledger refused the call.
        """
        return self._entries("audio-features", AUDIO_FEATURES, ids)

    def tracks(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """The metadata of 1 to 40 ``ids``, ``durationMs`` [ms] among the values. Raises as :meth:`audio_features`."""
        return self._entries("track", TRACK, ids)

    def _entries(self, path: str, endpoint: str, ids: Sequence[str]) -> tuple[Entry, ...]:
        if not 1 <= len(ids) <= IDS_PER_CALL:
            raise ValueError(f"ReccoBeats takes 1 to {IDS_PER_CALL} ids a call, not {len(ids)}")
        entries: list[Entry] = []
        waiting = [list(ids)]
        refusals = 0
        while waiting:
            part = waiting.pop(0)
            payload = self._retrying(self._once, path, endpoint, ",".join(part))
            if not isinstance(payload, _Refused):
                entries += read_entries(payload)
                continue
            # One id that the service cannot read would keep its neighbours from being known, run after run.
            refusals += 1
            if refusals > _MOST_REFUSALS:
                raise unexpected("has the status 400", payload.body)
            half = len(part) // 2
            waiting += [each for each in (part[:half], part[half:]) if half]
        return in_order(entries)

    def _once(self, path: str, endpoint: str, ids: str) -> object:
        self._ledger.before_call(endpoint)
        try:
            response = self._http.get(path, params={"ids": ids})
        except httpx.TransportError as error:
            self._ledger.after_call(endpoint, 0, None)
            # httpx's own text may hold an address with credentials; its kind says enough.
            what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "could not be reached"
            message = f"ReccoBeats {what} ({type(error).__name__}); it will be asked again in the next run"
            raise Unavailable(message, source=SERVICE) from error
        wait_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
        self._ledger.after_call(endpoint, response.status_code, wait_s)
        if response.status_code == 400:
            return _Refused(response.text)
        _check_status(response, wait_s)
        return _json(response)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, RateLimited) and error.retry_after_s > 0:
            # A little later than asked, and not all of us at once.
            return error.retry_after_s + self._jitter()
        longest: float = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (state.attempt_number - 1))
        return longest * (0.5 + 0.5 * self._jitter())


def user_agent() -> str:
    """What we call ourselves: ``moodlog/<version>``. The HTTP library's own name is refused by the service."""
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
        raise _rate_limited(wait_s)
    if status == 403:
        message = "ReccoBeats refuses our requests (403); it will be asked again later"
        raise AccessDenied(message, source=SERVICE)
    if status == 408 or status >= 500:
        message = f"ReccoBeats answered {status}; it will be asked again in the next run"
        raise Unavailable(message, source=SERVICE)
    raise unexpected(f"has the status {status}", response.text)


def _rate_limited(wait_s: float | None) -> RateLimited:
    asked = UNSTATED_WAIT_S if wait_s is None else wait_s
    message = f"ReccoBeats asks to wait {asked:.0f} s before the next request"
    return RateLimited(message, source=SERVICE, retry_after_s=asked)


def _json(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError as error:  # UnicodeDecodeError among them
        raise garbled("is not JSON", response.text) from error
    except RecursionError as error:
        raise unexpected("is nested too deeply", response.text) from error


def _worth_another_try(error: BaseException) -> bool:
    if isinstance(error, RateLimited):
        return error.retry_after_s <= LONGEST_WAIT_S
    return isinstance(error, MoodlogError) and error.retryable
