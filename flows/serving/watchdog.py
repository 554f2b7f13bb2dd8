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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flows.server.local_server import LocalServer
from flows.server.schedule import ServerSchedule, read_schedule
from flows.server.schedule_times import last_and_next
from flows.serving.dead_runs import end_recorded_runs
from flows.serving.run_records import RunRecords
from flows.serving.scheduler_log import SchedulerLog
from mood_core.app.workspace import utc_now
from mood_core.errors import MoodlogError

if TYPE_CHECKING:
    from flows.serving.home_runner import HomeRunner

TICK_S = 15.0
_FIRST_S = 3.0
TOLERANCE = timedelta(seconds=60)
"""How long a fault may last before it is a problem, for example while the server starts or the database is busy."""

RESTARTS = 1
"""The maximum of server restarts in an hour; after that ``moodlog serve`` exits."""

OVERDUE = timedelta(hours=6)
"""How long after its scheduled time a nightly run may end."""

_ONLY_REPORTED = "scheduler-errors"  # already scheduled runs still start; a lack of them is another fault
_REPEAT = timedelta(minutes=10)
_MIN_AGE_S = 60.0
_ANSWER_S = 20.0
_MINUTE = "%Y-%m-%d %H:%M"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault: ``said`` names no person; ``detail`` is printed only."""

    code: str
    said: str
    detail: str = ""


@dataclass(slots=True)
class FaultTimer:
    """Times faults: a fault that lasts for ``limit`` is a problem."""

    limit: timedelta = TOLERANCE
    since: dict[str, datetime] = field(default_factory=dict)

    def lasting(self, wrong: Mapping[str, Problem], now: datetime) -> list[Problem]:
        """The faults of ``wrong`` that have lasted; starts the timers of new ones."""
        self.since = {code: self.since.get(code, now) for code in wrong}
        return [problem for code, problem in wrong.items() if now - self.since[code] >= self.limit]


def schedule_problems(found: ServerSchedule, polled_at: datetime | None, now: datetime) -> dict[str, Problem]:
    """The faults of the schedule of a server, by code."""
    wrong = {}
    if found.unscheduled:
        names = ", ".join(found.unscheduled)
        wrong["nothing-scheduled"] = Problem("nothing-scheduled", f"no run is scheduled for {names}")
    if polled_at is not None and now - polled_at > TOLERANCE:
        wrong["not-polling"] = Problem("not-polling", "moodlog serve does not receive the due runs")
    return wrong


def overdue(found: ServerSchedule, now: datetime) -> list[Problem]:
    """A problem if the last nightly run failed, or none has succeeded since one was due 6 hours ago."""
    nightly = found.nightly
    if nightly is None:
        return []
    if found.failed_since is not None:
        return [Problem("failed", f"the nightly run that ended {found.failed_since:{_MINUTE}} UTC failed")]
    times = [last_and_next(one.schedule, now - OVERDUE)[0] for one in nightly.schedules if one.active]
    due = max((at for at in times if at is not None), default=None)
    worked = max(filter(None, (found.last_success, nightly.created)), default=None)
    if due is None or worked is None or worked >= due:
        return []
    return [Problem("overdue", f"the nightly run that was due {due:{_MINUTE}} UTC has not succeeded")]


class Watchdog:
    """Watches one ``moodlog serve``; ``server`` is the server that it started, None for a configured one."""

    def __init__(
        self,
        server: LocalServer | None,
        runner: HomeRunner,
        records: RunRecords,
        health_file: Path,
        say: Callable[[str], None],
        *,
        tolerance: timedelta = TOLERANCE,
        tick_s: float = TICK_S,
    ) -> None:
        self.gave_up: str | None = None
        self._server, self._runner, self._records = server, runner, records
        self._health_file, self._say, self._tick_s = health_file, say, tick_s
        self._log = SchedulerLog(server.log) if server else None
        self._timer = FaultTimer(tolerance)
        self._restarted: list[datetime] = []
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
        wait_s = min(_FIRST_S, self._tick_s)
        while not self._ended.wait(wait_s):
            wait_s = self._tick_s
            if self._runner.is_stopping:
                continue
            try:
                self._check_and_act(utc_now())
            except Exception:  # the next check may work
                log.exception("The schedule could not be checked")

    def _check_and_act(self, now: datetime) -> None:
        found, wrong = self._find_faults(now)
        lasting = self._timer.lasting(wrong, now)
        if self._server is not None and self._server.has_ended:
            lasting = list(wrong.values())
        # A reported problem lasts until there is no fault: a restarted server proves nothing.
        reported = list(wrong.values()) if self._reported else lasting
        shown = [*reported, *(overdue(found, now) if found else [])]
        self._write(self._status(wrong, shown), found, shown)
        self._report(reported, now)
        if found is not None:
            self._send_event()
        if fixable := [problem for problem in lasting if problem.code != _ONLY_REPORTED]:
            self._restart_server(fixable, now)

    def _status(self, wrong: Mapping[str, Problem], shown: list[Problem]) -> str:
        """The status for ``/health``: a fault of less than 60 s is no problem yet."""
        if shown:
            return "problem"
        self._was_ok = self._was_ok or not wrong
        return "ok" if not wrong else "checking" if self._was_ok else "starting"

    def _find_faults(self, now: datetime) -> tuple[ServerSchedule | None, dict[str, Problem]]:
        """The server's schedule, and all current faults."""
        import httpx
        from prefect.client.orchestration import get_client
        from prefect.exceptions import PrefectException
        from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        wrong: dict[str, Problem] = {}
        if self._log is not None and self._log.is_failing(now):
            said = "the scheduler of the Prefect server fails repeatedly"
            wrong["scheduler-errors"] = Problem("scheduler-errors", said, self._log.last)
        if self._server is not None and self._server.has_ended:
            return None, {"server-ended": Problem("server-ended", "the Prefect server has ended")}
        try:
            # With Prefect's defaults, a server that hangs would be detected after six minutes.
            impatient = {PREFECT_API_REQUEST_TIMEOUT: _ANSWER_S, PREFECT_CLIENT_MAX_RETRIES: 0}
            with temporary_settings(impatient), get_client(sync_client=True) as client:
                found = read_schedule(client, now)
                starting = self._runner.in_flight
                for done in end_recorded_runs(client, self._records, starting=starting, min_age_s=_MIN_AGE_S):
                    self._say(f"{done.what}: {done.outcome}")
        except (httpx.HTTPError, PrefectException, RuntimeError) as error:
            said = "the Prefect server does not answer"
            return None, wrong | {"no-answer": Problem("no-answer", said, type(error).__name__)}
        return found, wrong | schedule_problems(found, self._runner.polled_at, now)

    def _report(self, problems: list[Problem], now: datetime) -> None:
        codes = frozenset(problem.code for problem in problems)
        if not codes:
            if self._reported is not None:
                self._say(f"Solved {now:{_MINUTE}} UTC: scheduled runs start again.")
                self._pending_event, self._reported = ("recovered", ""), None
            return
        if self._reported is None or self._reported[1] != codes or now - self._reported[0] > _REPEAT:
            for problem in problems:
                detail = f" ({problem.detail})" if problem.detail else ""
                self._say(f"PROBLEM {now:{_MINUTE}} UTC: {problem.said}{detail}. Run `moodlog doctor` for details.")
            if self._reported is None or self._reported[1] != codes:
                self._pending_event = ("broken", "; ".join(problem.said for problem in problems))
            self._reported = (now, codes)

    def _send_event(self) -> None:
        """Send the event of the last report; called when the server answers."""
        from flows.alerting.events import SCHEDULE_BROKEN, SCHEDULE_RECOVERED, report_schedule

        if self._pending_event is not None:
            kind, problems = self._pending_event
            report_schedule(SCHEDULE_BROKEN if kind == "broken" else SCHEDULE_RECOVERED, socket.gethostname(), problems)
            self._pending_event = None

    def _restart_server(self, problems: list[Problem], now: datetime) -> None:
        """Restart the server, or stop ``moodlog serve`` if a restart did not help."""
        self._restarted = [at for at in self._restarted if now - at < timedelta(hours=1)]
        if self._server is None or self._runner.is_stopping:
            return
        if len(self._restarted) >= RESTARTS:
            said = "; ".join(problem.said for problem in problems)
            self._give_up(f"{said}, and a restart of the Prefect server did not help; see its log {self._server.log}")
            return
        self._restarted.append(now)
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

    def _write(self, status: str, found: ServerSchedule | None, problems: list[Problem]) -> None:
        """Write the report for ``/health``; it names no person."""
        due = [(at, name) for name, at in found.next_runs.items() if at is not None] if found else []
        next_at, next_name = min(due, default=(None, None))
        report: dict[str, Any] = {
            "status": status,
            "checked_at": utc_now().isoformat(),
            "serving_since": self._began.isoformat(),
            "scheduler": "unknown" if found is None else "not scheduling" if found.unscheduled else "ok",
            "next_run_at": next_at and next_at.isoformat(),
            "next_run": next_name,
            "next_runs": _iso(found.next_runs) if found else {},
            "last_successes": _iso(found.last_successes) if found else {},
            "last_nightly_success": found and found.last_success and found.last_success.isoformat(),
            "running": len(self._runner.in_flight),
            "problems": [problem.said for problem in problems],
        }
        temporary = self._health_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(report), encoding="utf-8")
        temporary.replace(self._health_file)


def _iso(times: Mapping[str, datetime | None]) -> dict[str, str | None]:
    return {name: at.isoformat() if at else None for name, at in times.items()}
