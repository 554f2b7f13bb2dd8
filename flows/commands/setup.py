"""``moodlog setup``: sets up what ``prefect.yaml`` cannot on a Prefect server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import time
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr
from rich.console import Console

from flows.server.runtime import prefect_runtime
from mood_core.app.workspace import utc_now
from mood_core.cli import options
from mood_core.http.addresses import insecure, shown
from mood_core.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from flows.server.runtime import PrefectRuntime
    from flows.server.setup import Change


def _webhook(_context: click.Context, _option: click.Parameter, value: str | None) -> SecretStr | None:
    """An https URL, or http on this machine. ``-`` reads it from stdin, which hides it from process lists."""
    if value is None:
        return None
    address = sys.stdin.readline().strip() if value == "-" else value
    if why := insecure(address):  # usage errors do not repeat the address
        raise click.BadParameter(f"the address cannot be used: {why}.")
    return SecretStr(address)


@click.command
@click.option("--notify", metavar="TYPE/NAME", help="Send alerts through this Prefect block, like slack-webhook/moods.")
@click.option(
    "--webhook",
    metavar="URL",
    callback=_webhook,
    help="Send alerts to this URL, as JSON with a text; makes a block for it. - reads the URL from stdin.",
)
@click.option(
    "--deadline",
    type=options.CLOCK,
    default="08:00",
    help="Time at which the nightly run is late, in its schedule's zone. With several a day, the nearest one counts.",
)
@click.option(
    "--pool-limit", type=options.Integer(1), help="Maximum number of runs at once in the work pool, over all workers."
)
@click.option("--database", is_flag=True, help="Only add moodlog's tables to a database that has other tables.")
@click.option(
    "--partitions",
    type=options.Integer(1, 256),
    help="Only make moodlog's tables in a new PostgreSQL database, with the listens in this many partitions by person.",
)
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    notify: str | None,
    webhook: SecretStr | None,
    deadline: time,
    pool_limit: int | None,
    database: bool,
    partitions: int | None,
    as_json: bool,
) -> None:
    """Prepare a Prefect server: work pool, alerts, and other objects that prefect.yaml cannot define. Safe to rerun.

    It uses the server of PREFECT_API_URL or your Prefect profile, otherwise that of `moodlog serve`. Alerts are sent
    when the nightly run failed or is late, when no pull starts, when an account is silent and when a person must
    reconnect. Any Prefect notification block can send them. Alerts are bound to the deployments that the server has
    now: run this again if you remake those. Runs whose process has died are marked as crashed, with or without alerts.

    \b
    Examples:
      moodlog setup
      moodlog setup --webhook https://hooks.example.org/moodlog
      moodlog setup --webhook - < address.txt
      moodlog setup --notify slack-webhook/moods --deadline 07:30
      moodlog setup --database
      moodlog setup --partitions 16

    \b
    For a server with workers, make the pool first and the alerts last:
      moodlog setup
      prefect deploy --all --no-prompt
      moodlog setup --webhook https://hooks.example.org/moodlog
      prefect worker start --pool moodlog
    """
    if database or partitions:
        _set_up_database(partitions, adopt=database, as_json=as_json)
        return
    if notify and webhook:
        raise click.UsageError("give either --notify with an existing block, or --webhook to create one.")
    console = Console(stderr=True, highlight=False)
    home, done = load_settings().home, {}
    with prefect_runtime(home, verbose=context.obj["verbose"]) as runtime:
        click.echo(_server(runtime, home), err=True)
        with console.status("reaching Prefect"):
            runtime.wait_until_ready()
        for change in _set_up(notify, webhook, deadline, pool_limit):
            done[change.what] = change.outcome
            if not as_json:
                click.echo(str(change))
    if as_json:
        click.echo(json.dumps(done))
        return
    if not (notify or webhook):
        console.print("No alerts are set up; give --webhook URL or --notify TYPE/NAME for alerts.")


def _server(runtime: PrefectRuntime, home: Path) -> str:
    """Which server is set up, and how to choose another one."""
    if runtime.server is None:
        return f"Setting up the Prefect server at {shown(runtime.pages)}."
    started = "; it takes up to a minute to start" if runtime.server.is_ours else f", at {runtime.pages}"
    return (
        f"No Prefect server is set, so moodlog's own is set up, that of `moodlog serve` in {home}{started}. "
        "To set up another one, set PREFECT_API_URL."
    )


def _set_up_database(partitions: int | None, *, adopt: bool, as_json: bool) -> None:
    """Create moodlog's tables in the configured database, with ``adopt`` beside others. Needs no Prefect server."""
    from mood_core.app.workspace import make_home
    from mood_core.store.engine.database import open_database
    from mood_core.store.upkeep.update_database import update_database
    from mood_core.usecases.upkeep.partition_database import partition_new_database

    settings = load_settings()
    make_home(settings.home)
    with closing(open_database(settings.database)) as database:
        applied: object = update_database(database, now=utc_now(), adopt=adopt)
        if partitions:
            applied = partition_new_database(database, partitions, now=utc_now()) or applied
    outcome = "changed" if applied else "kept"
    click.echo(json.dumps({"database": outcome}) if as_json else f"database {database}: {outcome}")


def _set_up(notify: str | None, webhook: SecretStr | None, deadline: time, pool_limit: int | None) -> Iterator[Change]:
    from prefect.client.orchestration import get_client

    from flows.alerting.alerts import alerts
    from flows.alerting.automations import dead_run_automation, set_up_automation
    from flows.server.setup import Change, free_slots, notification_block, set_up_pool, set_up_variable, set_up_webhook

    with get_client(sync_client=True) as client:
        yield set_up_pool(client, pool_limit)
        yield set_up_automation(client, dead_run_automation())
        yield from free_slots(client)
        if webhook:
            notify, saved = set_up_webhook(webhook)
            yield saved
        if not notify:
            return
        block_id = notification_block(notify)._block_document_id  # noqa: SLF001 - it has no public name
        if block_id is None:
            raise click.ClickException(f"the block {notify} is not saved on the Prefect server; save it there first")
        yield set_up_variable(notify)
        for alert in alerts(client, block_id, deadline, utc_now()):
            yield alert if isinstance(alert, Change) else set_up_automation(client, alert)
