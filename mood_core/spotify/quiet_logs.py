"""Suppresses spotipy's request logs.

spotipy logs each request's Authorization header and the token endpoint's form, with codes and tokens, at DEBUG, and
redirect URLs with codes at INFO. Later ``logging`` configuration can change levels, so a filter is set on the loggers
that spotipy uses. urllib3's records contain only method, path and status.
"""

from __future__ import annotations

import logging

_SPOTIPY_LOGGERS = ("spotipy.client", "spotipy.oauth2", "spotipy.cache_handler", "spotipy.util")


class _WarningsOnly(logging.Filter):
    """Passes records at WARNING and above."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_FILTER = _WarningsOnly()


def quiet_spotipy() -> None:
    """Suppress spotipy's records below WARNING. Called before a spotipy object is made; idempotent."""
    for name in _SPOTIPY_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
