"""``moodlog serve``: runs the schedules of ``prefect.yaml`` on this machine, without a work pool or a worker."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click
from click.core import ParameterSource
from rich.console import Console

from flows.deployments import Deployment, read_deployments
from flows.server.auth import make_private, read_or_make_password
from flows.server.health_route import FILE, PATH
from flows.server.process_lock import ProcessLock, holder
from flows.server.runtime import PrefectRuntime, prefect_runtime
from flows.server.trusted_folder import refuse_untrusted_folder
from flows.serving.run_records import RunRecords
from mood_core.app.parts import machine_zone
from mood_core.app.workspace import make_home, utc_now
from mood_core.cli import options
from mood_core.errors import Unavailable
from mood_core.settings import load_settings
from mood_core.store.loading.time_zones import zone

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


@click.command
@click.option("--port", type=options.Integer(1, 65535), default=4200, help="Port of Prefect's pages.")
@click.option("--timezone", metavar="ZONE", help="IANA time zone of the daily times.  [default: this machine's]")
@click.option("--web/--no-web", "with_pages", default=True, help="Serve the moods as live pages too, see moodlog web.")
@click.option("--show-password", is_flag=True, help="Print the password of Prefect's pages and commands, and exit.")
@click.pass_context
def command(context: click.Context, port: int, timezone: str | None, with_pages: bool, show_password: bool) -> None:
    """Run all schedules on this machine: pull due accounts every half hour, label every night.

    Runs until it is stopped. Prefect's pages and the history of runs are at http://127.0.0.1:4200, unless
    PREFECT_API_URL or your Prefect profile names your own server. Schedules are defined in prefect.yaml. The pages ask
    once for the password that --show-password prints; moodlog generates it and stores it in HOME.
    http://127.0.0.1:4200/health returns 200 while runs start on schedule, otherwise 503 with the problems.

    The moods are served as live pages on another port. Their link is printed; `moodlog web --link` prints a new one.

    The times of prefect.yaml that name an hour, such as 04:30 for the nightly run, are in this machine's time zone.

    Ctrl-C or SIGTERM: each run finishes its current account and ends as Cancelled, which takes up to 1 minute. A second
    Ctrl-C ends at once. If nightly runs were missed while it was off, one run at the next start replaces them.

    \b
    Exit codes: 0 stopped; 75 runs do not start on schedule, the port is in use, or another moodlog serve uses
    MOODLOG_HOME; 78 a setting is wrong; 130 stopped at once.

    \b
    Examples:
      moodlog serve
      moodlog serve --timezone Europe/Berlin

    \b
    Start a deployment by hand in another terminal:
      export PREFECT_API_URL=http://127.0.0.1:4200/api
      export PREFECT_API_AUTH_STRING="$(moodlog serve --show-password)"
      prefect deployment run run-nightly/run-now -p dry_run=true
    """
    if show_password:
        click.echo(read_or_make_password(load_settings().home / "prefect"))
        return
    if timezone is not None:
        zone(timezone)
    timezone = timezone or machine_zone()
    home = load_settings().home
    refuse_untrusted_folder()
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    make_home(home)
    strict = context.get_parameter_source("port") is not ParameterSource.DEFAULT
    try:
        with (
            _only_one(home / "prefect"),
            prefect_runtime(
                home, verbose=max(context.obj["verbose"], 1), port=port, own=True, strict=strict, say=console.print
            ) as runtime,
        ):
            with console.status("starting Prefect"):
                runtime.wait_until_ready()
            if runtime.server is not None and runtime.server.port != port:
                console.print(f"Port {port} is in use by another program, so Prefect's pages use another port.")
            with _pages() if with_pages else contextlib.nullcontext():
                _serve(runtime, home / "prefect", timezone, console.print)
    except KeyboardInterrupt:
        console.print("Stopped.")


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the lock that prevents a second ``moodlog serve`` for this home.

    Raises:
        Unavailable: Another process holds the lock.
    """
    make_private(folder)
    path = folder / "serve.lock"
    lock = ProcessLock(path)
    if not lock.acquire({"pid": os.getpid(), "since": f"{utc_now():%Y-%m-%d %H:%M}"}):
        held = holder(path) or {}
        raise Unavailable(
            f"moodlog serve already runs for {folder.parent}: process {held.get('pid')}, since {held.get('since')} UTC."
            f" Stop it with `kill {held.get('pid')}`, or set another MOODLOG_HOME",
            source="moodlog",
        )
    with contextlib.closing(lock):
        yield


@contextlib.contextmanager
def _pages() -> Iterator[None]:
    """Serve the live pages in a process of its own, without the password of Prefect's server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "flows.cli", "web", "--with-parent", str(os.getpid())]
    process = subprocess.Popen(  # noqa: S603 - moodlog itself
        command, env=environment, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _serve(runtime: PrefectRuntime, folder: Path, timezone: str | None, say: Callable[[str], None]) -> None:
    """Run the deployments until a request to stop.

    Raises:
        Unavailable: Scheduled runs do not start, and a restart of the server did not help.
    """
    import asyncio

    from prefect.client.orchestration import get_client

    from flows.serving.home_runner import HomeRunner
    from flows.serving.replacement_runs import replace_missed_runs
    from flows.serving.watchdog import Watchdog

    records = RunRecords(folder / "runs")
    deployments = read_deployments()
    _clean_up(records, say, is_own_server=runtime.server is not None)
    runner = HomeRunner(records, say)
    signal.signal(signal.SIGINT, runner.handle_sigterm)
    ids = [UUID(str(runner.add_deployment(served(deployment, timezone)))) for deployment in deployments]
    with get_client(sync_client=True) as client:
        for change in replace_missed_runs(client, ids, utc_now()):
            say(str(change))
    say(f"Prefect's pages: {runtime.pages}")
    if runtime.server is not None:
        say("Their password: moodlog serve --show-password")
        say(f"For monitors: {runtime.pages}{PATH}")
    for deployment in deployments:
        say(f"  {deployment.name}: {_when(deployment, timezone)}")
    say("Stop with Ctrl-C.")
    with Watchdog(runtime.server, runner, records, folder / FILE, say) as watchdog:
        asyncio.run(runner.start())
    if watchdog.gave_up is not None:
        raise Unavailable(watchdog.gave_up, source="prefect")
    say("Stopped.")


def _clean_up(records: RunRecords, say: Callable[[str], None], *, is_own_server: bool) -> None:
    """End the runs of an earlier `serve` whose processes have died, and free their concurrency slots."""
    from prefect.client.orchestration import get_client

    from flows.alerting.automations import dead_run_automation, set_up_automation
    from flows.server.setup import free_slots
    from flows.serving.dead_runs import end_recorded_runs, end_unrecorded_runs, wait_for_orphans

    records.ask_to_stop()
    wait_for_orphans(records)
    records.ask_to_go_on()
    with get_client(sync_client=True) as client:
        set_up_automation(client, dead_run_automation())
        unrecorded = end_unrecorded_runs(client) if is_own_server else ()
        for change in chain(end_recorded_runs(client, records), unrecorded, free_slots(client)):
            say(str(change))


def served(deployment: Deployment, timezone: str | None) -> RunnerDeployment:
    """The deployment for Prefect's runner, without a work pool, with its daily times in ``timezone``."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron

    limit = deployment.concurrency_limit
    return RunnerDeployment.from_entrypoint(
        deployment.entrypoint,
        name=deployment.name,
        description=deployment.description,
        tags=list(deployment.tags),
        parameters=deployment.parameters,
        schedules=[
            Cron(schedule["cron"], timezone=zone_of(schedule, timezone), slug=schedule["slug"])
            for schedule in deployment.schedules
        ],
        concurrency_limit=ConcurrencyLimitConfig.model_validate(limit) if limit else None,
    )


def zone_of(schedule: Mapping[str, str], timezone: str | None) -> str:
    """The zone of a schedule under ``serve``: ``timezone`` if it names an hour, else that of prefect.yaml.

    What starts every hour needs no zone, and in a local one Prefect would pause it in the hour that occurs twice.
    """
    names_an_hour = schedule["cron"] != "@hourly" and schedule["cron"].split()[1:2] != ["*"]
    return timezone if timezone and names_an_hour else schedule["timezone"]


def _when(deployment: Deployment, timezone: str | None) -> str:
    if not deployment.schedules:
        return "on demand"
    return ", ".join(f"{schedule['cron']} {zone_of(schedule, timezone)}" for schedule in deployment.schedules)
