"""Labels all tracks again with another model."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.options import PRIVATE, RETRYING
from flows.parameters import LabellingEngine, ModelFolder
from flows.progress import ProgressArtifact
from mood_core.app.labelling import Engine
from mood_core.app.workspace import Workspace
from mood_core.settings import load_settings
from mood_core.usecases.models.relabel import RelabelReport, keep_using


@flow(name="relabel-moods", flow_run_name="relabel moods", **PRIVATE)
def relabel_moods(
    model: ModelFolder = "", drop_old: bool = False, engine: LabellingEngine = "local"
) -> State[RelabelReport]:
    """Label every known track again from stored features, and switch to the new labels at once.

    Args:
        model: The model's folder, for example /data/models/my-moods/2; later runs use it too. Empty for the current.
        drop_old: Delete the labels of all other versions from SQL and from the lake.
        engine: What labels: this process, or Apache Spark on MOODLOG_SPARK_MASTER. Spark needs its extra and Java.
    """
    report = label_again(model or None, drop_old=drop_old, engine=engine)
    message = f"{report.labels.labelled} tracks labelled by {report.labels.model_version}"
    if report.agreement:
        message += f"; {report.agreement.share:.1%} of {report.agreement.tracks} tracks keep their mood"
    return Completed(message=message, data=report)


@task(name="label again", **RETRYING)
def label_again(model: str | None, *, drop_old: bool, engine: Engine) -> RelabelReport:
    """Label every known track by ``model`` with the ``engine``. Safe to rerun after a crash: it labels the rest."""
    settings = load_settings()
    chosen = settings.model_copy(update={"model": Path(model)}) if model else settings
    progress = ProgressArtifact("moodlog-relabel", "Tracks labelled")
    with Workspace(chosen) as workspace:
        report = workspace.relabel(drop_old=drop_old, engine=engine, progress=progress)
    warning = keep_using(Path(model), settings.model, settings.models) if model else None
    if warning:
        get_run_logger().warning(warning)
    return report
