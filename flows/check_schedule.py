"""What commands ask of the Prefect server, if there is one: its schedule, and whether it keeps data of people."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flows.server.find_server import running_server
from flows.server.local_server import LocalServer
from flows.server.runtime import configured_server, no_answer
from flows.serving.run_records import RunRecords
from mood_core.app.workspace import utc_now

if TYPE_CHECKING:
    from mood_core.usecases.upkeep.check_health import Scheduled


def ask_prefect(home: Path) -> Scheduled | None:
    """The scheduled runs of the configured server, or of moodlog's own if it runs; None without a server.

    Raises:
        Unavailable: The configured server does not answer, or refuses the request.
    """
    address = configured_server()
    if address is not None:
        return _read(address, None)
    folder = home / "prefect"
    address = running_server(folder)
    if address is None:
        return None
    os.environ.update(LocalServer(folder, address).client_environment)
    return _read(address, RunRecords(folder / "runs"))


def has_served(home: Path) -> bool:
    """Whether `moodlog serve` was ever started in ``home``."""
    return (home / "prefect" / "serve.lock").exists()


def other_server_keeps(home: Path) -> str | None:
    """A sentence about the data that a configured Prefect server keeps of a forgotten person; None for moodlog's own.

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


def _read(address: str, records: RunRecords | None) -> Scheduled:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.server.schedule import read_schedule
    from flows.serving.dead_runs import find_dead

    try:
        with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as client:
            found = read_schedule(client, utc_now())
            return replace(found, ghosts=tuple(find_dead(client, records)), is_own=records is not None)
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        raise no_answer(error) from None
