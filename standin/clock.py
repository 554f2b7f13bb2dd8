"""A clock that can be moved: the one time every part of the stand-in goes by."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from mood_core.domain.records import to_ms


class Clock:
    """Starts at ``start`` (aware; default the real time) and runs with real time unless frozen."""

    def __init__(self, start: datetime | None = None, *, running: bool = True) -> None:
        self._lock = threading.Lock()
        self._running = running
        self._base = _checked(start or datetime.now(UTC))
        self._since = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether time passes by itself."""
        return self._running

    def now(self) -> datetime:
        """The current moment, aware UTC."""
        with self._lock:
            return self._now()

    def now_ms(self) -> int:
        """The current moment in milliseconds since 1970."""
        return to_ms(self.now())

    def set(self, moment: datetime) -> None:
        """Jump to ``moment`` (aware), forwards or backwards.

        Raises:
            ValueError: ``moment`` has no time zone.
        """
        with self._lock:
            self._restart(_checked(moment))

    def advance(self, by: timedelta) -> datetime:
        """Move by ``by`` and return the new moment."""
        with self._lock:
            self._restart(self._now() + by)
            return self._base

    def freeze(self) -> None:
        """Stop: time moves only by :meth:`set` and :meth:`advance`."""
        with self._lock:
            self._restart(self._now())
            self._running = False

    def resume(self) -> None:
        """Run with real time again."""
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


def _checked(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the stand-in's clock needs a time with a zone")
    return moment.astimezone(UTC)
