"""Requests to a service that answers with JSON: counted, retried, and with the meaning of each status.

Server errors, timeouts, closed connections and truncated bodies are retried. A short Retry-After is waited for, a long
one is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Self

import httpx

from mood_core.errors import (
    AccessDenied,
    ConfigError,
    GarbledPayload,
    MoodlogError,
    RateLimited,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.http.addresses import insecure, shown
from mood_core.http.call_ledger import CallLedger, NullCallLedger
from mood_core.http.headers import retry_after_s
from mood_core.http.retry import RetryPolicy

RETRY = RetryPolicy(attempts=5, total_wait_s=90.0, total_request_s=120.0, longest_retry_after_s=60.0)
"""Callers hold a lock during a request. A longer Retry-After is raised, for the scheduler to wait."""
UNSTATED_WAIT_S = 60.0
"""Retry-After of the error for a 429 without a readable Retry-After."""
EXCERPT_LENGTH = 200

TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class JsonService:
    """The client of one service. Close it, or use it as a context manager.

    Args:
        name: the service's name in errors and, in lower case, as their ``source``.
        base_url: the API's URL.
        setting: the setting that ``base_url`` comes from.
        ledger: counts every request, and may refuse it.
        retry: the retry policy.
        agent: the User-Agent.
        timeout: timeout of one request.
        failure: returns the error in a response that only this service reports so, None for others.

    Raises:
        ConfigError: ``base_url`` is neither https nor http to this machine.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        setting: str,
        *,
        ledger: CallLedger | None = None,
        retry: RetryPolicy = RETRY,
        agent: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        failure: Callable[[httpx.Response], MoodlogError | None] = lambda _: None,
    ) -> None:
        if (problem := insecure(base_url)) is not None:
            raise ConfigError(f"{setting} is {shown(base_url)}; {problem}")
        self.name = name
        self.source = name.lower()
        self._http = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            timeout=timeout,
            headers={"User-Agent": agent or user_agent(), "Accept": "application/json"},
            # A proxy from the environment cannot reach a stand-in on this machine.
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
        )
        self._ledger = ledger if ledger is not None else NullCallLedger()
        self._retry = retry
        self._own_failure = failure
        self._free_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(
        self,
        path: str,
        endpoint: str,
        params: Mapping[str, str | int] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        """The decoded body of ``path``; ``endpoint`` is its name in the call ledger.

        Raises:
            RateLimited: the Retry-After is too long to wait for.
            Unavailable: no valid response after all attempts.
            AccessDenied: requests are refused (403).
            UnexpectedPayload: the response has another status, or is not JSON.
            QuotaExceeded: the ledger refused the call.
        """
        return self.decoded(self.response(path, endpoint, params, headers=headers))

    def post(self, path: str, endpoint: str, form: Mapping[str, str | int]) -> object:
        """The decoded body of a form post, which keeps secrets out of URLs. Raises like :meth:`get`."""
        request = self._http.build_request("POST", path, data=dict(form))
        return self.decoded(self._answer(request, endpoint, ()))

    def upload(
        self, path: str, endpoint: str, field: str, file: tuple[str, bytes], *, accepted: tuple[int, ...] = ()
    ) -> httpx.Response:
        """The response to a multipart post of ``file`` (name, content) in ``field``. Raises like :meth:`get`."""
        request = self._http.build_request("POST", path, files={field: file})
        request.read()  # so that it can be sent again
        return self._answer(request, endpoint, accepted)

    def response(
        self,
        path: str,
        endpoint: str,
        params: Mapping[str, str | int] | None = None,
        *,
        accepted: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A response with the status 200 or one of ``accepted``. Raises like :meth:`get`."""
        request = self._http.build_request("GET", path, params=dict(params or {}), headers=headers)
        return self._answer(request, endpoint, accepted)

    def _answer(self, request: httpx.Request, endpoint: str, accepted: tuple[int, ...]) -> httpx.Response:
        try:
            return self._retry.run(partial(self._once, request, endpoint, accepted))
        except RateLimited as error:
            if error.retry_after_s:
                raise
            raise self._rate_limited(UNSTATED_WAIT_S) from error

    def unexpected(self, what: str, payload: object) -> UnexpectedPayload:
        """The error for a response; ``what`` completes "Deezer's response ...". Has the payload's first characters."""
        text = payload if isinstance(payload, str) else repr(payload)
        return UnexpectedPayload(self._not_used(what), source=self.source, excerpt=text[:EXCERPT_LENGTH])

    def decoded(self, response: httpx.Response) -> object:
        """The JSON in ``response``.

        Raises:
            GarbledPayload: it is not JSON, and was probably truncated or replaced.
            UnexpectedPayload: it is nested too deeply.
        """
        try:
            return response.json()
        except ValueError as error:  # includes UnicodeDecodeError
            excerpt = response.text[:EXCERPT_LENGTH]
            raise GarbledPayload(self._not_used("is not JSON"), source=self.source, excerpt=excerpt) from error
        except RecursionError as error:
            raise self.unexpected("is nested too deeply", response.text) from error

    def _once(self, request: httpx.Request, endpoint: str, accepted: tuple[int, ...]) -> httpx.Response:
        self._ledger.before_call(endpoint)
        time.sleep(max(0.0, self._free_at - time.monotonic()))
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            self._ledger.after_call(endpoint, 0, None)
            # httpx's own text may contain a URL with credentials; the exception's name suffices.
            what = "did not respond in time" if isinstance(error, httpx.TimeoutException) else "could not be reached"
            message = f"{self.name} {what} ({type(error).__name__}); try again later"
            raise Unavailable(message, source=self.source) from error
        wait_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC)) or self._reset_in_s(response)
        self._ledger.after_call(endpoint, response.status_code, wait_s)
        if (own := self._own_failure(response)) is not None:
            raise own
        if response.status_code not in (200, *accepted):
            raise self._failure(response, wait_s)
        if response.status_code == 200:
            self.decoded(response)  # a truncated body is retried
        return response

    def _reset_in_s(self, response: httpx.Response) -> float | None:
        """The seconds until the rate limit of ``response`` is reset; the next request waits if no call is left."""
        reset_in_s = retry_after_s(response.headers.get("X-RateLimit-Reset-In"), datetime.now(UTC))
        if reset_in_s is not None and response.headers.get("X-RateLimit-Remaining") == "0":
            self._free_at = time.monotonic() + min(reset_in_s, UNSTATED_WAIT_S)
        return reset_in_s

    def _failure(self, response: httpx.Response, wait_s: float | None) -> Exception:
        status = response.status_code
        if status == 429 or (status == 503 and wait_s is not None):
            return self._rate_limited(wait_s or 0.0)
        if status == 403:
            return AccessDenied(f"{self.name} refuses requests (403); try again later", source=self.source)
        if status == 408 or status >= 500:
            return Unavailable(f"{self.name} responded with {status}; try again later", source=self.source)
        return self.unexpected(f"has the status {status}", response.text)

    def _rate_limited(self, wait_s: float) -> RateLimited:
        possessive = "'" if self.name.endswith("s") else "'s"
        message = f"{self.name}{possessive} rate limit is reached; the next request is allowed in {wait_s:.0f} s"
        return RateLimited(message, source=self.source, retry_after_s=wait_s)

    def _not_used(self, what: str) -> str:
        possessive = "'" if self.name.endswith("s") else "'s"
        return f"{self.name}{possessive} response {what}; it was not used"


def user_agent() -> str:
    """The User-Agent ``moodlog/<version>``. Some services refuse the HTTP library's own."""
    try:
        return f"moodlog/{version('moodlog')}"
    except PackageNotFoundError:
        return "moodlog"
