"""The events that moodlog tells Prefect, for automations."""

from __future__ import annotations

from prefect.events import emit_event

from mood_core.errors import ReauthorisationNeeded
from mood_core.pipeline.night_report import NightReport

ACCOUNT = "moodlog.account"
REAUTHORISATION = f"{ACCOUNT}.needs-reauthorisation"
"""Spotify's permission has ended: told once, by the run that found it out."""

SCHEDULE = "moodlog.schedule"
"""The resource of the events below is this name, a dot and the name of the host that runs ``moodlog serve``."""

SCHEDULE_BROKEN = f"{SCHEDULE}.broken"
"""Runs do not start by themselves: sent once by ``moodlog serve`` when it finds out, with ``problems`` as a text."""

SCHEDULE_RECOVERED = f"{SCHEDULE}.recovered"
"""Runs start by themselves again."""


def tell_ended_permissions(report: NightReport) -> None:
    """Tell Prefect of the accounts whose permission this run found ended; later runs do not pull them any more."""
    names = {permission.user_id: permission.display_name for permission in report.permissions}
    for outcome in report.outcomes:
        if outcome.exit_code == ReauthorisationNeeded.exit_code and not report.dry_run:
            emit_event(
                event=REAUTHORISATION,
                resource={
                    "prefect.resource.id": f"{ACCOUNT}.{outcome.user_id}",
                    "prefect.resource.name": names.get(outcome.user_id, outcome.user_id),
                },
                payload={"user_id": outcome.user_id, "problem": outcome.problem},
            )


def report_schedule(event: str, host: str, problems: str) -> None:
    """Send :data:`SCHEDULE_BROKEN` or :data:`SCHEDULE_RECOVERED` for ``moodlog serve`` on ``host``."""
    emit_event(
        event=event,
        resource={"prefect.resource.id": f"{SCHEDULE}.{host}", "prefect.resource.name": host},
        payload={"problems": problems},
    )
