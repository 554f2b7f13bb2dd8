"""Makes the SQL database again from the lake."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.progress import ProgressArtifact
from flows.summary import DEGRADED
from flows.tasks import RETRYING
from mood_core.app.workspace import Workspace
from mood_core.usecases.upkeep.rebuild import RebuildReport


@flow(name="rebuild-database", flow_run_name="rebuild the database", log_prints=False, persist_result=False)
def rebuild_database(skip_damaged: bool = False) -> State[RebuildReport]:
    """Fill the SQL database again from the Parquet lake alone, in one transaction.

    Args:
        skip_damaged: Go on without files that are missing, damaged or foreign, instead of changing nothing.
    """
    report = fill_database(skip_damaged=skip_damaged)
    for finding in report.skipped:
        get_run_logger().warning("skipped %s: %s", finding.subject, finding.problem)
    message = f"rebuilt from {report.files} files with {report.rows} rows"
    if report.skipped:
        return Completed(name=DEGRADED, message=f"{message}; {len(report.skipped)} files were skipped", data=report)
    return Completed(message=message, data=report)


@task(name="fill the database", **RETRYING)
def fill_database(*, skip_damaged: bool) -> RebuildReport:
    """Fill the database again from the lake."""
    progress = ProgressArtifact("moodlog-rebuild", "Files loaded")
    with Workspace() as workspace:
        return workspace.rebuild(skip_damaged=skip_damaged, progress=progress)
