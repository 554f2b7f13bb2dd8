"""The common interface of the simulated services: routes and errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from standin.listeners import Listener
from standin.messages import Request, Response


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its name in faults and the call log, and its handler; the pattern's groups are arguments."""

    endpoint: str
    method: str
    pattern: re.Pattern[str]
    answer: Callable[..., Response]


def route(endpoint: str, method: str, pattern: str, answer: Callable[..., Response]) -> Route:
    """A route whose whole path below the service's prefix matches ``pattern``."""
    return Route(endpoint, method, re.compile(pattern + r"/?\Z"), answer)


class Service(Protocol):
    """One of the services."""

    @property
    def prefix(self) -> str:
        """The prefix of its paths."""

    @property
    def has_daily_quota(self) -> bool:
        """Whether the service has a daily quota per endpoint."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Its endpoints."""

    def caller(self, request: Request) -> Listener | None:
        """The listener of the request, if known."""

    def client(self, request: Request) -> str:
        """The calling app, for quotas."""

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error in this service's form."""


class WithoutApp:
    """The common part of services that know no app: calls are anonymous, and have no daily quota."""

    has_daily_quota = False

    def caller(self, request: Request) -> Listener | None:  # noqa: ARG002
        """None: the calls are anonymous."""
        return None

    def client(self, request: Request) -> str:  # noqa: ARG002
        """The same for all callers."""
        return ""


def retry_after(seconds: int | None) -> tuple[tuple[str, str], ...]:
    """The Retry-After header, if any."""
    return () if seconds is None else (("Retry-After", str(seconds)),)
