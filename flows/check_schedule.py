"""Reads the schedule and the last nightly runs from the Prefect server, if there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

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


def _read(address: str, records: RunRecords | None) -> Scheduled:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import DeploymentStatus
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.server.schedule import read_schedule
    from flows.serving.dead_runs import find_dead
    from mood_core.usecases.upkeep.check_health import Scheduled

    now = utc_now()
    try:
        with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as client:
            found = read_schedule(client, now)
            dead = tuple(find_dead(client, records))
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        raise no_answer(error) from None
    nightly = found.nightly
    is_idle = nightly is not None and nightly.work_pool_name and nightly.status is DeploymentStatus.NOT_READY
    return Scheduled(
        active=nightly is not None,
        since=nightly.created if nightly else None,
        last_success=found.last_success,
        last_successes=tuple((name, at) for name, at in found.last_successes.items() if at is not None),
        failed_since=found.failed_since,
        waits_for_worker=bool(is_idle),
        next_runs=tuple((name, at) for name, at in found.next_runs.items() if at is not None),
        unscheduled=tuple(found.unscheduled),
        ghosts=dead,
        is_own=records is not None,
    )
