"""Protocol of the call ledger, which counts calls to a service; ``store/quota/calls.py`` implements it in SQL."""

from __future__ import annotations

from typing import Protocol


class CallLedger(Protocol):
    """Counts every HTTP request, shared by all workers, and may refuse one.

    ``endpoint`` names a kind of request, for example ``me/player/recently-played``, ``tracks/{id}`` or ``token``.
    """

    def before_call(self, endpoint: str) -> None:
        """Count a request before it is sent, including retries.

        Raises:
            QuotaExceeded: The budget is used up, or the Retry-After of an earlier response has not expired.
        """
        ...

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        """Record the response to a request.

        Args:
            endpoint: As in :meth:`before_call`.
            status: The HTTP status; 0 without a complete response (timeout, closed connection).
            retry_after_s: The response's Retry-After in seconds, or None. Above 60 s the quota is used up, and the
                endpoint must not be called before that time.
        """
        ...


class NullCallLedger:
    """Counts nothing and allows every request."""

    def before_call(self, endpoint: str) -> None:
        """Allow the request."""

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        """Record nothing."""
