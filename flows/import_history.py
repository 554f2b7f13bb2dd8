"""Imports a listening history that Spotify sent on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from flows.options import PRIVATE
from flows.parameters import Exports, Milliseconds, Person, Zone
from flows.progress import ProgressArtifact, feature_progress, labelling_progress
from flows.server.retries import if_possible
from mood_core.app.import_export import import_export, label_now
from mood_core.app.workspace import Workspace
from mood_core.exports.parse_row import SHORTEST_LISTEN_MS, ImportFilter


class _Progress:
    """Shows the progress of each step of an import."""

    def __init__(self) -> None:
        self._artifact, self._total = ProgressArtifact("moodlog-import", "Import"), 0

    def started(self, step: str, total: int) -> None:
        self._artifact, self._total = ProgressArtifact(f"moodlog-import-{step}", f"Import: {step}"), total

    def __call__(self, _rows: int, done: int, /) -> None:
        self._artifact(done, self._total)


@flow(name="import-history", flow_run_name="import for {user}", **PRIVATE)
def import_history(
    paths: Exports,
    user: Person,
    timezone: Zone = "",
    min_ms: Milliseconds = SHORTEST_LISTEN_MS,
    keep_private: bool = True,
    label: bool = False,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Import zips, folders or JSON files. The outcome of every row is counted. Importing a file again changes nothing.

    Args:
        paths: Paths on the machine that runs this, for example ["/data/my_spotify_data.zip"].
        user: Whose history it is, by id or name; a new name creates a person without an account.
        timezone: IANA time zone of a new person, for example Europe/Berlin; the machine's by default.
        min_ms: Skip plays shorter than this, in ms; 0 keeps all. Plays without a duration are kept.
        keep_private: Keep the plays of private sessions.
        label: Fetch features and label now, the most heard tracks first.
        dry_run: Count the outcome of every row, but write nothing.
    """
    with Workspace() as workspace:
        report = import_export(
            workspace,
            [Path(path) for path in paths],
            user=user,
            timezone=timezone or None,
            row_filter=ImportFilter(min_ms, keep_private),
            dry_run=dry_run,
            progress=_Progress(),
        )
        if label and not dry_run:
            fetched = label_now(workspace, feature_progress(), labelling_progress())
            for stopped in fetched.stopped:
                get_run_logger().warning("%s did not answer for all tracks: %s", stopped.service, stopped.reason)
    for reason in report.damaged_files.values():
        get_run_logger().warning("%s", reason)
    outcomes = [{"outcome": str(outcome), "rows": count} for outcome, count in sorted(report.outcomes.items())]
    description = f"{report.rows_read} rows read"
    if_possible(lambda: create_table_artifact(key="moodlog-import-outcomes", table=outcomes, description=description))
    report.raise_damaged()
    return report.as_dict()
