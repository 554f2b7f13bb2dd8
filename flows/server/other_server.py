"""The warning about a configured Prefect server when a person is forgotten: moodlog does not change that server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from flows.server.find_server import running_server
from flows.server.runtime import configured_server


def other_server_keeps(home: Path) -> str | None:
    """A sentence about the data that a configured Prefect server keeps; None for moodlog's own server.

    Raises:
        ConfigError: Other users can change a file with Prefect's settings.
    """
    address = configured_server()
    if address is None or address == running_server(home / "prefect"):
        return None
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return (
        f"The Prefect server at {parts.scheme}://{host} is not moodlog's own, so its runs, logs and artifacts may still"
        " contain their data. Delete those runs in Prefect's pages, or let its database vacuum do so; events expire"
        " after 7 days"
    )
