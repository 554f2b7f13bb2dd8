"""Whether this process was asked to stop: long work then ends at its next safe point instead of being cut off."""

from __future__ import annotations

from threading import Event

_requested = Event()


def request_stop() -> None:
    """Ask the work of this process to end: the current account is finished, and nothing new is begun."""
    _requested.set()


def stop_requested() -> bool:
    """Whether this process was asked to stop."""
    return _requested.is_set()
