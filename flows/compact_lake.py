"""Merges the lake's small files of past months, and verifies the lake."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State

from flows.options import NIGHT_S, RETRYING, SCHEDULED
from flows.parameters import Month
from flows.progress import ProgressArtifact
from flows.verify_lake import verify_lake
from mood_core.app.workspace import Workspace
from mood_core.usecases.upkeep.compact import CompactReport
from mood_core.usecases.upkeep.verify_lake import Verification


@flow(name="compact-lake", flow_run_name="compact the lake", timeout_seconds=NIGHT_S, **SCHEDULED)
def compact_lake(before: Month = "") -> State[Verification]:
    """Merge the small files of past months and verify the result.

    Args:
        before: Merge months before this one, for example 2026-06; empty for all but the current month.
    """
    report = merge_files(before or None)
    get_run_logger().info("%d files merged into %d", report.files_before, report.files_after)
    if report.cleaned:
        get_run_logger().warning("Forgotten people were removed from %d files that had come back", report.cleaned)
    state: State[Any] = verify_lake(return_state=True)
    return state


@task(name="merge files", **RETRYING)
def merge_files(before: str | None) -> CompactReport:
    """Merge the files of every month before ``before``."""
    with Workspace() as workspace:
        progress = ProgressArtifact("moodlog-compact", "Files merged").share
        return workspace.compact(before, progress=progress)
