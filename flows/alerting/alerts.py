"""What a person is told when nights or pulls do not work, as Prefect automations.

Alerts are bound to the id of a deployment: another flow may have a deployment of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from flows.alerting.automations import DONE, ENDED, RUN
from flows.alerting.deadlines import late_after, longest_pause
from flows.alerting.events import ACCOUNT, REAUTHORISATION, SCHEDULE, SCHEDULE_BROKEN, SILENT
from flows.server.setup import Done

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.events import AutomationCore, EventTrigger

NIGHTLY, PULL = "run-nightly/nightly", "sync-listens/pull"
"""The deployments that alerts are about, as Prefect calls them."""

_STARTED = {f"{RUN}.Pending", f"{RUN}.Running", f"{RUN}.AwaitingConcurrencySlot", *ENDED}
_MISSED_PULLS = timedelta(minutes=90)


def alerts(client: SyncPrefectClient, block_id: UUID, deadline: time, now: datetime) -> Iterator[AutomationCore | Done]:
    """What a person is told through the notification block ``block_id``; or why an alert cannot be made yet."""
    for name, make in ((NIGHTLY, _night_alerts), (PULL, _pull_alerts)):
        deployment = _deployed(client, name)
        if deployment is None:
            remedy = "run `prefect deploy --all` or start `moodlog serve`, then `moodlog setup` again"
            yield Done(f"alerts of {name}", f"not made: there is no such deployment on this server; {remedy}")
        elif deployment.paused or not _active(deployment):
            yield Done(
                f"alerts of {name}", "not made: its schedule is paused; resume it, then run `moodlog setup` again"
            )
        else:
            yield from make(deployment, block_id, deadline, now)
    yield from _other_alerts(block_id)


def _deployed(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _active(deployment: DeploymentResponse) -> list[object]:
    return [entry.schedule for entry in deployment.schedules if entry.active]


def _night_alerts(
    deployment: DeploymentResponse, block_id: UUID, deadline: time, now: datetime
) -> Iterator[AutomationCore]:
    late = late_after(_active(deployment), deadline, now)
    yield _alert(
        "moodlog: nightly failed",
        "A nightly run failed, crashed or ran out of time.",
        nightly_failed(deployment.id),
        block_id,
        "The nightly run {{ flow_run.state.name|lower }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url or '' }}",
    )
    yield _alert(
        "moodlog: nightly late",
        f"A nightly run was due, and none completed within {_spoken(late)}.",
        nightly_late(deployment.id, late),
        block_id,
        f"A nightly run was due, and none completed within {_spoken(late)}. Is a worker or `moodlog serve` running?"
        " `moodlog doctor` checks.",
    )


def _pull_alerts(
    deployment: DeploymentResponse, block_id: UUID, _deadline: time, now: datetime
) -> Iterator[AutomationCore]:
    pause = longest_pause(_active(deployment), now) + _MISSED_PULLS
    yield _alert(
        "moodlog: no pull starts",
        f"No run of the deployment pull has started for {_spoken(pause)}. Sent again as long as that lasts.",
        no_pull_starts(deployment.id, pause),
        block_id,
        f"No pull has started for {_spoken(pause)}. Are Prefect's scheduler and a worker (or `moodlog serve`) running?"
        " `moodlog doctor` checks.",
    )


def _other_alerts(block_id: UUID) -> Iterator[AutomationCore]:
    yield _alert(
        "moodlog: the schedule is broken",
        "`moodlog serve` found that runs do not start by their schedules.",
        _on_event({SCHEDULE_BROKEN}, SCHEDULE),
        block_id,
        "`moodlog serve` on {{ event.resource.name }} starts no runs: {{ event.payload['problems'] }}",
    )
    yield _alert(
        "moodlog: an account needs re-authorisation",
        "Spotify's permission for an account has ended; only its person can renew it.",
        _on_event({REAUTHORISATION}, ACCOUNT),
        block_id,
        "Spotify's permission for {{ event.resource.name }} has ended: "
        "moodlog reconnect {{ event.payload['user_id'] }}",
    )
    yield _alert(
        "moodlog: an account is silent",
        "A regular listener has no new listens, or no pull of an account has worked for a day.",
        _on_event(set(SILENT.values()), ACCOUNT),
        block_id,
        "{{ event.payload['problem'] }}",
    )


def nightly_failed(deployment_id: UUID) -> EventTrigger:
    """A run of the deployment failed or crashed."""
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Reactive,
        expect={f"{RUN}.*"},
        match={"prefect.resource.id": f"{RUN}.*", "prefect.state-type": ["FAILED", "CRASHED"]},
        match_related=_of(deployment_id),
        threshold=1,
        within=timedelta(0),
    )


def nightly_late(deployment_id: UUID, within: timedelta) -> EventTrigger:
    """Nothing was completed ``within`` a time after a run of the deployment began, or was due and did not begin."""
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Proactive,
        after={f"{RUN}.Late", f"{RUN}.Pending", f"{RUN}.AwaitingConcurrencySlot"},
        expect=set(DONE),
        match={"prefect.resource.id": f"{RUN}.*"},
        match_related=_of(deployment_id),
        threshold=1,
        within=within,
    )


def no_pull_starts(deployment_id: UUID, within: timedelta) -> EventTrigger:
    """No run of the deployment started ``within`` a time, whatever was scheduled."""
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Proactive,
        expect=_STARTED,
        match={"prefect.resource.id": f"{RUN}.*"},
        match_related=_of(deployment_id),
        threshold=1,
        within=within,
    )


def _of(deployment_id: UUID) -> dict[str, str | list[str]]:
    return {"prefect.resource.role": "deployment", "prefect.resource.id": f"prefect.deployment.{deployment_id}"}


def _on_event(events: set[str], resources: str) -> EventTrigger:
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Reactive,
        expect=events,
        match={"prefect.resource.id": f"{resources}.*"},
        threshold=1,
        within=timedelta(0),
    )


def _alert(name: str, description: str, trigger: EventTrigger, block_id: UUID, body: str) -> AutomationCore:
    from prefect.events import AutomationCore, SendNotification

    action = SendNotification(block_document_id=block_id, subject=name, body=body)
    return AutomationCore(name=name, description=description, trigger=trigger, actions=[action])


def _spoken(span: timedelta) -> str:
    hours, minutes = divmod(round(span / timedelta(minutes=1)), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])
