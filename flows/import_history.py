"""Imports a listening history that Spotify sent on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.parameters import Exports, Milliseconds, Person, Zone
from flows.progress import ProgressArtifact, asking_progress, labelling_progress
from flows.server.retries import if_possible
from mood_core.app.import_export import import_export, label_now
from mood_core.app.workspace import Workspace
from mood_core.exports.parse_row import ImportFilter


class _Progress:
    """Shows an import's steps, each as a progress of its own."""

    def __init__(self) -> None:
        self._artifact, self._total = ProgressArtifact("moodlog-import", "Import"), 0

    def started(self, step: str, total: int) -> None:
        self._artifact, self._total = ProgressArtifact(f"moodlog-import-{step}", f"Import: {step}"), total

    def __call__(self, _rows: int, done: int, /) -> None:
        self._artifact(done, self._total)


@flow(name="import-history", flow_run_name="import for {user}", log_prints=False, persist_result=False)
def import_history(
    paths: Exports,
    user: Person,
    timezone: Zone = "",
    min_ms: Milliseconds = 0,
    keep_private: bool = True,
    keep_videos: bool = False,
    label: bool = False,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Import zips, folders or JSON files; every row's fate is counted, and importing the same again changes nothing.

    Args:
        paths: Where the export lies on the machine that runs this, for example ["/data/my_spotify_data.zip"].
        user: Whose history it is, by id or name; a new name makes a person without an account.
        timezone: IANA time zone of a new person, for example Europe/Berlin; that of the machine by default.
        min_ms: Leave out plays shorter than this, in ms; those of unknown length stay.
        keep_private: Keep the plays of private sessions.
        keep_videos: Keep the plays of music videos.
        label: Fetch features and label at once, the most heard tracks first.
        dry_run: Say what would become of every row, and write nothing.
    """
    with Workspace() as workspace:
        report = import_export(
            workspace,
            [Path(path) for path in paths],
            user=user,
            timezone=timezone or None,
            row_filter=ImportFilter(min_ms, keep_private, keep_videos),
            dry_run=dry_run,
            progress=_Progress(),
        )
        if label and not dry_run:
            label_now(workspace, asking_progress(), labelling_progress())
    fates = [{"fate": str(fate), "rows": count} for fate, count in sorted(report.outcomes.items())]
    said = f"{report.rows_read} rows read"
    if_possible(lambda: create_table_artifact(key="moodlog-import-fates", table=fates, description=said))
    return report.as_dict()
