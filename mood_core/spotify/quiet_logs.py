"""Keeps spotipy's request logs out of every handler.

spotipy writes each request's Authorization header, and the token endpoint's form with codes and tokens, at DEBUG, and
redirect addresses with codes at INFO. Levels can be changed by any later ``logging`` configuration, so a filter is
set on exactly the loggers that spotipy writes to. urllib3's own records hold method, path and status alone.
"""

from __future__ import annotations

import logging

_SPOTIPY_LOGGERS = ("spotipy.client", "spotipy.oauth2", "spotipy.cache_handler", "spotipy.util")


class _WarningsOnly(logging.Filter):
    """Lets a record through from WARNING on."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_FILTER = _WarningsOnly()


def quiet_spotipy() -> None:
    """Let nothing below WARNING out of spotipy. Called where a spotipy object is built; calling it again is free."""
    for name in _SPOTIPY_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
