"""Options that flows and tasks share: privacy of results, time limits and retries."""

from __future__ import annotations

import logging
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from mood_core.app.workspace import Workspace
from mood_core.errors import MoodlogError
from mood_core.store.queries.operations import record_success

log = logging.getLogger(__name__)

NIGHT_S = 20 * 3600.0
"""The time limit of scheduled runs, so that a run that hangs never blocks the next night's."""

PULL_S = 6 * 3600.0
"""The time limit of short scheduled runs."""

PRIVATE: dict[str, Any] = {"log_prints": False, "persist_result": False}
"""Options of every flow: Prefect stores neither its output nor its result."""


def _record_success(flow: Any, run: Any, _state: Any) -> None:
    """Record that a run succeeded, for ``/metrics``; not that of a dry run, which writes nothing."""
    if run.parameters.get("dry_run"):
        return
    try:
        with Workspace() as workspace:
            record_success(workspace.database, flow.name, now=workspace.now())
    except MoodlogError as error:
        log.warning("the success of %s is not in /metrics: %s", flow.name, error)


SCHEDULED: dict[str, Any] = {**PRIVATE, "on_completion": [_record_success]}
"""Options of flows that run on a schedule."""


def is_retryable(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a task failed with a retryable error. Any other error is a defect."""
    return isinstance(state.data, MoodlogError) and state.data.retryable


RETRYING: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_retryable,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""Options of every task: three retries after 10, 20 and 40 s and up to half as long again. Results stay in memory."""
