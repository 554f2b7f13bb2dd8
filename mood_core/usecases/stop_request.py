"""A stop request for this process: long work then ends at its next safe point."""

from __future__ import annotations

from threading import Event

_requested = Event()


def request_stop() -> None:
    """Request a stop: the current account is completed, and no new work starts."""
    _requested.set()


def stop_requested() -> bool:
    """Whether a stop was requested."""
    return _requested.is_set()
