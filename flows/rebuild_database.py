"""Rebuilds the SQL database from the lake."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.options import PRIVATE, RETRYING
from flows.parameters import Workers
from flows.progress import ProgressArtifact
from flows.summary import DEGRADED
from mood_core.app.workspace import Workspace
from mood_core.usecases.upkeep.rebuild import RebuildReport


@flow(name="rebuild-database", flow_run_name="rebuild the database", **PRIVATE)
def rebuild_database(skip_damaged: bool = False, workers: Workers = 1) -> State[RebuildReport]:
    """Rebuild the SQL database from the Parquet lake alone, while it is in use.

    Args:
        skip_damaged: Skip files that are missing, damaged or unknown, instead of failing without a change.
        workers: The number of cores to use on PostgreSQL.
    """
    report = load_lake(skip_damaged=skip_damaged, workers=workers)
    for finding in report.skipped:
        get_run_logger().warning("skipped %s: %s", finding.subject, finding.problem)
    message = f"rebuilt from {report.files} files with {report.rows} rows"
    if report.skipped:
        return Completed(name=DEGRADED, message=f"{message}; {len(report.skipped)} files were skipped", data=report)
    return Completed(message=message, data=report)


@task(name="load the lake", **RETRYING)
def load_lake(*, skip_damaged: bool, workers: int) -> RebuildReport:
    """Replace the rows of the database by those of the lake."""
    progress = ProgressArtifact("moodlog-rebuild", "Files loaded")
    with Workspace() as workspace:
        return workspace.rebuild(skip_damaged=skip_damaged, workers=workers, progress=progress)
