"""Compares the lake, the ledger and SQL."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from mood_core.bootstrap import Workspace
from mood_core.pipeline.verify_lake import Verification, verify


@flow(name="verify-lake", flow_run_name="verify the lake", log_prints=False, persist_result=False)
def verify_lake(deep: bool = False) -> State[Verification]:
    """Check every file against the ledger, and the ledger against SQL; the run fails where they differ.

    Args:
        deep: Also compare every row, in a temporary database made from the lake.
    """
    with Workspace() as workspace:
        found = verify(workspace.lake, workspace.database, now=workspace.now(), deep=deep)
    for finding in found.findings:
        get_run_logger().error("%s: %s; %s", finding.subject, finding.problem, finding.advice)
    if found.findings:
        return Failed(message=f"{len(found.findings)} findings; the log names them", data=found)
    return Completed(message=f"{found.files} files with {found.rows} rows agree with SQL", data=found)
