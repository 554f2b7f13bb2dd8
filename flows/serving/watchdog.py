"""Checks every 15 s whether scheduled runs start while ``moodlog serve`` runs.

A fault that lasts 60 s is a problem: it is printed, sent to Prefect as an event, and reported by ``/health``. Then the
server that ``moodlog serve`` started is restarted. If that does not help, ``moodlog serve`` exits with a code on which
systemd or launchd restart it.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.alerting.events import SCHEDULE_BROKEN, SCHEDULE_RECOVERED, report_schedule
from flows.server.local_server import LocalServer
from flows.server.schedule import read_schedule
from flows.serving.dead_runs import end_recorded_runs
from flows.serving.home_runner import HomeRunner
from flows.serving.run_records import RunRecords
from flows.serving.scheduler_log import SchedulerLog
from mood_core.app.workspace import utc_now
from mood_core.errors import MoodlogError
from mood_core.files.private import write_private
from mood_core.usecases.upkeep.check_health import Scheduled

_TICK_S = 15.0
_FIRST_S = 3.0
TOLERANCE = timedelta(seconds=60)
"""How long a fault may last before it is a problem, for example while the server starts or the database is busy."""

_RESTART_EVERY = timedelta(hours=1)
"""The server is restarted once in this time; if that does not help, ``moodlog serve`` exits."""

_ONLY_REPORTED = "scheduler-errors"  # already scheduled runs still start; a lack of them is another fault
_REPEAT = timedelta(minutes=10)
_MIN_AGE_S = 60.0
_MINUTE = "%Y-%m-%d %H:%M"
# With Prefect's defaults, a server that hangs would be detected after six minutes.
_IMPATIENT = {PREFECT_API_REQUEST_TIMEOUT: 20.0, PREFECT_CLIENT_MAX_RETRIES: 0}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault: ``said`` names no person; ``detail`` is printed only."""

    code: str
    said: str
    detail: str = ""


@dataclass(slots=True)
class FaultTimer:
    """Times faults: a fault that lasts for :data:`TOLERANCE` is a problem."""

    since: dict[str, datetime] = field(default_factory=dict)

    def lasting(self, faults: Sequence[Problem], now: datetime) -> list[Problem]:
        """The faults that have lasted; starts the timers of new ones."""
        self.since = {fault.code: self.since.get(fault.code, now) for fault in faults}
        return [fault for fault in faults if now - self.since[fault.code] >= TOLERANCE]


def _overdue(found: Scheduled | None) -> list[Problem]:
    """A problem if the last nightly run failed, or none has succeeded since one was due 6 hours ago."""
    if found is None or not found.active:
        return []
    if found.failed_since is not None:
        return [Problem("failed", f"the nightly run that ended {found.failed_since:{_MINUTE}} UTC failed")]
    if found.overdue_since is None:
        return []
    return [Problem("overdue", f"the nightly run that was due {found.overdue_since:{_MINUTE}} UTC has not succeeded")]


class Watchdog:
    """Watches one ``moodlog serve``; ``server`` is the server that it started, None for a configured one."""

    def __init__(
        self,
        server: LocalServer | None,
        runner: HomeRunner,
        records: RunRecords,
        health_file: Path,
        say: Callable[[str], None],
    ) -> None:
        self.gave_up: str | None = None
        self._server, self._runner, self._records = server, runner, records
        self._health_file, self._say = health_file, say
        self._log = SchedulerLog(server.log) if server else None
        self._timer = FaultTimer()
        self._restarted_at: datetime | None = None
        self._reported: tuple[datetime, frozenset[str]] | None = None
        self._pending_event: tuple[str, str] | None = None
        self._began = utc_now()
        self._was_ok = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="moodlog-watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._write("starting", None, [])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread."""
        self._ended.set()
        self._thread.join(timeout=30)
        self._health_file.unlink(missing_ok=True)

    def _run(self) -> None:
        wait_s = _FIRST_S
        while not self._ended.wait(wait_s):
            wait_s = _TICK_S
            if self._runner.is_stopping:
                continue
            try:
                self._check_and_act(utc_now())
            except Exception:  # the next check may work
                log.exception("The schedule could not be checked")

    def _check_and_act(self, now: datetime) -> None:
        found, faults = self._find_faults(now)
        lasting = self._timer.lasting(faults, now)
        if self._server is not None and self._server.has_ended:
            lasting = faults
        # A reported problem lasts until there is no fault: a restarted server proves nothing.
        reported = faults if self._reported else lasting
        shown = [*reported, *_overdue(found)]
        self._was_ok = self._was_ok or not (faults or shown)
        healthy = "ok" if not faults else "checking" if self._was_ok else "starting"
        self._write("problem" if shown else healthy, found, shown)
        self._report(reported, now)
        if found is not None and self._pending_event is not None:  # the server answers
            event, problems = self._pending_event
            report_schedule(event, socket.gethostname(), problems)
            self._pending_event = None
        if fixable := [problem for problem in lasting if problem.code != _ONLY_REPORTED]:
            self._restart_server(fixable, now)

    def _find_faults(self, now: datetime) -> tuple[Scheduled | None, list[Problem]]:
        """The server's schedule, and all current faults."""
        faults = []
        if self._log is not None and self._log.is_failing(now):
            said = "the scheduler of the Prefect server fails repeatedly"
            faults.append(Problem(_ONLY_REPORTED, said, self._log.last))
        if self._server is not None and self._server.has_ended:
            return None, [Problem("server-ended", "the Prefect server has ended")]
        try:
            with temporary_settings(_IMPATIENT), get_client(sync_client=True) as client:
                found = read_schedule(client, now)
                starting = self._runner.in_flight
                for done in end_recorded_runs(client, self._records, starting=starting, min_age_s=_MIN_AGE_S):
                    self._say(str(done))
        except (httpx.HTTPError, PrefectException, RuntimeError) as error:
            return None, [*faults, Problem("no-answer", "the Prefect server does not answer", type(error).__name__)]
        if found.unscheduled:
            faults.append(Problem("nothing-scheduled", f"no run is scheduled for {', '.join(found.unscheduled)}"))
        polled_at = self._runner.polled_at
        if polled_at is not None and now - polled_at > TOLERANCE:
            faults.append(Problem("not-polling", "moodlog serve does not receive the due runs"))
        return found, faults

    def _report(self, problems: list[Problem], now: datetime) -> None:
        codes, before = frozenset(problem.code for problem in problems), self._reported
        if not codes:
            if before is not None:
                self._say(f"Solved {now:{_MINUTE}} UTC: scheduled runs start again.")
                self._pending_event, self._reported = (SCHEDULE_RECOVERED, ""), None
            return
        is_new = before is None or before[1] != codes
        if is_new:
            self._pending_event = (SCHEDULE_BROKEN, "; ".join(problem.said for problem in problems))
        if is_new or (before is not None and now - before[0] > _REPEAT):
            self._reported = (now, codes)
            for problem in problems:
                detail = f" ({problem.detail})" if problem.detail else ""
                self._say(f"PROBLEM {now:{_MINUTE}} UTC: {problem.said}{detail}. Run `moodlog doctor` for details.")

    def _restart_server(self, problems: list[Problem], now: datetime) -> None:
        """Restart the server, or stop ``moodlog serve`` if a restart did not help."""
        if self._server is None or self._runner.is_stopping:
            return
        if self._restarted_at is not None and now - self._restarted_at < _RESTART_EVERY:
            said = "; ".join(problem.said for problem in problems)
            self._give_up(f"{said}, and a restart of the Prefect server did not help; see its log {self._server.log}")
            return
        self._restarted_at = now
        self._say("Restarting the Prefect server.")
        try:
            self._server.restart(self._say)
            self._server.wait_until_ready()
        except MoodlogError as error:
            self._give_up(error.message)
        self._timer.since.clear()

    def _give_up(self, said: str) -> None:
        self.gave_up = said
        self._runner.stop_soon()

    def _write(self, status: str, found: Scheduled | None, problems: list[Problem]) -> None:
        """Write the report for ``/health``; it names no person."""
        next_name, next_at = min(found.next_runs if found else (), key=lambda run: run[1], default=(None, None))
        report: dict[str, Any] = {
            "status": status,
            "checked_at": utc_now().isoformat(),
            "serving_since": self._began.isoformat(),
            "scheduler": "unknown" if found is None else "not scheduling" if found.unscheduled else "ok",
            "next_run_at": next_at and next_at.isoformat(),
            "next_run": next_name,
            **(found or Scheduled(active=False)).times(),
            "running": len(self._runner.in_flight),
            "problems": [problem.said for problem in problems],
        }
        temporary = self._health_file.with_suffix(".tmp")
        write_private(temporary, json.dumps(report).encode())
        temporary.replace(self._health_file)
