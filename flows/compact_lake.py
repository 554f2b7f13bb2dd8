"""Merges the lake's small files of past months, then verifies the lake."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.verify_lake import verify_lake
from mood_core.bootstrap import Workspace
from mood_core.pipeline.compact import compact
from mood_core.pipeline.verify_lake import Verification


@flow(name="compact-lake", flow_run_name="compact the lake", log_prints=False, persist_result=False)
def compact_lake(before: str | None = None) -> State[Verification]:
    """Merge the small files of past months and verify the result.

    Args:
        before: Merge months before this one, for example 2026-06; empty for all but the current month.
    """
    with Workspace() as workspace:
        report = compact(workspace.lake, workspace.database, now=workspace.now(), before=before or None)
    get_run_logger().info("%d files became %d", report.files_before, report.files_after)
    state: State[Any] = verify_lake(return_state=True)
    return state
