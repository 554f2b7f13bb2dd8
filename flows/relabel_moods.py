"""Labels everything again by another model."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger

from mood_core.bootstrap import Workspace
from mood_core.pipeline.relabel import drop_old as drop_old_labels
from mood_core.pipeline.relabel import relabel
from mood_core.settings import load_settings


@flow(name="relabel-moods", flow_run_name="relabel moods", log_prints=False, persist_result=False)
def relabel_moods(model: str | None = None, drop_old: bool = False) -> None:
    """Label every known track again from stored features and show the new labels, all at once.

    Args:
        model: The model's folder; empty for the one of MOODLOG_MODEL.
        drop_old: Then drop the labels of all other versions, from SQL and from the lake.
    """
    settings = load_settings()
    chosen = settings.model_copy(update={"model": Path(model)}) if model else settings
    log = get_run_logger()
    with Workspace(chosen) as workspace:
        report = relabel(
            workspace.classifier,
            workspace.model_card,
            workspace.mood_rows,
            workspace.models,
            workspace.batches,
            now=workspace.now(),
        )
        if drop_old:
            report.dropped = drop_old_labels(workspace.mood_rows, workspace.lake, workspace.database)
    log.info("%d tracks labelled by %s", report.labels.labelled, report.labels.model_version)
    if report.agreement:
        log.info("%.1f %% of %d tracks keep their mood", 100 * report.agreement.share, report.agreement.tracks)
