"""The result of an import as text: every outcome, what was achieved, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from mood_core.cli.plain_table import plain_table, print_table
from mood_core.exports.outcomes import MEANING, RowOutcome
from mood_core.text.format import first_few, plural
from mood_core.text.sanitise import plain
from mood_core.usecases.imports.import_export import ImportReport
from mood_core.usecases.imports.label_coverage import (
    LOCAL_FILE,
    NO_FEATURES,
    NOT_LABELLED,
    NOT_REQUESTED,
    LabelCoverage,
)

_IN_A_DRY_RUN = {RowOutcome.MALFORMED: "malformed rows, which the import quarantines"}
_WEAKER_FORM = (
    "Account data is the weaker form: one year, times to the minute, no track ids. The extended streaming history goes "
    "back to your first day: request it at https://www.spotify.com/account/privacy/ and import it as well. "
    "Each play is stored once."
)


def print_outcomes(report: ImportReport) -> None:
    """Print the outcome of every row to stdout, and notes to stderr."""
    table = Table("outcome", "rows", "meaning", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    meaning = MEANING | _IN_A_DRY_RUN if report.dry_run else MEANING
    for name, count in report.outcomes.items():
        limit = f" ({report.min_ms / 1000:g} s)" if name == RowOutcome.SKIPPED else ""
        table.add_row(name, plural(count), meaning[RowOutcome(name)] + limit)
    table.add_row("rows read", plural(report.rows_read), "all of them", style="bold")
    print_table(table)
    print_notes(_notes(report))
    print_notes(f"{reason}." for reason in report.damaged_files.values())


def print_notes(notes: Iterator[str]) -> None:
    """Print ``notes`` to stderr, a line each: names of files and people can have any character."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for note in notes:
        console.print(plain(note))


def _notes(report: ImportReport) -> Iterator[str]:
    if report.other_files:
        yield f"Skipped, because they are no listening histories: {first_few(report.other_files)}."
    if report.address_files:
        yield f"URIs of tracks read from {first_few(list(report.address_files))}."
    if report.seen_before:
        yield "The same files were imported before."
    if report.quarantine:
        yield f"Malformed rows, with file, position and reason: {report.quarantine}"
    if report.repaired:
        yield f"{plural(report.repaired, 'broken character')} in names replaced by \N{REPLACEMENT CHARACTER}."
    if report.first_at and report.last_at:
        yield f"New listens from {report.first_at:%Y-%m-%d} to {report.last_at:%Y-%m-%d}."
    if report.shorter_kept:
        yield (
            f"--min-ms removes nothing: {report.display_name} has {plural(report.shorter_kept, 'stored listen')} of "
            f"less than {report.min_ms / 1000:g} s. `moodlog import --list` shows the imports, `--undo` takes one "
            "back."
        )
    if report.gaps_filled:
        yield f"Possible gaps filled: {report.gaps_filled}."
    if report.dry_run:
        yield f"Dry run for {_person(report)}: nothing was written. Next: the same command without --dry-run."


def conclusion(report: ImportReport, state: LabelCoverage) -> Iterator[str]:
    """Lines on what the person has now, and the next command."""
    yield f"{_person(report)} has {plural(state.listens, 'listen')} of {plural(state.tracks, 'track')}."
    yield (
        f"Days are in the time zone {report.timezone}; to change it: moodlog users set-timezone {report.user_id} ZONE"
    )
    if state.tracks:
        labelled = plural(state.tracks_labelled)
        yield f"Tracks with features: {plural(state.tracks_with_features)}. Tracks labelled: {labelled}."
    if state.missing:
        reasons = [f"{plural(count)} {reason}" for reason, count in sorted(state.missing.items())]
        yield f"Tracks without a label: {', '.join(reasons)}."
    found = min(report.pending_found, state.pending_plays)
    if found:
        yield f"{plural(found, 'play')} pending whose track is known now: the next `moodlog run` matches them."
    if left := state.pending_plays - found:
        yield f"{plural(left, 'play')} pending: no track of their artist and title is known yet."
    if report.import_id:
        yield f"To take this import back: moodlog import --undo {report.import_id}"
    if report.account_data:
        yield _WEAKER_FORM
    yield from _next(state)


def _next(state: LabelCoverage) -> Iterator[str]:
    if state.missing.keys() & {NOT_LABELLED, NOT_REQUESTED}:
        yield "Next: `moodlog run` fetches features and labels moods; then `moodlog report --open` shows them."
    elif state.tracks_labelled:
        yield "Next: `moodlog report --open` shows the moods."
    if state.missing.keys() & {NO_FEATURES, LOCAL_FILE}:
        yield "`moodlog status` shows what can give more tracks a label."


def _person(report: ImportReport) -> str:
    return f"{report.display_name} ({report.user_id})"


def print_imports(imports: Sequence[Mapping[str, Any]]) -> None:
    """Print the ``imports`` that can be taken back to stdout."""
    rows = [
        {
            "id": each["import_id"],
            "person": each["display_name"],
            "imported at": f"{each['imported_at'][:16].replace('T', ' ')} UTC",
            "rows": each["rows_read"],
            "outcomes": _outcomes(each) if each["is_complete"] else "interrupted: import the same files again",
        }
        for each in imports
    ]
    if rows:
        print_table(plain_table(rows))
    else:
        click.echo("No import is recorded that can be taken back.")


def _outcomes(recorded: Mapping[str, Any]) -> str:
    return ", ".join(f"{plural(count)} {outcome}" for outcome, count in (recorded["outcomes"] or {}).items())
