"""``moodlog serve``: all the schedules of ``prefect.yaml`` on this machine, without a work pool or a worker."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from flows.deployments import Concurrency, Deployment, read_deployments
from flows.prefect_runtime import prefect_runtime
from flows.trusted_folder import refuse_untrusted_folder
from mood_core.settings import load_settings
from mood_core.store.time_zones import zone

if TYPE_CHECKING:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import RunnerDeployment


@click.command
@click.option(
    "--port", type=click.IntRange(1, 65535), default=4200, show_default=True, help="Where Prefect's pages are."
)
@click.option("--timezone", metavar="ZONE", help="Run the schedules by this IANA zone instead of that in prefect.yaml.")
@click.pass_context
def command(context: click.Context, port: int, timezone: str | None) -> None:
    """Run all schedules on this machine: pulls who is due every half hour, labels every night.

    Keeps going until it is stopped. Prefect's pages and the history of runs are at http://127.0.0.1:4200, unless
    PREFECT_API_URL or your Prefect profile names a server of your own. What runs when stands in prefect.yaml.

    \b
    Examples:
      moodlog serve
      moodlog serve --timezone Europe/Berlin

    \b
    In another terminal, what is there may be started by hand:
      export PREFECT_API_URL=http://127.0.0.1:4200/api
      prefect deployment run run-nightly/run-now -p dry_run=true
    """
    if timezone is not None:
        zone(timezone)
    home = load_settings().home
    refuse_untrusted_folder()
    console = Console(stderr=True, markup=False, highlight=False)
    with prefect_runtime(home, verbose=max(context.obj["verbose"], 1), port=port) as runtime:
        with console.status("starting Prefect"):
            runtime.wait_until_ready()
        from prefect import serve

        _make_sound(deployments := read_deployments())
        console.print(f"Prefect's pages: {runtime.pages}")
        for deployment in deployments:
            console.print(f"  {deployment.name}: {_when(deployment, timezone)}")
        console.print("Stop with Ctrl-C.")
        # On SIGTERM Prefect's runner asks itself to stop without awaiting it and exits: nothing a reader can mend.
        warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited", category=RuntimeWarning)
        # The server ends with this command, so there is nothing to pause.
        serve(
            *(served(deployment, timezone) for deployment in deployments),
            pause_on_shutdown=False,
            print_starting_message=False,
        )


def _make_sound(deployments: Sequence[Deployment]) -> None:
    """Leave nothing in the way that a run of an earlier `serve` held when its process died."""
    from prefect.client.orchestration import get_client

    from flows.automations import dead_runs, set_up_automation
    from flows.server_setup import free_slots

    with get_client(sync_client=True) as client:
        set_up_automation(client, dead_runs())
        for _ in free_slots(client, deployments):
            pass


def served(deployment: Deployment, timezone: str | None) -> RunnerDeployment:
    """The deployment as Prefect serves it: no pool, no worker; its schedules by ``timezone`` where one is given."""
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron

    return RunnerDeployment.from_entrypoint(
        deployment.entrypoint,
        name=deployment.name,
        description=deployment.description,
        tags=list(deployment.tags),
        parameters=deployment.parameters,
        schedules=[
            Cron(schedule["cron"], timezone=timezone or schedule["timezone"], slug=schedule["slug"])
            for schedule in deployment.schedules
        ],
        concurrency_limit=_limit(deployment.concurrency),
    )


def _limit(concurrency: Concurrency | None) -> ConcurrencyLimitConfig | None:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    if concurrency is None:
        return None
    strategy = ConcurrencyLimitStrategy(concurrency.collision_strategy)
    return ConcurrencyLimitConfig(limit=concurrency.limit, collision_strategy=strategy)


def _when(deployment: Deployment, timezone: str | None) -> str:
    if not deployment.schedules:
        return "by hand"
    return ", ".join(f"{schedule['cron']} {timezone or schedule['timezone']}" for schedule in deployment.schedules)
