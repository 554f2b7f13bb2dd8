"""Prefect automations as code: the one that ends dead runs, and a function that creates or updates any.

Prefect names the events of a run after its state, so a degraded run sends ``flow-run.Degraded``.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events import AutomationCore, ChangeFlowRunState, EventTrigger, Posture

from flows.server.setup import Change
from mood_core.usecases.nightly.night_report import Verdict

SILENCE = timedelta(minutes=10)
"""A run is dead after three missing heartbeats; it sends one every 3 minutes by default."""

RUN = "prefect.flow-run"
DONE = frozenset({f"{RUN}.Completed", f"{RUN}.{Verdict.DEGRADED.value}"})
"""The events of a run that completed."""

ENDED = DONE | {f"{RUN}.Failed", f"{RUN}.TimedOut", f"{RUN}.Cancelled", f"{RUN}.Crashed"}
"""The events of a run that ended."""


def dead_run_automation() -> AutomationCore:
    """Marks a run without a heartbeat as Crashed."""
    return AutomationCore(
        name="moodlog: a run has died",
        description="Marks a run of moodlog as Crashed if its process sends no heartbeat.",
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
    """Create the automation, or update the one of its name. A disabled automation stays disabled."""
    found = client.read_automations_by_name(wanted.name)
    what = f"automation {wanted.name}"
    if not found:
        client.create_automation(wanted)
        return Change(what, "created")
    wanted = wanted.model_copy(update={"enabled": found[0].enabled})
    client.update_automation(found[0].id, wanted)
    return Change(what, "updated")
