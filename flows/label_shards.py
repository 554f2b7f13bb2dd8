"""Works on shards of tracks, for a run that shares features and labels among workers."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.options import NIGHT_S, PRIVATE
from flows.parameters import Label
from flows.server.retries import with_retries
from flows.serving.dead_runs import begin_run
from flows.tasks import ShardsDone, work_on_shards

SHARDS_DONE = "moodlog-tracks"
"""The key of the artifact with what a helper did, which the parent run reads."""


@flow(name="label-shards", flow_run_name="label {helper}", timeout_seconds=NIGHT_S, **PRIVATE)
def label_shards(helper: Label = "shards", ask_again: bool = False, label: bool = True) -> None:
    """Fetch the features of shards of tracks and label them, until none is left; run-nightly and label-moods start it.

    Args:
        helper: The name of the run.
        ask_again: Repeat failed searches now, instead of when their retry is due.
        label: Label the tracks that have features.
    """
    begin_run()
    done: ShardsDone = work_on_shards(ask_again=ask_again, label=label)
    with_retries(lambda: create_table_artifact(key=SHARDS_DONE, table=[done.as_json()], description=helper))
