"""Schedules a follow-up run when a service sends a long Retry-After, instead of sleeping for hours."""

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
_MARGIN = timedelta(seconds=10)  # clocks differ, and a call that is too early is refused


def schedule_deferred_runs(report: NightReport) -> str | None:
    """Schedule runs for the deferred work of ``report``; returns a text with their start times, None without any.

    The same deployment pulls deferred accounts; that of labelling fetches deferred features. A run without a deployment
    schedules nothing: its exit code asks the caller to try again later.
    """
    if report.dry_run or (report.accounts_wait_s is None and report.features_wait_s is None):
        return None
    own = this_deployment()
    if own is None:
        return None
    given = flow_run.parameters
    accounts = given if given.get("due_only") else {**given, "people": report.deferred_accounts}
    features = {name: given[name] for name in ("people", "first_day", "last_day") if given.get(name)}
    texts = []
    for what, deployment, parameters, wait_s in (
        ("accounts", own, accounts, report.accounts_wait_s),
        ("features", _LABEL, features, report.features_wait_s),
    ):
        if wait_s is not None:
            at = utc_now() + timedelta(seconds=wait_s) + _MARGIN
            texts.append(_schedule(deployment, at, parameters, what, deferral_key(own, what, at, parameters)))
    return ", ".join(filter(None, texts)) or None


def _schedule(deployment: str, at: datetime, parameters: Mapping[str, Any], what: str, key: str) -> str | None:
    try:
        with_retries(
            lambda: run_deployment(
                deployment,
                parameters=dict(parameters),
                scheduled_time=at,
                timeout=0,
                as_subflow=False,
                flow_run_name=f"deferred {what}",
                idempotency_key=key,
            ),
            for_s=60,
        )
    except (ObjectNotFound, Unavailable) as error:
        reason = error.message if isinstance(error, Unavailable) else f"{deployment} is not deployed on this server"
        get_run_logger().warning("The deferred %s are left to the next run: %s", what, reason)
        return None
    return f"deferred {what} run at {at:%Y-%m-%d %H:%M} UTC"


def deferral_key(deployment_id: str, what: str, at: datetime, parameters: Mapping[str, Any]) -> str:
    """The idempotency key of a deferred run: runs that defer the same work to the same hour share one run."""
    digest = sha256(json.dumps(parameters, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return f"{deployment_id}-{what}-{at:%Y-%m-%dT%H}-{digest}"
