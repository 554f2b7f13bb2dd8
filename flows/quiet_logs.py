"""Keeps WebSocket handshakes out of every log.

At DEBUG, the library websockets logs headers and messages, with the password of Prefect's server. A filter is used
because a later ``logging`` configuration can reset levels.
"""

from __future__ import annotations

import logging

_LOGGERS = ("websockets.client", "websockets.server")


def quiet_websockets() -> None:
    """Drop the records of websockets below INFO. Idempotent."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_from_info)


def _from_info(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO
