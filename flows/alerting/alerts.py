"""The alerts of moodlog as Prefect automations that send notifications.

Alerts are bound to the id of a deployment: another flow may have a deployment of the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import AutomationCore, EventTrigger, Posture, SendNotification
from prefect.exceptions import ObjectNotFound

from flows.alerting.automations import DONE, ENDED, RUN
from flows.alerting.events import ACCOUNT, REAUTHORISATION, SCHEDULE, SCHEDULE_BROKEN, SILENT
from flows.server.schedule_times import late_after, longest_pause
from flows.server.setup import Change

NIGHTLY, PULL = "run-nightly/nightly", "sync-listens/pull"
"""The deployments with alerts, as Prefect calls them."""

_STARTED = {f"{RUN}.Pending", f"{RUN}.Running", f"{RUN}.AwaitingConcurrencySlot", *ENDED}
_MISSED_PULLS = timedelta(minutes=90)


def alerts(
    client: SyncPrefectClient, block_id: UUID, deadline: time, now: datetime
) -> Iterator[AutomationCore | Change]:
    """The alerts that the notification block ``block_id`` sends; a change that names the reason for a missing one."""
    for name in (NIGHTLY, PULL):
        deployment = _find(client, name)
        what = f"alerts of {name}"
        if deployment is None:
            remedy = "run `prefect deploy --all` or start `moodlog serve`, then `moodlog setup` again"
            yield Change(what, f"not made: there is no such deployment on this server; {remedy}")
        elif deployment.paused or not _active(deployment):
            yield Change(what, "not made: its schedule is paused; resume it, then run `moodlog setup` again")
        elif name == NIGHTLY:
            yield from _nightly_alerts(deployment, block_id, deadline, now)
        else:
            yield _pull_alert(deployment, block_id, now)
    yield from _event_alerts(block_id)


def _find(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _active(deployment: DeploymentResponse) -> list[object]:
    return [entry.schedule for entry in deployment.schedules if entry.active]


def _nightly_alerts(
    deployment: DeploymentResponse, block_id: UUID, deadline: time, now: datetime
) -> Iterator[AutomationCore]:
    failed = _trigger({f"{RUN}.*"}, RUN, {"prefect.state-type": ["FAILED", "CRASHED"]}, deployment_id=deployment.id)
    body = "The nightly run {{ flow_run.state.name|lower }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url or '' }}"
    yield _alert("nightly failed", "A nightly run failed, crashed or ran out of time.", failed, block_id, body)
    late = late_after(_active(deployment), deadline, now)
    what = f"A nightly run was due, and no nightly run completed within {_hours_and_minutes(late)}."
    body = f"{what} Is a worker or `moodlog serve` running? `moodlog doctor` checks."
    yield _alert("nightly late", what, nightly_late(deployment.id, late), block_id, body)


def _pull_alert(deployment: DeploymentResponse, block_id: UUID, now: datetime) -> AutomationCore:
    pause = longest_pause(_active(deployment), now) + _MISSED_PULLS
    span = _hours_and_minutes(pause)
    what = f"No run of the deployment pull has started for {span}. The alert repeats while that lasts."
    check = "Are Prefect's scheduler and a worker (or `moodlog serve`) running? `moodlog doctor` checks."
    body = f"No pull has started for {span}. {check}"
    return _alert("no pull starts", what, no_pull_starts(deployment.id, pause), block_id, body)


def _event_alerts(block_id: UUID) -> Iterator[AutomationCore]:
    yield _alert(
        "the schedule is broken",
        "`moodlog serve` found that scheduled runs do not start.",
        _trigger({SCHEDULE_BROKEN}, SCHEDULE),
        block_id,
        "`moodlog serve` on {{ event.resource.name }} starts no runs: {{ event.payload['problems'] }}",
    )
    yield _alert(
        "an account needs re-authorisation",
        "Spotify's permission for an account has ended; the account's owner must renew it.",
        _trigger({REAUTHORISATION}, ACCOUNT),
        block_id,
        "Spotify's permission for {{ event.resource.name }} has ended: "
        "moodlog reconnect {{ event.payload['user_id'] }}",
    )
    yield _alert(
        "an account is silent",
        "A regular listener has no new listens, or every pull of an account failed for a day.",
        _trigger(set(SILENT.values()), ACCOUNT),
        block_id,
        "{{ event.payload['problem'] }}",
    )


def nightly_late(deployment_id: UUID, within: timedelta) -> EventTrigger:
    """Fires when a run of the deployment began, or was due, and none completed ``within`` that time."""
    after = {f"{RUN}.Late", f"{RUN}.Pending", f"{RUN}.AwaitingConcurrencySlot"}
    return _trigger(DONE, RUN, after=after, deployment_id=deployment_id, within=within)


def no_pull_starts(deployment_id: UUID, within: timedelta) -> EventTrigger:
    """Fires when no run of the deployment started ``within`` that time."""
    return _trigger(_STARTED, RUN, deployment_id=deployment_id, within=within)


def _trigger(
    expect: Collection[str],
    resources: str,
    match: dict[str, list[str]] | None = None,
    *,
    deployment_id: UUID | None = None,
    within: timedelta | None = None,
    **conditions: Any,
) -> EventTrigger:
    """A trigger that fires on an event of ``expect``, or if no such event comes ``within`` a time."""
    deployment = {"prefect.resource.role": "deployment", "prefect.resource.id": f"prefect.deployment.{deployment_id}"}
    return EventTrigger(
        posture=Posture.Reactive if within is None else Posture.Proactive,
        expect=set(expect),
        match={"prefect.resource.id": f"{resources}.*", **(match or {})},
        match_related=deployment if deployment_id else {},
        threshold=1,
        within=within or timedelta(0),
        **conditions,
    )


def _alert(name: str, description: str, trigger: EventTrigger, block_id: UUID, body: str) -> AutomationCore:
    name = f"moodlog: {name}"
    action = SendNotification(block_document_id=block_id, subject=name, body=body)
    return AutomationCore(name=name, description=description, trigger=trigger, actions=[action])


def _hours_and_minutes(span: timedelta) -> str:
    hours, minutes = divmod(round(span / timedelta(minutes=1)), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])
