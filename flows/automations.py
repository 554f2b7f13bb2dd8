"""Prefect automations as code: what to tell a person, and what to do about runs whose process has died.

Prefect calls events of a run by the name of its state, so that a degraded night ends with ``flow-run.Degraded``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from flows.deployments import Deployment
from flows.events import ACCOUNT, REAUTHORISATION
from flows.server_setup import Done
from flows.summary import DEGRADED

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events import AutomationCore, EventTrigger

SILENCE = timedelta(minutes=10)
"""A run beats every three minutes, unless Prefect's settings say otherwise; after three beats missed, it is dead."""

_RUN = "prefect.flow-run"
_NIGHTLY = {"prefect.resource.role": "deployment", "prefect.resource.name": "nightly"}
_DONE = {f"{_RUN}.Completed", f"{_RUN}.{DEGRADED}"}
_ENDED = {*_DONE, f"{_RUN}.Failed", f"{_RUN}.TimedOut", f"{_RUN}.Cancelled", f"{_RUN}.Crashed"}


def dead_runs() -> AutomationCore:
    """A run without a heartbeat becomes crashed, so that no page shows a dead process as running."""
    from prefect.client.schemas.objects import StateType
    from prefect.events import AutomationCore, ChangeFlowRunState, EventTrigger, Posture

    return AutomationCore(
        name="moodlog: a run has died",
        description="A run of moodlog whose process sends no heartbeat any more is marked as crashed.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={f"{_RUN}.heartbeat"},
            expect={f"{_RUN}.heartbeat", *_ENDED},
            match={"prefect.resource.id": f"{_RUN}.*"},
            match_related={"prefect.resource.id": "prefect.tag.moodlog"},
            for_each={"prefect.resource.id"},
            within=SILENCE,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process sends no heartbeat any more")],
    )


def alerts(block_id: UUID, deployments: Sequence[Deployment], deadline: time) -> list[AutomationCore]:
    """What a person is told through the notification block ``block_id``."""
    nightly = next(deployment for deployment in deployments if deployment.name == "nightly")
    schedule = nightly.schedules[0]
    return [
        _alert(
            "moodlog: nightly failed",
            "A nightly run failed, crashed or ran out of time.",
            _nightly_failed(),
            block_id,
            "The nightly run {{ flow_run.state.name|lower }}: {{ flow_run.state.message }}\n"
            "{{ flow_run|ui_url or '' }}",
        ),
        _alert(
            "moodlog: nightly late",
            f"A nightly run that was due did not complete by {deadline:%H:%M} {schedule['timezone']}.",
            nightly_late(time_from(schedule["cron"], deadline)),
            block_id,
            f"The nightly run did not complete by {deadline:%H:%M} {schedule['timezone']}. Does a worker run?",
        ),
        _alert(
            "moodlog: an account needs re-authorisation",
            "Spotify's permission for an account has ended; only its person can renew it.",
            _reauthorisation_needed(),
            block_id,
            "Spotify's permission for {{ event.resource.name }} has ended: "
            "moodlog reconnect {{ event.payload['user_id'] }}",
        ),
    ]


def _nightly_failed() -> EventTrigger:
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Reactive,
        expect={f"{_RUN}.*"},
        match={"prefect.resource.id": f"{_RUN}.*", "prefect.state-type": ["FAILED", "CRASHED"]},
        match_related=_NIGHTLY,
        threshold=1,
        within=timedelta(0),
    )


def nightly_late(within: timedelta) -> EventTrigger:
    """Nothing was completed ``within`` a time after the nightly run began, or was due and did not begin."""
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Proactive,
        after={f"{_RUN}.Late", f"{_RUN}.Pending", f"{_RUN}.AwaitingConcurrencySlot"},
        expect=_DONE,
        match={"prefect.resource.id": f"{_RUN}.*"},
        match_related=_NIGHTLY,
        threshold=1,
        within=within,
    )


def _reauthorisation_needed() -> EventTrigger:
    from prefect.events import EventTrigger, Posture

    return EventTrigger(
        posture=Posture.Reactive,
        expect={REAUTHORISATION},
        match={"prefect.resource.id": f"{ACCOUNT}.*"},
        threshold=1,
        within=timedelta(0),
    )


def _alert(name: str, description: str, trigger: EventTrigger, block_id: UUID, body: str) -> AutomationCore:
    from prefect.events import AutomationCore, SendNotification

    action = SendNotification(block_document_id=block_id, subject=name, body=body)
    return AutomationCore(name=name, description=description, trigger=trigger, actions=[action])


def time_from(cron: str, deadline: time) -> timedelta:
    """How long after the start of a daily ``cron`` schedule the next ``deadline`` is, on the same clock."""
    minute, hour = (int(field) for field in cron.split()[:2])
    start = datetime(2000, 1, 1, hour, minute)  # noqa: DTZ001 - a time on a clock, on no day
    end = start.replace(hour=deadline.hour, minute=deadline.minute)
    return end - start if end > start else end - start + timedelta(days=1)


def set_up_automation(client: SyncPrefectClient, wanted: AutomationCore) -> Done:
    """Make the automation, or bring the one of its name to what is ``wanted``; one switched off by hand stays off."""
    found = client.read_automations_by_name(wanted.name)
    what = f"automation {wanted.name}"
    if not found:
        client.create_automation(wanted)
        return Done(what, "created")
    wanted = wanted.model_copy(update={"enabled": found[0].enabled})
    client.update_automation(found[0].id, wanted)
    return Done(what, "brought up to date")
