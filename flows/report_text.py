"""A run's report on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from flows.summary import MOST_ACCOUNTS, headline, most_telling
from mood_core.cli.plain_table import plain_table
from mood_core.store.queries.accounts import Account
from mood_core.usecases.nightly.night_report import NightReport


def print_report(report: NightReport, accounts: Sequence[Account], console: Console) -> None:
    """A table of accounts with their names from ``accounts``, the numbers, and what did not work."""
    names = {account.user_id: account.display_name for account in accounts}
    shown = report.outcomes if len(report.outcomes) <= MOST_ACCOUNTS else most_telling(report.outcomes)
    rows = [
        {
            "person": names.get(outcome.user_id),
            "account": outcome.user_id,
            "new listens": outcome.new,
            "possible gap": "yes" if outcome.gap else None,
            "problem": outcome.problem,
        }
        for outcome in shown
    ]
    if rows:
        console.print(plain_table(rows))
    if len(shown) < len(report.outcomes):
        console.print(f"These are {len(shown)} of {len(report.outcomes)} accounts; --json has them all.")
    console.print(Text.assemble((report.verdict.value, "bold"), f": {headline(report)}"))
    if report.incident:
        console.print(f"{report.incident}.")
    if not report.outcomes:
        console.print("No account was pulled: none is active. `moodlog connect` connects one.")


def report_json(report: NightReport) -> dict[str, object]:
    """The report as one JSON object."""
    return {
        "verdict": report.verdict.value.lower(),
        "dry_run": report.dry_run,
        "new_listens": report.new_listens,
        "new_gaps": report.new_gaps,
        "batches_finished": report.finished,
        "features_found": dict(report.fetched),
        "labelled": report.labels.labelled if report.labels else 0,
        "uncertain": report.labels.uncertain if report.labels else 0,
        "model_version": report.labels.model_version if report.labels else None,
        "accounts": [
            {
                "user_id": outcome.user_id,
                "new_listens": outcome.new,
                "skipped": outcome.skipped,
                "possible_gap": outcome.gap,
                "problem": outcome.problem,
            }
            for outcome in report.outcomes
        ],
        "problems": report.problems,
        "incident": report.incident,
    }
