"""An adjustable clock that all parts of the stand-in use."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from mood_core.domain.records import to_ms


class Clock:
    """A clock that starts at ``start`` (aware; default: real time) and runs in real time unless frozen."""

    def __init__(self, start: datetime | None = None, *, running: bool = True) -> None:
        self._lock = threading.Lock()
        self._running = running
        self._base = _checked(start or datetime.now(UTC))
        self._since = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether the clock is not frozen."""
        return self._running

    def now(self) -> datetime:
        """The current time, aware UTC."""
        with self._lock:
            return self._now()

    def now_ms(self) -> int:
        """The current time in milliseconds since 1970."""
        return to_ms(self.now())

    def set(self, at: datetime) -> None:
        """Set the clock to ``at`` (aware), forwards or backwards.

        Raises:
            ValueError: ``at`` has no time zone.
        """
        with self._lock:
            self._restart(_checked(at))

    def advance(self, by: timedelta) -> datetime:
        """Move the clock by ``by`` and return the new time."""
        with self._lock:
            self._restart(self._now() + by)
            return self._base

    def freeze(self) -> None:
        """Freeze the clock: it changes only by :meth:`set` and :meth:`advance`."""
        with self._lock:
            self._restart(self._now())
            self._running = False

    def resume(self) -> None:
        """Run in real time again."""
        with self._lock:
            self._restart(self._now())
            self._running = True

    def _now(self) -> datetime:
        if not self._running:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._since)

    def _restart(self, base: datetime) -> None:
        self._base = base
        self._since = time.monotonic()


def _checked(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("the stand-in's clock needs a time with a zone")
    return at.astimezone(UTC)
