"""``python -m flows.serving.run_process FOLDER PARENT RUN``: the process of one flow run of ``moodlog serve``.

It is Prefect's engine. It also holds the lock of its record, stops at the next safe point when ``moodlog serve`` stops,
and ends after a ``moodlog serve`` that was killed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

from flows.serving.run_records import RunRecords
from mood_core.usecases.stop_request import request_stop

ORPHAN_S = 10.0
"""How long a run continues without its ``moodlog serve``, to finish and store its current account."""

_POLL_S = 0.5


def main() -> None:
    """Execute the flow run RUN of the process PARENT, which has its records in FOLDER."""
    records, parent, run_id = RunRecords(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, `moodlog serve` asks its runs to stop
    if not records.hold(run_id):
        sys.exit(f"another process runs the flow run {run_id}")
    threading.Thread(target=_stop_in_time, args=(records, parent), daemon=True).start()
    sys.argv = ["prefect.engine", run_id]
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def _stop_in_time(records: RunRecords, parent: int) -> None:
    while os.getppid() == parent:
        if records.is_stopping():
            request_stop()
        time.sleep(_POLL_S)
    request_stop()
    time.sleep(ORPHAN_S)
    os._exit(1)


if __name__ == "__main__":
    main()
