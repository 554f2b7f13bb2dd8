"""Puts off what a service asked us to wait for: a run at the time it named, instead of sleeping for hours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from prefect import get_run_logger
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from flows.server.retries import this_deployment, with_retries
from mood_core.app.workspace import utc_now
from mood_core.errors import Unavailable
from mood_core.usecases.nightly.night_report import NightReport

_LABEL = "label-moods/label"
_SLACK = timedelta(seconds=10)  # clocks differ, and a moment too early would ask in vain


def put_off(report: NightReport) -> str | None:
    """Schedule runs for what ``report`` says must wait; returns when they are due, in words.

    Accounts are pulled by the same deployment, features fetched and labelled by that of labelling. A run that was not
    started by a deployment schedules nothing: whoever started it hears it by the exit code.
    """
    if (report.accounts_wait_s is None and report.features_wait_s is None) or report.dry_run:
        return None
    own = this_deployment()
    if own is None:
        return None
    said = []
    if report.accounts_wait_s is not None:
        at = utc_now() + timedelta(seconds=report.accounts_wait_s) + _SLACK
        people = {} if flow_run.parameters.get("due_only") else {"people": report.deferred_accounts}
        parameters = {**flow_run.parameters, **people}
        said.append(_run_at(at, own, parameters, "accounts", shared_key(own, "accounts", at, parameters)))
    if report.features_wait_s is not None:
        at = utc_now() + timedelta(seconds=report.features_wait_s) + _SLACK
        selection = {name: flow_run.parameters.get(name) for name in ("people", "first_day", "last_day")}
        given = {name: value for name, value in selection.items() if value}
        said.append(_run_at(at, _LABEL, given, "features", shared_key(own, "features", at, given)))
    return ", ".join(filter(None, said)) or None


def _run_at(at: datetime, name: str, parameters: Mapping[str, Any], what: str, key: str) -> str | None:
    try:
        with_retries(
            lambda: run_deployment(
                name,
                parameters=dict(parameters),
                scheduled_time=at,
                timeout=0,
                as_subflow=False,
                flow_run_name=f"what was put off ({what})",
                idempotency_key=key,
            ),
            for_s=60,
        )
    except ObjectNotFound:
        get_run_logger().warning("%s is not deployed here, so the rest waits for the next run", name)
        return None
    except Unavailable as error:
        get_run_logger().warning("the rest of the %s waits for the next run: %s", what, error.message)
        return None
    return f"the rest of the {what} at {at:%Y-%m-%d %H:%M} UTC"


def shared_key(deployment_id: str, what: str, at: datetime, parameters: Mapping[str, Any]) -> str:
    """What is the same for runs of a deployment that put off the same until the same hour: they share one run."""
    put_off = sha256(json.dumps(parameters, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return f"{deployment_id}-{what}-{at:%Y-%m-%dT%H}-{put_off}"
