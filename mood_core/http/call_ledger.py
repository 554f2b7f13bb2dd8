"""The count of calls to an outside service, as its client sees it; ``store/quota/calls.py`` keeps it in SQL."""

from __future__ import annotations

from typing import Protocol


class CallLedger(Protocol):
    """Counts every HTTP request, shared by all workers, and may refuse one.

    ``endpoint`` names a kind of request, for example ``me/player/recently-played``, ``tracks/{id}`` or ``token``.
    """

    def before_call(self, endpoint: str) -> None:
        """Count a request that is about to be sent, retries included.

        Raises:
            QuotaExceeded: The budget is used up, or the Retry-After of an earlier response is not over yet.
        """
        ...

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        """Record the response to a request.

        Args:
            endpoint: As in :meth:`before_call`.
            status: The HTTP status; 0 where no complete response came (timeout, closed connection).
            retry_after_s: The response's Retry-After in seconds, None where it has none. Above 60 s the quota is used
                up, and the endpoint must not be called before that time.
        """
        ...


class NullCallLedger:
    """Counts nothing and allows every request."""

    def before_call(self, endpoint: str) -> None:
        """Allow the request."""

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        """Record nothing."""
