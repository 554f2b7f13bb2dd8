"""Collects labelled tracks from playlists, for training."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.options import PRIVATE, RETRYING
from flows.parameters import DatasetFile, Playlists, Reader
from flows.progress import feature_progress
from flows.server.retries import if_possible
from mood_core.app.workspace import Workspace
from mood_core.usecases.models.build_dataset import DatasetReport, parse_playlist, write_dataset


@flow(name="build-dataset", flow_run_name="build a data set", **PRIVATE)
def build_dataset(playlists: Playlists, out: DatasetFile = "", user: Reader = "") -> State[DatasetReport]:
    """Write the tracks of playlists, with one mood for each playlist and their audio features, to a training file.

    Args:
        playlists: Playlists and their moods, for example ["Calm=37i9dQZF1DWZd79rJ6a7lp", "anna/Sad=..."] (by anna).
        out: The .csv or .parquet file to write, on the machine that runs this; HOME/labelled.csv by default.
        user: The account that reads the playlists, by id or name; the first one by default.
    """
    report, file = collect_playlists(list(playlists), out or None, user or None)
    outcomes = [{"outcome": outcome.value, "items": count} for outcome, count in sorted(report.outcomes.items())]
    description = f"{report.items} playlist items"
    if_possible(lambda: create_table_artifact(key="moodlog-dataset-outcomes", table=outcomes, description=description))
    tracks = ", ".join(f"{mood} {count}" for mood, count in sorted(report.kept.items())) or "no tracks"
    return Completed(message=f"{tracks} written to {file}", data=report)


@task(name="collect playlists", **RETRYING)
def collect_playlists(playlists: list[str], out: str | None, user: str | None) -> tuple[DatasetReport, Path]:
    """Write the tracks of ``playlists`` with their features; returns the report and the file.

    Raises:
        Unavailable: A feature source did not answer for every track; no file is written.
    """
    with Workspace() as workspace:
        file = Path(out) if out else workspace.settings.labelled
        table, report = workspace.build_dataset(
            [parse_playlist(text) for text in playlists], user, progress=feature_progress()
        )
    write_dataset(table, file)
    return report, file
