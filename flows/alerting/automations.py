"""Prefect automations as code: runs whose process has died, and how any automation is made or brought up to date.

Prefect names events of a run after its state, so that a degraded night ends with ``flow-run.Degraded``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.server.setup import Change
from flows.summary import DEGRADED

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events import AutomationCore

SILENCE = timedelta(minutes=10)
"""A run beats every three minutes, unless Prefect's settings say otherwise; after three beats missed, it is dead."""

RUN = "prefect.flow-run"
DONE = frozenset({f"{RUN}.Completed", f"{RUN}.{DEGRADED}"})
"""The events of a run that did its work."""

ENDED = DONE | {f"{RUN}.Failed", f"{RUN}.TimedOut", f"{RUN}.Cancelled", f"{RUN}.Crashed"}
"""The events of a run that has ended."""


def dead_run_automation() -> AutomationCore:
    """A run without a heartbeat becomes crashed, so that no page shows a dead process as running."""
    from prefect.client.schemas.objects import StateType
    from prefect.events import AutomationCore, ChangeFlowRunState, EventTrigger, Posture

    return AutomationCore(
        name="moodlog: a run has died",
        description="A run of moodlog whose process sends no heartbeat any more is marked as crashed.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={f"{RUN}.heartbeat"},
            expect={f"{RUN}.heartbeat", *ENDED},
            match={"prefect.resource.id": f"{RUN}.*"},
            match_related={"prefect.resource.id": "prefect.tag.moodlog"},
            for_each={"prefect.resource.id"},
            within=SILENCE,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process sends no heartbeat any more")],
    )


def set_up_automation(client: SyncPrefectClient, wanted: AutomationCore) -> Change:
    """Make the automation, or bring the one of its name to what is ``wanted``; one switched off by hand stays off."""
    found = client.read_automations_by_name(wanted.name)
    what = f"automation {wanted.name}"
    if not found:
        client.create_automation(wanted)
        return Change(what, "created")
    wanted = wanted.model_copy(update={"enabled": found[0].enabled})
    client.update_automation(found[0].id, wanted)
    return Change(what, "brought up to date")
