"""Writes the mood page of everybody to HOME/report.html each night, so that it can be opened without a command."""

from __future__ import annotations

from prefect import flow, get_run_logger, task

from flows.options import PULL_S, RETRYING, SCHEDULED
from flows.parameters import People
from flows.run_names import run_name
from mood_core.app.workspace import Workspace
from mood_core.cli import report
from mood_core.report.page import refuse_foreign_page
from mood_core.report.page_data import MOST_PEOPLE
from mood_core.usecases.people.manage_users import accounts_called

PAGE = "report.html"
"""The page in HOME, which only its owner can read. ``moodlog forget`` deletes it if it shows the person."""


@flow(name="write-report", flow_run_name=run_name("mood page"), timeout_seconds=PULL_S, **SCHEDULED)
def write_report(people: People = ()) -> None:
    """Write the mood page to HOME/report.html. Another program's file of that name is not replaced.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all, if a page has room for them.
    """
    written = write_page(tuple(people))
    if not written:
        get_run_logger().warning(
            "No page was written: all accounts are too many for one page. Name up to %d in the parameter people.",
            MOST_PEOPLE,
        )


@task(name="write the page", **RETRYING)
def write_page(people: tuple[str, ...]) -> bool:
    """Write the page; returns whether it was: not if ``people`` is empty and all accounts are too many for one page."""
    with Workspace() as workspace:
        out = workspace.settings.home / PAGE
        refuse_foreign_page(out)
        shown = {account.user_id for account in accounts_called(workspace.accounts, people)}
        if len(shown) > MOST_PEOPLE and not people:
            return False
        report.write_report(workspace, out, users=people)
    with Workspace() as workspace:
        if workspace.batches.gone_among(shown):  # since the page's data was read
            out.unlink(missing_ok=True)
    return True
