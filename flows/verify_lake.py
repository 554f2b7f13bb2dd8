"""Compares the lake, the ledger and SQL."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.options import PRIVATE, RETRYING
from flows.parameters import Workers
from flows.progress import ProgressArtifact
from flows.run_failed import RunFailed, report_no_crash
from mood_core.app.workspace import Workspace
from mood_core.usecases.upkeep.verify_lake import Verification


@flow(name="verify-lake", flow_run_name="verify the lake", **PRIVATE)
def verify_lake(deep: bool = False, workers: Workers = 1) -> State[Verification]:
    """Compare every file with the ledger, and the ledger with SQL; the run fails if they differ.

    Args:
        deep: Compare every row as well, in a temporary database built from the lake.
        workers: The number of cores to use.
    """
    found = compare(deep=deep, workers=workers)
    for finding in found.findings:
        get_run_logger().error("%s: %s; %s", finding.subject, finding.problem, finding.advice)
    if found.findings:
        first = found.findings[0]
        message = f"{len(found.findings)} findings, the first: {first.subject}: {first.problem}; {first.advice}"
        report_no_crash()
        return Failed(message=message, data=RunFailed(message, found))
    return Completed(message=f"{found.files} files with {found.rows} rows agree with SQL", data=found)


@task(name="compare lake and SQL", **RETRYING)
def compare(*, deep: bool, workers: int = 1) -> Verification:
    """Compare the lake, the ledger and SQL."""
    progress = ProgressArtifact("moodlog-verify", "Files compared")
    with Workspace() as workspace:
        return workspace.verify(deep=deep, workers=workers, progress=progress)
