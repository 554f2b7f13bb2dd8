"""Retry policy of failed requests, with exponential backoff and short Retry-After waits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from mood_core.errors import RateLimited, SourceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How to retry a failed request.

    Attributes:
        attempts: number of attempts, including the first.
        total_wait_s: limit of all waits of one call; then the failure is raised.
        total_request_s: limit of the time of all attempts, after which there is no retry, so that a server whose
            requests time out does not delay other accounts.
        backoff_s: half the upper limit of the first wait after a 5xx, a timeout or a closed connection; doubles with
            each attempt. Waits are random, so that workers do not retry at the same time.
        longest_backoff_s: limit of a single backoff.
        longest_retry_after_s: a failure with a longer Retry-After is raised at once.
        sleep: how to wait; tests pass their own.
    """

    attempts: int = 4
    total_wait_s: float = 120.0
    total_request_s: float = 25.0
    backoff_s: float = 0.5
    longest_backoff_s: float = 20.0
    longest_retry_after_s: float = math.inf
    sleep: Callable[[float], None] = time.sleep

    def run(self, request: Callable[[], T]) -> T:
        """The result of ``request``, retried while it fails with a retryable ``SourceError``.

        Raises:
            SourceError: the last failure.
        """
        is_short = retry_if_exception(self._is_short)
        return Retrying(sleep=self.sleep, retry=is_short, wait=self._wait_s, stop=self._is_enough, reraise=True)(
            request
        )

    def _is_short(self, error: BaseException) -> bool:
        is_long = isinstance(error, RateLimited) and error.retry_after_s > self.longest_retry_after_s
        return isinstance(error, SourceError) and error.retryable and not is_long

    def _wait_s(self, state: RetryCallState) -> float:
        backoff = wait_random_exponential(multiplier=self.backoff_s, max=self.longest_backoff_s, min=self.backoff_s / 2)
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after_s if isinstance(error, RateLimited) else 0.0
        return asked_for + backoff(state)

    def _is_enough(self, state: RetryCallState) -> bool:
        request_s = (state.seconds_since_start or 0.0) - state.idle_for
        return (
            state.attempt_number >= self.attempts
            or request_s >= self.total_request_s
            or state.idle_for + state.upcoming_sleep > self.total_wait_s
        )
