"""Forgets a person everywhere, on request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow

from mood_core.bootstrap import Workspace
from mood_core.pipeline.forget_person import forget_person as forget
from mood_core.pipeline.manage_users import the_account
from mood_core.store.claims import new_owner


@flow(name="forget-person", flow_run_name="forget a person", log_prints=False, persist_result=False)
def forget_person(user: str, really: bool = False) -> dict[str, Any]:
    """Delete a person's listens, gaps, token and name from SQL and from every Parquet file. Nothing brings them back.

    Args:
        user: Whom to forget, by id or name.
        really: Must be true: this cannot be undone.
    """
    if not really:
        raise ValueError("set really to true to forget a person: it cannot be undone")
    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        report = forget(account.user_id, workspace.lake, workspace.database, owner=new_owner(), now=workspace.now())
    return asdict(report)
