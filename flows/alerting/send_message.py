"""Sends a message through a notification block that a person keeps on their Prefect server."""

from __future__ import annotations

from typing import Any

from prefect import task

from flows.server.setup import notification_block
from flows.tasks import RETRYING
from mood_core.errors import Unavailable


@task(name="send message", **RETRYING)
def send_message(block: str, subject: str, body: str) -> None:
    """Send a message through the notification block called ``block``, like slack-webhook/moods.

    Raises:
        ConfigError: There is no such block, or it sends no notifications.
        Unavailable: It could not be sent. What the service said is left out: it may hold the block's secret address.
    """
    sender: Any = notification_block(block)  # Prefect types the call of a synchronous flow as a coroutine
    try:
        # Without this, most blocks keep a failure to themselves.
        with sender.raise_on_failure():
            sender.notify(body, subject=subject)
    except Exception as error:  # noqa: BLE001 - whatever library the block uses
        message = f"the message could not be sent by the Prefect block {block} ({_kind(error)})"
        raise Unavailable(message, source="notification") from None


def _kind(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"HTTP {status}" if status else type(error).__name__
