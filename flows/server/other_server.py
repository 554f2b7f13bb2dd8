"""What to tell of a Prefect server that is not moodlog's own when somebody is forgotten: moodlog does not change it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from flows.server.place import running_server
from flows.server.runtime import configured_server


def other_server_keeps(home: Path) -> str | None:
    """A sentence about what a Prefect server of the person's own keeps; None where moodlog's own one is used.

    Raises:
        ConfigError: Others can change a file that Prefect reads its settings from.
    """
    address = configured_server()
    if address is None or address == running_server(home / "prefect"):
        return None
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return (
        f"The Prefect server at {parts.scheme}://{host} is not moodlog's own, so its runs, logs and artifacts may still"
        " name them: Prefect keeps those until you delete them in its pages or its database vacuum does, and events for"
        " 7 days"
    )
