"""Prefect's runner as ``moodlog serve`` needs it: no pile-up of missed runs, no orphans, and a graceful stop.

Prefect has no public place for these. What is replaced of its runner is replaced in ``__aenter__`` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import anyio
import httpx
from prefect.runner import Runner
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.states import Cancelled
from prefect.utilities.processutils import command_to_string

from flows.serving.replacement_runs import superseded
from flows.serving.run_records import RunRecords
from mood_core.app.workspace import utc_now

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.runner._flow_run_executor import ProcessStarter

GRACE_S = 30.0
"""How long runs may take to finish their current account when ``moodlog serve`` stops; then they are cancelled."""

HARD_S = 60.0
"""How long a stop takes at most; what still runs then is killed."""

AT_ONCE = 130
"""The exit code after a second Ctrl-C, as shells have it for a program that was interrupted."""

_SKIPPED = "skipped: moodlog serve was not running at its time, and a later run makes up for it"
_OBSERVER = "prefect.FlowRunCancellingObserver"
log = logging.getLogger(__name__)


def _only_errors(record: logging.LogRecord) -> bool:
    """Drop what Prefect says of a connection that ended with its server: the watchdog reports that once."""
    record.exc_info = None
    return record.levelno >= logging.ERROR


class HomeRunner(Runner):
    """Runs the deployments of one home; ``say`` reports to the terminal.

    Attributes:
        polled_at: when the server last said which runs are due.
        in_flight: the ids of the runs whose process is being started or runs.
    """

    def __init__(self, records: RunRecords, say: Callable[[str], None]) -> None:
        logging.getLogger(_OBSERVER).addFilter(_only_errors)
        super().__init__(pause_on_shutdown=False)  # the server ends as well, so there is nothing to pause
        self.polled_at: datetime | None = None
        self.in_flight: set[str] = set()
        self._records = records
        self._say = say
        self._is_asked_to_stop = False
        self._idle = asyncio.Event()
        self._stop_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start, with the starter and the poll of this class in the place of Prefect's."""
        await super().__aenter__()
        poller: Any = self._scheduled_run_poller
        self._poll = poller._get_scheduled_flow_runs  # noqa: SLF001 - see the module's docstring
        self._prefect_starter = poller._resolve_starter  # noqa: SLF001
        poller._get_scheduled_flow_runs = self._due  # noqa: SLF001
        poller._resolve_starter = self._starter  # noqa: SLF001
        if self._is_asked_to_stop:  # while it started: an interrupt can be lost in a finalizer
            self._begin_to_stop()
        return self

    async def _due(self) -> list[FlowRun]:
        """The runs that are due, without those that a later run of the same schedule makes up for.

        None while the server does not answer: Prefect's runner would give up after some minutes of that. The watchdog
        reports it.
        """
        try:
            runs: list[FlowRun] = await self._poll()
        except httpx.HTTPError as error:
            log.info("the Prefect server does not say which runs are due (%s)", type(error).__name__)
            return []
        self.polled_at = utc_now()
        skipped = superseded(runs, self.polled_at)
        for run in skipped:
            with contextlib.suppress(httpx.HTTPError):  # it is looked at again at the next poll
                await self._client.set_flow_run_state(run.id, Cancelled(message=_SKIPPED), force=True)
        ids = {run.id for run in skipped}
        return [run for run in runs if run.id not in ids]

    def _starter(self, flow_run: FlowRun) -> ProcessStarter:
        """Prefect's starter of a run, but with moodlog's process in a process group of its own, and with a record."""
        starter, run_id = self._prefect_starter(flow_run), str(flow_run.id)
        if isinstance(starter, EngineCommandStarter):
            arguments = [str(self._records.folder), str(os.getpid()), run_id]
            starter._command = command_to_string([sys.executable, "-m", "flows.serving.run_process", *arguments])  # noqa: SLF001
            starter._isolate_process_group = True  # noqa: SLF001
        return _Recorded(starter, self)

    def began(self, run_id: str) -> None:
        """The process of a run is about to be started."""
        self._records.begin(run_id)
        self.in_flight.add(run_id)
        self._idle.clear()

    def ended(self, run_id: str) -> None:
        """The process of a run has ended; its record stays until its state is known to be final."""
        self.in_flight.discard(run_id)
        if not self.in_flight:
            self._idle.set()

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Stop gracefully; asked a second time, at once. For SIGTERM, which Prefect brings here, and SIGINT."""
        if self._is_asked_to_stop:
            self.end_at_once(AT_ONCE)
        self._is_asked_to_stop = True
        if self._loop is None or not self.started:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._begin_to_stop)

    def stop_soon(self) -> None:
        """Stop gracefully; for other threads."""
        if not self._is_asked_to_stop and self._loop is not None:
            self._is_asked_to_stop = True
            self._loop.call_soon_threadsafe(self._begin_to_stop)

    @property
    def is_stopping(self) -> bool:
        """Whether this was asked to stop."""
        return self._is_asked_to_stop

    def end_at_once(self, exit_code: int) -> None:
        """Kill what runs and end this process; the next ``moodlog serve`` marks the runs as crashed."""
        for record in self._records.all():
            self._records.kill(record)
        sys.stderr.flush()
        os._exit(exit_code)

    def _begin_to_stop(self) -> None:
        self._stop_task = asyncio.get_running_loop().create_task(self._stop_gracefully())

    async def _stop_gracefully(self) -> None:
        asyncio.get_running_loop().call_later(HARD_S, self.end_at_once, 0)
        self.stopping = self._scheduled_run_poller.stopping = True
        self._records.ask_to_stop()
        if self.in_flight:
            many = "run finishes its" if len(self.in_flight) == 1 else "runs finish their"
            self._say(f"Stopping: {len(self.in_flight)} {many} current account. Ctrl-C again ends at once.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), GRACE_S)
        await self.astop()


class _Recorded:
    """A starter of Prefect's that reports when the process of its run begins and ends."""

    def __init__(self, starter: ProcessStarter, runner: HomeRunner) -> None:
        self._starter = starter
        self._runner = runner

    async def start(self, flow_run: FlowRun, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        """Start the process and wait for its end, as Prefect's starters do."""
        self._runner.began(str(flow_run.id))
        try:
            await self._starter.start(flow_run, task_status=task_status)
        finally:
            self._runner.ended(str(flow_run.id))
