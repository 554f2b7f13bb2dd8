"""How a run ends: a summary and a table in Prefect's UI, and a state that tells the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from prefect import get_run_logger
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from flows.alerting.events import tell_ended_permissions
from flows.later import put_off
from flows.run_failed import RunFailed, report_no_crash
from flows.server.retries import if_possible, server_answers
from mood_core.app.workspace import Workspace
from mood_core.classifier.drift import DriftReport
from mood_core.errors import StoreError
from mood_core.report.account_states import AccountState, account_states
from mood_core.report.mood_markdown import as_text, mood_markdown
from mood_core.report.mood_picture import as_data_uri, mood_picture
from mood_core.text.format import plural
from mood_core.usecases.nightly.night_report import NightReport, Verdict
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.stop_request import stop_requested

MOST_ACCOUNTS = 200
"""So many rows a table of accounts has at most: more is nothing to read."""

MOST_LINES = 50
"""So many lines a list in the summary has at most."""

_WHAT = "What the run did"
_REASONS = 3  # a state is read at a glance; the summary has them all

DEGRADED = Verdict.DEGRADED.value
"""The name of the state of a run that did its work, but not all of it."""


def conclude(report: NightReport) -> State[NightReport]:
    """Leave the artifacts of ``report`` and return the state that it deserves."""
    report = without_forgotten(report)
    if server_answers():  # without it there is nowhere to leave anything, nor to record the state
        text = markdown(report) + _leave_pages(report)
        if_possible(lambda: create_markdown_artifact(key="moodlog-summary", markdown=text, description=_WHAT))
    tell_ended_permissions(report)
    if stop_requested():
        report_no_crash()
        return Cancelled(message=f"stopped with moodlog serve: {headline(report)}; the next run does the rest")
    return state_of(report, put_off(report))


def without_forgotten(report: NightReport) -> NightReport:
    """``report`` without what it says of people who were forgotten since the run began."""
    people = {one.user_id for one in report.outcomes} | {one.user_id for one in report.permissions}
    try:
        with Workspace() as workspace:
            gone = workspace.batches.gone_among(people) if people else set()
    except StoreError:
        return report  # the run says elsewhere that the database fails
    outcomes = [one for one in report.outcomes if one.user_id not in gone]
    permissions = [one for one in report.permissions if one.user_id not in gone]
    return replace(report, outcomes=outcomes, permissions=permissions) if gone else report


def state_of(report: NightReport, later: str | None = None) -> State[NightReport]:
    """The state that ``report`` deserves, with its numbers and reasons, and what was put off for ``later``."""
    reasons = report.kinds_of_problems
    more = [f"and {len(reasons) - _REASONS} more"] if len(reasons) > _REASONS else []
    message = "; ".join([headline(report), *reasons[:_REASONS], *more, *([later] if later else [])])
    if report.verdict is Verdict.FAILED:
        report_no_crash()
        return Failed(message=message, data=RunFailed(message, report))
    return Completed(name=report.verdict.value, message=message, data=report)


def _leave_pages(report: NightReport) -> str:
    """Leave the picture of moods and the table of accounts; returns the moods as markdown.

    A database that fails costs these pages and not the state of a run that has done its work.
    """
    try:
        with Workspace() as workspace:
            moods = _leave_moods(report, workspace)
            _leave_accounts(report, workspace)
            return moods
    except StoreError as error:
        get_run_logger().warning("the summary has no moods and no table of accounts: %s", error.message)
        return ""


def _leave_moods(report: NightReport, workspace: Workspace) -> str:
    """Leave the picture of the last days' moods; returns them as markdown. Nothing where no labelling ran."""
    if report.labels is None:
        return ""
    today = workspace.now().date()
    picture = as_data_uri(mood_picture(workspace.database, today))
    said = "The moods of the last days, everybody's"
    if_possible(lambda: create_image_artifact(picture, key="moodlog-moods", description=said))
    return "\n" + mood_markdown(workspace.database, today)


def _leave_accounts(report: NightReport, workspace: Workspace) -> None:
    """Leave the table of accounts, those with problems and gaps first."""
    if not report.outcomes:
        return
    shown = most_telling(report.outcomes)
    accounts = workspace.accounts.all([outcome.user_id for outcome in shown])
    states = account_states(workspace.database, accounts, now=workspace.now())
    said = f"The last 7 days of {len(shown)} of {len(report.outcomes)} accounts, those with problems first"
    table = account_rows(shown, states)
    if_possible(lambda: create_table_artifact(key="moodlog-accounts", table=table, description=said))


def most_telling(outcomes: Sequence[PullOutcome]) -> list[PullOutcome]:
    """As many of ``outcomes`` as a table shows: those with problems first, then gaps, then by new listens."""
    first = sorted(outcomes, key=lambda one: (not one.problem, not one.gap, -one.new, one.user_id))
    return first[:MOST_ACCOUNTS]


def headline(report: NightReport) -> str:
    """One sentence with the run's numbers."""
    parts = []
    if report.outcomes:
        parts.append(f"{plural(report.new_listens, 'new listen')} from {plural(len(report.outcomes), 'account')}")
    if report.features is not None:
        parts.append(f"features of {plural(report.fetched.total(), 'track')}")
    if report.labels is not None:
        parts.append(f"{plural(report.labels.labelled, 'track')} labelled by {report.labels.model_version}")
    if report.problems:
        parts.append(plural(len(report.problems), "problem"))
    return ("dry run: " if report.dry_run else "") + (", ".join(parts) or "nothing to do")


def markdown(report: NightReport) -> str:
    """The summary that people read in Prefect's UI."""
    lines = [f"# {report.verdict.value}", "", headline(report) + ".", ""]
    if report.finished:
        lines += [f"Loaded {plural(report.finished, 'batch', 'batches')} that an earlier run had left unloaded.", ""]
    if report.new_gaps:
        accounts = plural(report.new_gaps, "account")
        lines += [f"Listens may have been lost before the new ones of {accounts} (see the gaps).", ""]
    if report.features is not None:
        lines += _table(("feature source", "asked", "found", "missed"), _source_rows(report))
    if report.labels is not None and report.labels.labelled:
        labels = report.labels
        lines += [
            f"Labels that are uncertain: {labels.uncertain}; outside the training data: {labels.out_of_distribution}.",
            "",
        ]
    lines += permission_lines(report)
    lines += drift_lines(report)
    if report.problems:
        told = [f"- {as_text(problem)}" for problem in report.kinds_of_problems]
        lines += ["## What did not work", "", *_at_most(told), ""]
    return "\n".join(lines)


def permission_lines(report: NightReport) -> list[str]:
    """Whose permission a person must renew, and how."""
    lines = []
    for permission in report.permissions:
        left = permission.days_left
        name, id_ = as_text(permission.display_name), permission.user_id
        renew = f"`moodlog reconnect {id_}`"
        ends = f"ends in {plural(left or 0, 'day')}: {renew}"
        if left is None:
            ends = f"has ended or is refused: `moodlog users resume {id_}` tries it again, {renew} renews it"
        lines.append(f"- Spotify's permission for {name} {ends}")
    return [*_at_most(lines), ""] if lines else []


def _at_most(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"- and {more} more: `moodlog status` shows every account"]


def drift_lines(report: NightReport) -> list[str]:
    """How far the newest tracks' features are from the training data, if that is known and worth a word."""
    drift = None if report.labels is None else report.labels.drift
    return [] if drift is None or drift.level == "too_few_rows" else [drift_sentence(drift), ""]


def drift_sentence(drift: DriftReport) -> str:
    """How far the newest tracks' features are from the training data."""
    said = {
        "too_few_rows": "too few to tell",
        "none": "no drift",
        "notice": "some drift: labels may be a little less sure than the model card says",
        "warning": "**drift: this music differs from what the model learned from; trust its labels less**",
    }[drift.level]
    worst = f"{drift.worst}, PSI {drift.psi[drift.worst]:.2f}"
    return f"Features of the newest {drift.rows} tracks against the training data: {said} (most: {worst})."


def account_rows(outcomes: Sequence[PullOutcome], states: Mapping[str, AccountState]) -> list[dict[str, str | int]]:
    """A row for each of ``outcomes``, for a table artifact; ``states`` holds how the accounts stand, by user id."""
    rows: list[dict[str, str | int]] = []
    for outcome in outcomes:
        state = states.get(outcome.user_id) or AccountState("", None)
        without = [f"{count} {reason}" for reason, count in state.unlabelled.items()]
        rows.append(
            {
                "name": state.display_name,
                "problem": outcome.problem or "",
                "new listens": outcome.new,
                "labelled": state.labelled,
                "unlabelled": ", ".join(without) or 0,
                "open gaps": state.open_gaps,
                "new gap": "possible" if outcome.gap else "",
                "token days left": "" if state.token_days_left is None else state.token_days_left,
                "skipped": outcome.skipped,
                "account": outcome.user_id,
            }
        )
    return rows


def _source_rows(report: NightReport) -> list[tuple[str, ...]]:
    features = report.features
    if features is None:
        return []
    return [
        (name, str(features.asked[name]), str(features.found[name]), str(features.missed[name]))
        for name in sorted(features.asked)
    ]


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    lines = [header, tuple("---" for _ in header), *rows]
    return [*("| " + " | ".join(as_text(cell) for cell in line) + " |" for line in lines), ""]
