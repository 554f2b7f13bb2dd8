"""Deletes everything about a person, on request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow, get_run_logger

from flows.check_schedule import other_server_keeps
from flows.options import PRIVATE
from flows.parameters import Certainly, Person
from mood_core.app.workspace import Workspace
from mood_core.usecases.people.whom_to_forget import whom_to_forget


@flow(name="forget-person", flow_run_name="forget a person", **PRIVATE)
def forget_person(user: Person, really: Certainly) -> dict[str, Any]:  # noqa: ARG001 - a required confirmation
    """Delete a person's listens, gaps, token and name from SQL, Parquet files, recaps and the history of runs.

    This cannot be undone. On moodlog's own server, this run's parameter is removed as well.

    Args:
        user: The person to forget, by id or name.
        really: Must be true, because this cannot be undone.
    """
    with Workspace() as workspace:
        user_id = whom_to_forget(user, workspace.lake, workspace.database)
        report = workspace.forget(user_id, called=user)
        home = workspace.settings.home
    for what in report.left:
        get_run_logger().warning("%s may still contain their data; delete or change it", what)
    if message := other_server_keeps(home):
        get_run_logger().warning("%s", message)
    return asdict(report)
