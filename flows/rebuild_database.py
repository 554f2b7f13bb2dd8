"""Makes the SQL database again from the lake."""

from __future__ import annotations

from prefect import flow, get_run_logger

from mood_core.bootstrap import Workspace
from mood_core.pipeline.rebuild import rebuild


@flow(name="rebuild-database", flow_run_name="rebuild the database", log_prints=False, persist_result=False)
def rebuild_database(skip_damaged: bool = False) -> None:
    """Fill the SQL database again from the Parquet lake alone, in one transaction.

    Args:
        skip_damaged: Go on without files that are missing, damaged or foreign, instead of changing nothing.
    """
    with Workspace() as workspace:
        report = rebuild(workspace.lake, workspace.database, now=workspace.now(), skip_damaged=skip_damaged)
    for finding in report.skipped:
        get_run_logger().warning("skipped %s: %s", finding.subject, finding.problem)
    get_run_logger().info("rebuilt from %d files with %d rows", report.files, report.rows)
