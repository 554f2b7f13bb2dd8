"""Collects labelled tracks from playlists, for training."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.parameters import DatasetFile, Playlists, Reader
from flows.progress import asking_progress
from flows.server.retries import if_possible
from flows.tasks import RETRYING
from mood_core.app.workspace import Workspace
from mood_core.usecases.models.build_dataset import DatasetReport, parse_playlist, write_dataset


@flow(name="build-dataset", flow_run_name="build a data set", log_prints=False, persist_result=False)
def build_dataset(playlists: Playlists, out: DatasetFile = "", user: Reader = "") -> State[DatasetReport]:
    """Write the tracks of playlists, one mood a playlist, with their audio features to a file for training.

    Args:
        playlists: Playlists and their moods, for example ["Calm=37i9dQZF1DWZd79rJ6a7lp", "Sad=..."].
        out: The .csv or .parquet file to write, on the machine that runs this; HOME/labelled.csv by default.
        user: The account that reads the playlists, by id or name; the first one by default.
    """
    report, file = collect_playlists(list(playlists), out or None, user or None)
    fates = [{"fate": fate.value, "items": count} for fate, count in sorted(report.outcomes.items())]
    said = f"{report.items} items of playlists"
    if_possible(lambda: create_table_artifact(key="moodlog-dataset-fates", table=fates, description=said))
    tracks = ", ".join(f"{mood} {count}" for mood, count in sorted(report.kept.items())) or "no tracks"
    return Completed(message=f"{tracks} written to {file}", data=report)


@task(name="collect playlists", **RETRYING)
def collect_playlists(playlists: list[str], out: str | None, user: str | None) -> tuple[DatasetReport, Path]:
    """Collect the tracks of ``playlists`` with their features and write them; returns also the file.

    Raises:
        Unavailable: A source of features did not answer for all tracks; no file is written then.
    """
    with Workspace() as workspace:
        file = Path(out) if out else workspace.settings.labelled
        table, report = workspace.build_dataset(
            [parse_playlist(text) for text in playlists], user, progress=asking_progress()
        )
    write_dataset(table, file)
    return report, file
