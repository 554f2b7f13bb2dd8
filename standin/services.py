"""What the three services share: routes, and the forms in which each reports an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from standin.listeners import Listener
from standin.messages import Request, Response


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its name in faults and call log, and what answers it; the pattern's groups become arguments."""

    endpoint: str
    method: str
    pattern: re.Pattern[str]
    answer: Callable[..., Response]


def route(endpoint: str, method: str, pattern: str, answer: Callable[..., Response]) -> Route:
    """A route whose whole path, below its service's prefix, is ``pattern``."""
    return Route(endpoint, method, re.compile(pattern + r"/?\Z"), answer)


class Service(Protocol):
    """One of the services: where it lies, what it answers, how it fails."""

    @property
    def prefix(self) -> str:
        """The start of its paths."""

    @property
    def has_daily_quota(self) -> bool:
        """Whether the daily quota per endpoint is this service's."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Its endpoints."""

    def caller(self, request: Request) -> Listener | None:
        """The listener on whose behalf the request comes, as far as it can be told."""

    def client(self, request: Request) -> str:
        """The app that calls, for quotas."""

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error in this service's own form."""


def retry_after(seconds: int | None) -> tuple[tuple[str, str], ...]:
    """The Retry-After header, where there is one to send."""
    return () if seconds is None else (("Retry-After", str(seconds)),)
