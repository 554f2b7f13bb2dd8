"""Keeps the handshakes of WebSockets out of every log.

The library websockets writes the headers and messages of a connection at DEBUG, and with them the password of Prefect's
server. Levels can be changed by any later ``logging`` configuration, so a filter is set on exactly its loggers.
"""

from __future__ import annotations

import logging

_LOGGERS = ("websockets.client", "websockets.server")


def quiet_websockets() -> None:
    """Let nothing below INFO out of websockets. Calling it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_from_info)


def _from_info(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO
