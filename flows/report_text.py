"""The report of a run as text: Markdown for Prefect's UI, a table for the terminal, and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mood_core.domain.records import SERVICE_NAMES
from mood_core.report.mood_markdown import as_text
from mood_core.text.format import plural

if TYPE_CHECKING:
    from rich.console import Console

    from mood_core.classifier.drift import DriftReport
    from mood_core.features.fetch_report import FetchReport
    from mood_core.report.account_states import AccountState
    from mood_core.resolvers.chain import ResolveReport
    from mood_core.store.queries.accounts import Account
    from mood_core.usecases.nightly.label_tracks import LabelReport
    from mood_core.usecases.nightly.night_report import NightReport
    from mood_core.usecases.nightly.pull_listens import PullOutcome

MOST_ACCOUNTS = 200
"""The maximum of rows in a table of accounts."""

MOST_LINES = 50
"""The maximum of lines in a list of the Markdown summary."""


def headline(report: NightReport) -> str:
    """One sentence with the run's numbers."""
    parts = []
    if report.outcomes:
        parts.append(f"{plural(report.new_listens, 'new listen')} from {plural(len(report.outcomes), 'account')}")
    if report.changed_plays:
        parts.append(f"{plural(report.changed_plays, 'stored play')} deleted or edited at the service")
    if report.features is not None:
        parts.append(f"features of {plural(report.fetched.total(), 'track')}")
    if report.labels is not None:
        parts.append(f"{plural(report.labels.labelled, 'track')} labelled by {report.labels.model_version}")
        if report.labels.estimated:
            parts.append(f"{plural(report.labels.estimated, 'track')} labelled from features estimated from audio")
        if report.labels.learned:
            used = sum(head.promoted for head in report.labels.learned)
            parts.append(f"learned from the answers of {plural(len(report.labels.learned), 'person', 'people')}")
            parts[-1] += f" ({used} better than the model and in use)"
    if report.problems:
        parts.append(plural(len(report.problems), "problem"))
    return ("dry run: " if report.dry_run else "") + (", ".join(parts) or "nothing to do")


def markdown(report: NightReport) -> str:
    """The summary for Prefect's UI."""
    lines = [f"# {report.verdict.value}", "", headline(report) + ".", ""]
    if report.finished:
        lines += [f"Loaded {plural(report.finished, 'batch', 'batches')} that an earlier run did not load.", ""]
    if report.new_gaps:
        accounts = plural(report.new_gaps, "account")
        lines += [f"Listens before the new ones of {accounts} may be missing (see the gaps).", ""]
    if report.changed_plays:
        lines += [*_at_most(_changed_lines(report)), ""]
    if report.names is not None and report.names.asked:
        lines += [*_names_table(report.names), ""]
    if report.features is not None and report.features.requested:
        lines += [*_features_table(report.features), ""]
    if report.labels is not None:
        lines += _labels_lines(report.labels)
    if report.permissions:
        lines += [*_at_most(_permission_lines(report)), ""]
    if report.problems:
        problems = [f"- {as_text(problem)}" for problem in report.kinds_of_problems]
        lines += ["## Problems", "", *_at_most(problems), ""]
    return "\n".join(lines)


def _changed_lines(report: NightReport) -> list[str]:
    """Of whom how many stored plays were deleted or edited at their service, and how to remove them."""
    return [
        f"- {as_text(one.user_id)}: {plural(one.changed, 'stored play')} deleted or edited at the service; "
        f"`moodlog users drop-changed {one.user_id}` removes them and reads edited ones again"
        for one in report.outcomes
        if one.changed
    ]


def _names_table(names: ResolveReport) -> list[str]:
    """The queries to each resolver, and the calls to Spotify's search that its daily budget has left."""
    lines = ["| names looked up at | asked | found | not found | stopped |", "| --- | --- | --- | --- | --- |"]
    for name in sorted(names.asked.keys() | names.stopped.keys()):
        asked, found, why = names.asked[name], names.found[name], names.stopped.get(name, "")
        lines.append(f"| {as_text(name)} | {asked} | {found} | {asked - found} | {as_text(why)} |")
    if names.budget_left is not None:
        lines += ["", f"Left of the daily budget for Spotify's search: {names.budget_left}."]
    return lines


def _labels_lines(labels: LabelReport) -> list[str]:
    lines = []
    if labels.labelled:
        outside = f"outside the training data: {labels.out_of_distribution}"
        lines += [f"Uncertain labels: {labels.uncertain}; {outside}.", ""]
    if labels.drift is not None and labels.drift.level != "too_few_rows":
        lines += [drift_sentence(labels.drift), ""]
    return lines


def _features_table(features: FetchReport) -> list[str]:
    lines = ["| feature source | requested | found | missed |", "| --- | --- | --- | --- |"]
    for name in sorted(features.requested):
        numbers = (each[name] for each in (features.requested, features.found, features.missed))
        lines.append(f"| {as_text(name)} | {' | '.join(map(str, numbers))} |")
    return lines


def _permission_lines(report: NightReport) -> list[str]:
    """Whose permission a person must renew, and how."""
    lines = []
    for permission in report.permissions:
        id_ = permission.user_id
        ends = f"has ended or is refused: `moodlog users resume {id_}` retries it, `moodlog reconnect {id_}` renews it"
        if permission.days_left is not None:
            ends = f"ends in {plural(permission.days_left, 'day')}: `moodlog reconnect {id_}`"
        lines.append(f"- Spotify's permission for {as_text(permission.display_name)} {ends}")
    return lines


def _at_most(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"- and {more} more: `moodlog status` shows every account"]


def drift_sentence(drift: DriftReport) -> str:
    """The difference between the features of the newest tracks and the training data."""
    message = {
        "too_few_rows": "too few to compare",
        "none": "no drift",
        "notice": "some drift: labels may be a little less reliable than the model card says",
        "warning": "**drift: this music differs from the training data, so labels are less reliable**",
    }[drift.level]
    worst = f"{drift.worst}, PSI {drift.psi[drift.worst]:.2f}"
    return f"Features of the newest {drift.rows} tracks against the training data: {message} (most: {worst})."


def first_to_show(outcomes: Sequence[PullOutcome]) -> list[PullOutcome]:
    """The first :data:`MOST_ACCOUNTS` outcomes: those with problems first, then gaps, then by new listens."""
    first = sorted(outcomes, key=lambda one: (not one.problem, not one.gap, -one.new, one.user_id))
    return first[:MOST_ACCOUNTS]


def account_rows(outcomes: Sequence[PullOutcome], states: Mapping[str, AccountState]) -> list[dict[str, str | int]]:
    """A row of a table artifact for each outcome; ``states`` are those of the accounts, by user id."""
    from mood_core.report.account_states import AccountState

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
                "deleted or edited": outcome.changed,
                "account": outcome.user_id,
            }
        )
    return rows


def print_report(report: NightReport, accounts: Sequence[Account], console: Console) -> None:
    """Print a table of accounts with their names from ``accounts``, the numbers, and the problems."""
    from rich.text import Text

    from mood_core.cli.plain_table import plain_table, print_table

    names = {account.user_id: account.display_name for account in accounts}
    services = {account.user_id: SERVICE_NAMES[account.service] for account in accounts}
    shown = report.outcomes if len(report.outcomes) <= MOST_ACCOUNTS else first_to_show(report.outcomes)
    rows = [
        {
            "person": names.get(outcome.user_id),
            "account": outcome.user_id,
            "service": services.get(outcome.user_id),
            "new listens": outcome.new,
            "possible gap": "yes" if outcome.gap else None,
            "deleted or edited": outcome.changed or None,
            "problem": outcome.problem,
        }
        for outcome in shown
    ]
    if rows:
        print_table(plain_table(rows), console)
    if len(shown) < len(report.outcomes):
        console.print(f"These are {len(shown)} of {len(report.outcomes)} accounts; --json has them all.")
    console.print(Text.assemble((report.verdict.value, "bold"), f": {headline(report)}"))
    if report.incident:
        console.print(f"{report.incident}.")
    if report.without_features:
        console.print(Text(report.without_features))
    if not report.outcomes:
        console.print(
            "No account was pulled: no account is active. `moodlog connect` connects one,"
            " `moodlog import` adds a history."
        )


def report_json(report: NightReport) -> dict[str, object]:
    """The report as a JSON object."""
    labels = report.labels
    return {
        "verdict": report.verdict.value.lower(),
        "dry_run": report.dry_run,
        "new_listens": report.new_listens,
        "new_gaps": report.new_gaps,
        "changed_plays": report.changed_plays,
        "batches_finished": report.finished,
        "names_asked": dict(report.names.asked) if report.names else {},
        "names_found": dict(report.names.found) if report.names else {},
        "features_found": dict(report.fetched),
        "labelled": labels.labelled if labels else 0,
        "labelled_from_estimates": labels.estimated if labels else 0,
        "uncertain": labels.uncertain if labels else 0,
        "model_version": labels.model_version if labels else None,
        "learned": [head.as_dict() for head in labels.learned] if labels else [],
        "accounts": [
            {
                "user_id": outcome.user_id,
                "new_listens": outcome.new,
                "skipped": outcome.skipped,
                "possible_gap": outcome.gap,
                "changed_plays": outcome.changed,
                "problem": outcome.problem,
            }
            for outcome in report.outcomes
        ],
        "problems": report.problems,
        "incident": report.incident,
    }
