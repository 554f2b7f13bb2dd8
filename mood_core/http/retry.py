"""The one owner of short waits: how often and how patiently a failed request to Spotify is repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import Retrying, retry_if_exception, wait_random_exponential

from mood_core.errors import RateLimited, SourceError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a failed request is repeated.

    Attributes:
        attempts: tries in all, the first included.
        total_wait_s: waits of one call never add up to more than this; then the failure is raised.
        total_request_s: once the tries themselves have taken this long, there is no other one: a server that lets
            requests time out is not to hold up everybody else.
        backoff_s: the first wait after a 5xx, a timeout or a cut connection is up to twice this, doubling from there,
            each drawn at random so that workers do not come back in step.
        longest_backoff_s: the longest single such wait.
        sleep: how to wait; tests pass their own.
    """

    attempts: int = 4
    total_wait_s: float = 120.0
    total_request_s: float = 25.0
    backoff_s: float = 0.5
    longest_backoff_s: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def run(self, request: Callable[[], T]) -> T:
        """The result of ``request``, repeated while it fails with a ``SourceError`` that is ``retryable``.

        Raises:
            SourceError: the last failure, as it was.
        """
        retrying = Retrying(
            sleep=self.sleep,
            retry=retry_if_exception(_is_short),
            wait=self._wait_s,
            stop=self._is_enough,
            reraise=True,
        )
        return retrying(request)

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


def _is_short(error: BaseException) -> bool:
    return isinstance(error, SourceError) and error.retryable
