"""Forgets a person everywhere, on request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow

from flows.parameters import Certainly, Person
from mood_core.bootstrap import Workspace
from mood_core.pipeline.forget_person import forget_person as forget
from mood_core.pipeline.forget_person import whom_to_forget
from mood_core.report.recap_picture import forget_pictures
from mood_core.store.claims import new_owner


@flow(name="forget-person", flow_run_name="forget a person", log_prints=False, persist_result=False)
def forget_person(user: Person, really: Certainly) -> dict[str, Any]:  # noqa: ARG001 - asked for, so that nobody slips
    """Delete a person's listens, gaps, token and name from SQL, Parquet files and recaps. Nothing brings them back.

    Args:
        user: Whom to forget, by id or name.
        really: Must be true, because this cannot be undone.
    """
    with Workspace() as workspace:
        user_id = whom_to_forget(user, workspace.accounts, workspace.lake)
        report = forget(
            user_id,
            workspace.lake,
            workspace.database,
            owner=new_owner(),
            now=workspace.now(),
            quarantine=workspace.settings.quarantine,
        )
        forget_pictures(workspace.settings.home, user_id)
    return asdict(report)
