"""Reports the accounts that have fallen silent."""

from __future__ import annotations

from prefect import get_run_logger, task

from flows.alerting.events import report_silences
from flows.tasks import RETRYING
from mood_core.app.workspace import Workspace


@task(name="look for silent accounts", **RETRYING)
def look_for_silence() -> None:
    """Send an event for each account that has fallen silent: see ``usecases/nightly/find_silent_accounts.py``."""
    with Workspace() as workspace:
        found = workspace.find_silent()
    for silence in found:
        get_run_logger().warning("account %s is silent (%s) since %s", silence.user_id, silence.kind, silence.since)
    report_silences(found)
