"""Sends a message through a notification block of the Prefect server."""

from __future__ import annotations

from typing import Any

from prefect import task

from flows.options import RETRYING
from flows.server.setup import notification_block
from mood_core.errors import Unavailable


@task(name="send message", **RETRYING)
def send_message(block: str, subject: str, body: str) -> None:
    """Send a message through the notification block called ``block``, like slack-webhook/moods.

    Raises:
        ConfigError: The block does not exist, or it cannot send notifications.
        Unavailable: Sending failed. The service's answer is left out: it may contain the block's secret address.
    """
    sender: Any = notification_block(block)  # Prefect types the call of a synchronous flow as a coroutine
    try:
        # Without this, most blocks hide a failure.
        with sender.raise_on_failure():
            sender.notify(body, subject=subject)
    except Exception as error:  # noqa: BLE001 - the block may use any library
        message = f"Prefect block {block} could not send the message ({_kind(error)})"
        raise Unavailable(message, source="notification") from None


def _kind(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"HTTP {status}" if status else type(error).__name__
