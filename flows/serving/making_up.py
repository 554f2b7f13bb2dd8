"""Makes up for a night that died or met a passing failure: the next pull starts the nightly deployment once more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.server.run_queries import find_runs
from mood_core import errors
from mood_core.app.workspace import utc_now
from mood_core.errors import MoodlogError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

NIGHTLY = "run-nightly/nightly"

MADE_UP = "made-up"
"""The tag of a run that makes up for another."""

MOST = 3
"""How many runs in a row make up for one night."""

_LOOK_BACK = timedelta(hours=24)
_RAISED = re.compile(r"encountered an exception: (\w+)")


def make_up_for_night() -> None:
    """Start the nightly deployment again if its last run died and nothing has succeeded since.

    It does nothing where no deployment started this run, or where the Prefect server does not answer.
    """
    from prefect import get_run_logger
    from prefect.client.orchestration import get_client

    from flows.server.calls import if_possible, this_deployment

    if this_deployment() is None:
        return

    def start() -> None:
        with get_client(sync_client=True) as client:
            if lost := start_again(client, now=utc_now()):
                get_run_logger().warning("%s ended as %s: it runs again now", lost.name, lost.state_name)

    if_possible(start)


def start_again(client: SyncPrefectClient, *, now: datetime) -> FlowRun | None:
    """Start a run in place of the night that was lost, once; returns the lost one, None where there is none."""
    from prefect.exceptions import ObjectNotFound

    try:
        nightly = client.read_deployment_by_name(NIGHTLY)
    except ObjectNotFound:
        return None
    lost = lost_night(
        find_runs(
            client, deployments=[nightly.id], due=(now - _LOOK_BACK, now), sort="EXPECTED_START_TIME_DESC", limit=50
        )
    )
    if lost is not None:
        client.create_flow_run_from_deployment(
            nightly.id,
            parameters=lost.parameters,
            tags=[MADE_UP],
            idempotency_key=f"made-up-{lost.id}",
        )
    return lost


def lost_night(runs: Sequence[FlowRun]) -> FlowRun | None:
    """The newest of ``runs``, which come newest first, if it was lost; None where it runs, succeeded or was cancelled.

    A run for some people says nothing of the night. Nothing is made up for more than three times.
    """
    nights = [run for run in runs if not run.parameters.get("people")]
    if not nights or not _is_lost(nights[0]):
        return None
    again = next((number for number, run in enumerate(nights) if MADE_UP not in run.tags), len(nights))
    return nights[0] if again < MOST else None


def _is_lost(run: FlowRun) -> bool:
    """Whether a run died, or failed with an error after which trying again may help."""
    if run.state is None or run.state.is_crashed():
        return run.state is not None
    raised = _RAISED.search(run.state.message or "")
    return run.state.is_failed() and raised is not None and _is_passing(raised[1])


def _is_passing(name: str) -> bool:
    import httpx

    kind = getattr(errors, name, None) or getattr(httpx, name, None)
    if not isinstance(kind, type):
        return False
    return issubclass(kind, httpx.TransportError) or (issubclass(kind, MoodlogError) and kind.retryable)
