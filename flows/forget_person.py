"""Forgets a person everywhere, on request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow, get_run_logger

from flows.parameters import Certainly, Person
from mood_core.app.workspace import Workspace
from mood_core.usecases.people.forget_person import whom_to_forget


@flow(name="forget-person", flow_run_name="forget a person", log_prints=False, persist_result=False)
def forget_person(user: Person, really: Certainly) -> dict[str, Any]:  # noqa: ARG001 - asked for, so that nobody slips
    """Delete a person's listens, gaps, token and name from SQL, Parquet files and recaps. Nothing brings them back.

    Args:
        user: Whom to forget, by id or name.
        really: Must be true, because this cannot be undone.
    """
    with Workspace() as workspace:
        user_id = whom_to_forget(user, workspace.accounts, workspace.lake)
        report = workspace.forget(user_id)
    for file in report.left:
        get_run_logger().warning("%s may still hold them; delete it", file)
    return asdict(report)
