"""Ends a run: creates its summary in Prefect's UI and returns the state that matches its report."""

from __future__ import annotations

from dataclasses import replace

from prefect import get_run_logger
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from flows.alerting.events import report_ended_permissions
from flows.deferred_runs import schedule_deferred_runs
from flows.report_text import account_rows, first_to_show, headline, markdown
from flows.run_failed import RunFailed, report_no_crash
from flows.server.retries import if_possible, server_answers
from mood_core.app.workspace import Workspace
from mood_core.errors import StoreError
from mood_core.report.account_states import account_states
from mood_core.report.mood_markdown import mood_markdown
from mood_core.report.mood_picture import as_data_uri, mood_picture
from mood_core.usecases.nightly.night_report import NightReport, Verdict
from mood_core.usecases.stop_request import stop_requested

_WHAT = "What the run did"
_REASONS = 3  # a state is short; the summary has all reasons

DEGRADED = Verdict.DEGRADED.value
"""The name of the state of a run that did only a part of its work."""


def conclude(report: NightReport) -> State[NightReport]:
    """Create the artifacts of ``report`` and return the final state of the run."""
    report = without_forgotten(report)
    if server_answers():
        text = markdown(report) + _create_artifacts(report)
        if_possible(lambda: create_markdown_artifact(key="moodlog-summary", markdown=text, description=_WHAT))
    report_ended_permissions(report)
    if stop_requested():
        report_no_crash()
        return Cancelled(message=f"stopped with moodlog serve: {headline(report)}; the next run does the rest")
    return state_of(report, schedule_deferred_runs(report))


def without_forgotten(report: NightReport) -> NightReport:
    """``report`` without the people who were forgotten since the run started."""
    people = {one.user_id for one in report.outcomes} | {one.user_id for one in report.permissions}
    try:
        with Workspace() as workspace:
            gone = workspace.batches.gone_among(people) if people else set()
    except StoreError:
        return report  # the artifacts report that the database fails
    outcomes = [one for one in report.outcomes if one.user_id not in gone]
    permissions = [one for one in report.permissions if one.user_id not in gone]
    return replace(report, outcomes=outcomes, permissions=permissions) if gone else report


def state_of(report: NightReport, deferred: str | None = None) -> State[NightReport]:
    """The final state of ``report``, with its numbers, its first problems and the ``deferred`` runs."""
    reasons = report.kinds_of_problems
    more = [f"and {len(reasons) - _REASONS} more"] if len(reasons) > _REASONS else []
    message = "; ".join([headline(report), *reasons[:_REASONS], *more, *([deferred] if deferred else [])])
    if report.verdict is Verdict.FAILED:
        report_no_crash()
        return Failed(message=message, data=RunFailed(message, report))
    return Completed(name=report.verdict.value, message=message, data=report)


def _create_artifacts(report: NightReport) -> str:
    """Create the picture of moods and the table of accounts; returns the moods as Markdown.

    If the database fails, these artifacts are skipped: the run has done its work.
    """
    try:
        with Workspace() as workspace:
            moods = _create_mood_picture(report, workspace)
            _create_account_table(report, workspace)
            return moods
    except StoreError as error:
        get_run_logger().warning("The summary has no moods and no table of accounts: %s", error.message)
        return ""


def _create_mood_picture(report: NightReport, workspace: Workspace) -> str:
    if report.labels is None:
        return ""
    today = workspace.now().date()
    picture = as_data_uri(mood_picture(workspace.database, today))
    description = "The moods of the last days, of all people"
    if_possible(lambda: create_image_artifact(picture, key="moodlog-moods", description=description))
    return "\n" + mood_markdown(workspace.database, today)


def _create_account_table(report: NightReport, workspace: Workspace) -> None:
    if not report.outcomes:
        return
    shown = first_to_show(report.outcomes)
    accounts = workspace.accounts.all([outcome.user_id for outcome in shown])
    states = account_states(workspace.database, accounts, now=workspace.now())
    description = f"The last 7 days of {len(shown)} of {len(report.outcomes)} accounts, those with problems first"
    table = account_rows(shown, states)
    if_possible(lambda: create_table_artifact(key="moodlog-accounts", table=table, description=description))
