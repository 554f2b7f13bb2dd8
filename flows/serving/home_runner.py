"""Prefect's runner for ``moodlog serve``: skips superseded runs, leaves no orphan processes and stops gracefully.

Prefect has no public API for these. Only ``__aenter__`` replaces parts of its runner.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Self, cast

import anyio
import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.runner import Runner
from prefect.runner._flow_run_executor import ProcessStarter
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.states import Cancelled
from prefect.utilities.processutils import command_to_string

from flows.serving.replacement_runs import superseded
from flows.serving.run_records import RunRecords
from mood_core.app.workspace import utc_now

GRACE_S = 30.0
"""How long runs may finish their current account when ``moodlog serve`` stops, before they are cancelled."""

HARD_S = 60.0
"""The maximum duration of a stop, after which runs are killed."""

INTERRUPTED = 130
"""The exit code after a second Ctrl-C, as of shells for an interrupted program."""

_SKIPPED = "skipped: moodlog serve was not running at its time, and a later run replaces it"
_OBSERVER = "prefect.FlowRunCancellingObserver"
log = logging.getLogger(__name__)


def _only_errors(record: logging.LogRecord) -> bool:
    """A log filter: drops messages about a connection that ended with its server. The watchdog reports that once."""
    record.exc_info = None
    return record.levelno >= logging.ERROR


class HomeRunner(Runner):
    """Runs the deployments of one home; ``say`` reports to the terminal.

    Attributes:
        polled_at: When the server last returned the due runs.
        in_flight: The ids of the runs whose process starts or runs.
        is_stopping: Whether a stop was requested.
    """

    def __init__(self, records: RunRecords, say: Callable[[str], None]) -> None:
        logging.getLogger(_OBSERVER).addFilter(_only_errors)
        super().__init__(pause_on_shutdown=False)  # the server ends as well, so there is nothing to pause
        self.polled_at: datetime | None = None
        self.in_flight: set[str] = set()
        self.is_stopping = False
        self._records = records
        self._say = say
        self._idle = asyncio.Event()
        self._stop_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the runner, with this class's starter and poll instead of Prefect's."""
        await super().__aenter__()
        poller: Any = self._scheduled_run_poller
        self._poll = poller._get_scheduled_flow_runs  # noqa: SLF001 - see the module's docstring
        self._prefect_starter = poller._resolve_starter  # noqa: SLF001
        poller._get_scheduled_flow_runs = self._due  # noqa: SLF001
        poller._resolve_starter = self._starter  # noqa: SLF001
        if self.is_stopping:  # during the start: a finalizer can swallow an interrupt
            self._start_stopping()
        return self

    async def _due(self) -> list[FlowRun]:
        """The due runs without superseded ones.

        Empty while the server does not answer: Prefect's runner would give up after some minutes. The watchdog reports
        the outage.
        """
        try:
            runs: list[FlowRun] = await self._poll()
        except httpx.HTTPError as error:
            log.info("The Prefect server does not return the due runs (%s)", type(error).__name__)
            return []
        self.polled_at = utc_now()
        skipped = superseded(runs, self.polled_at)
        for run in skipped:
            with contextlib.suppress(httpx.HTTPError):  # the next poll tries again
                await self._client.set_flow_run_state(run.id, Cancelled(message=_SKIPPED), force=True)
        ids = {run.id for run in skipped}
        return [run for run in runs if run.id not in ids]

    def _starter(self, flow_run: FlowRun) -> ProcessStarter:
        """Prefect's starter of a run, with moodlog's process in its own process group, and a record of the process."""
        starter, run_id = self._prefect_starter(flow_run), str(flow_run.id)
        if isinstance(starter, EngineCommandStarter):
            arguments = [str(self._records.folder), str(os.getpid()), run_id]
            starter._command = command_to_string([sys.executable, "-m", "flows.serving.run_process", *arguments])  # noqa: SLF001
            starter._isolate_process_group = True  # noqa: SLF001

        async def start(flow_run: FlowRun, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
            self._records.begin(run_id)
            self.in_flight.add(run_id)
            self._idle.clear()
            try:
                await starter.start(flow_run, task_status=task_status)
            finally:  # the record stays until the state of the run is final
                self.in_flight.discard(run_id)
                if not self.in_flight:
                    self._idle.set()

        return cast("ProcessStarter", SimpleNamespace(start=start))

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Stop gracefully; the second time, exit at once. Handles SIGTERM, which Prefect passes on, and SIGINT."""
        if self.is_stopping:
            self.exit_at_once(INTERRUPTED)
        self.is_stopping = True
        if self._loop is None or not self.started:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._start_stopping)

    def stop_soon(self) -> None:
        """Stop gracefully; callable from other threads."""
        if not self.is_stopping and self._loop is not None:
            self.is_stopping = True
            self._loop.call_soon_threadsafe(self._start_stopping)

    def exit_at_once(self, exit_code: int) -> None:
        """Kill all runs and exit; the next ``moodlog serve`` marks the runs as Crashed."""
        for record in self._records.all():
            self._records.kill(record)
        sys.stderr.flush()
        os._exit(exit_code)

    def _start_stopping(self) -> None:
        self._stop_task = asyncio.get_running_loop().create_task(self._stop_gracefully())

    async def _stop_gracefully(self) -> None:
        asyncio.get_running_loop().call_later(HARD_S, self.exit_at_once, 0)
        self.stopping = self._scheduled_run_poller.stopping = True
        self._records.ask_to_stop()
        if self.in_flight:
            many = "run finishes its" if len(self.in_flight) == 1 else "runs finish their"
            self._say(f"Stopping: {len(self.in_flight)} {many} current account. Press Ctrl-C again to stop at once.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), GRACE_S)
        await self.astop()
