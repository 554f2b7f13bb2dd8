"""``python -m tests.shard_worker NOW COMMIT``: fetch and label shards of tracks; SIGKILL at the commit of that number.

COMMIT 0 is for no kill. An odd one kills before the commit, an even one after it. Prints a line when it is ready, and
waits for one before it begins.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, event

from mood_core.app.workspace import Workspace
from mood_core.errors import StoreBusy


def kill_at(commit: int) -> None:
    """Kill this process at its commit number ``commit``."""
    seen = 0

    def count(connection: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == commit:
            if commit % 2 == 0:
                connection.connection.dbapi_connection.commit()
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", count)


def main(now: str, commit: str) -> None:
    """Work until no shard is left."""
    with Workspace(now=lambda: datetime.fromisoformat(now)) as workspace:
        _ = workspace.classifier(), workspace.feature_sources(), workspace.batches
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        kill_at(int(commit))
        while _again(workspace.fetch_shard):
            pass
        while _again(lambda: workspace.track_shards.label(workspace.classifier, workspace.model_card)):
            pass


def _again(step: Any) -> bool:
    """Whether there was a shard; tries again while another process is writing."""
    while True:
        try:
            return step() is not None
        except StoreBusy:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
