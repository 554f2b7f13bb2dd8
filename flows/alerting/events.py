"""The events that moodlog sends to Prefect's server, for automations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import httpx
from prefect.client.orchestration import get_client
from prefect.events import Event, Resource
from prefect.logging import get_logger

from flows.server.retries import with_retries
from mood_core.errors import ReauthorisationNeeded
from mood_core.usecases.nightly.find_silent_accounts import Kind, Silence
from mood_core.usecases.nightly.night_report import NightReport

ACCOUNT = "moodlog.account"
REAUTHORISATION = f"{ACCOUNT}.needs-reauthorisation"
"""Spotify's permission has ended: sent once, by the run that found it."""

SILENT = {kind: f"{ACCOUNT}.{kind.value}" for kind in Kind}
"""An account is silent: sent once for each silence, with the sentence ``problem``."""

SCHEDULE = "moodlog.schedule"
"""The resource of the events below is this name, a dot and the host name of ``moodlog serve``."""

SCHEDULE_BROKEN = f"{SCHEDULE}.broken"
"""Scheduled runs do not start: sent once by ``moodlog serve``, with the text ``problems``."""

SCHEDULE_RECOVERED = f"{SCHEDULE}.recovered"
"""Scheduled runs start again."""

_MANY = 10
"""More silent accounts of one kind share one event: an outage is one message, not thousands."""

_RETRY_S = 60.0


def report_ended_permissions(report: NightReport) -> None:
    """Send an event for each account whose permission this run found ended; later runs do not pull it."""
    names = {permission.user_id: permission.display_name for permission in report.permissions}
    for outcome in report.outcomes:
        if outcome.exit_code == ReauthorisationNeeded.exit_code and not report.dry_run:
            resource = _account(outcome.user_id, names.get(outcome.user_id, outcome.user_id))
            _send(REAUTHORISATION, resource, {"user_id": outcome.user_id, "problem": outcome.problem})


def report_silences(silences: Sequence[Silence]) -> None:
    """Send an event for each silence that the server has no event of; one for all of a kind if they are many."""
    for kind, event in SILENT.items():
        found = [silence for silence in silences if silence.kind is kind]
        if len(found) > _MANY:
            problem = f"{len(found)} accounts are silent; moodlog status shows them. The first: {found[0].sentence}"
            _report_once(event, "many", f"{len(found)} accounts", min(one.since for one in found), problem)
            continue
        for one in found:
            _report_once(event, one.user_id, one.display_name, one.since, one.sentence)


def report_schedule(event: str, host: str, problems: str) -> None:
    """Send :data:`SCHEDULE_BROKEN` or :data:`SCHEDULE_RECOVERED` for ``moodlog serve`` on ``host``."""
    resource = {"prefect.resource.id": f"{SCHEDULE}.{host}", "prefect.resource.name": host}
    _send(event, resource, {"problems": problems})


def _report_once(event: str, user_id: str, name: str, since: datetime, problem: str) -> None:
    resource = _account(user_id, name)
    if not _was_sent(event, resource["prefect.resource.id"], since):
        _send(event, resource, {"user_id": user_id, "problem": problem})


def _account(user_id: str, name: str) -> dict[str, str]:
    return {"prefect.resource.id": f"{ACCOUNT}.{user_id}", "prefect.resource.name": name}


def _send(event: str, resource: Mapping[str, str], payload: Mapping[str, Any]) -> None:
    """Send an event and wait until the server has it, with retries for 60 s; log a failure.

    Prefect's ``emit_event`` returns at once, and loses unsent events when the server or the process ends.
    """
    sent = Event(event=event, resource=Resource(dict(resource)), payload=dict(payload))
    try:
        with_retries(lambda: _request("/events", [sent.model_dump(mode="json")]), for_s=_RETRY_S)
    except Exception as error:  # noqa: BLE001 - a run does its work without events
        kind = type(error).__name__
        get_logger("moodlog").warning("Sending the event %s failed: %s. There is no alert.", event, kind)


def _request(path: Literal["/events", "/events/filter"], body: Any) -> httpx.Response:
    with get_client(sync_client=True) as client:
        return client.request("POST", path, json=body)


def _was_sent(event: str, resource_id: str, since: datetime) -> bool:
    """Whether the server has such an event of this resource from ``since`` or later."""
    wanted = {"event": {"name": [event]}, "resource": {"id": [resource_id]}, "occurred": {"since": since.isoformat()}}
    try:
        return int(_request("/events/filter", {"filter": wanted, "limit": 1}).json()["total"]) > 0
    except Exception as error:  # noqa: BLE001 - a repeated event is better than none
        get_logger("moodlog").warning("Whether %s was sent before is unknown: %s.", event, type(error).__name__)
        return False
