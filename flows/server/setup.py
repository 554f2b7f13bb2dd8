"""What a Prefect server needs beside ``prefect.yaml``: a work pool, a variable, a block, and no slot held by the dead.

Everything is made once and kept: running it again changes only what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.deployments import Deployment
from flows.server.run_queries import UNDER_WAY, find_runs
from mood_core.errors import ConfigError

if TYPE_CHECKING:
    from prefect.blocks.abstract import NotificationBlock
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from pydantic import SecretStr

POOL = "moodlog"
NOTIFY_VARIABLE = "moodlog_notify"
"""The Prefect variable that names the notification block of recaps, where a run's parameters name none."""

_OWN_BLOCK = "moodlog"


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was looked at, and what became of it: created, changed, kept, freed."""

    what: str
    outcome: str


def set_up_pool(client: SyncPrefectClient, limit: int | None) -> Done:
    """Make the work pool where there is none; set how many runs may go at once in all of it, if ``limit`` says so."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    what = f"work pool {POOL}"
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", base_job_template=template, concurrency_limit=limit)
        )
        return Done(what, "created")
    if limit is None or pool.concurrency_limit == limit:
        return Done(what, "kept")
    client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=limit))
    return Done(what, f"changed: at most {limit} runs at once")


def notification_block(reference: str) -> NotificationBlock:
    """The Prefect notification block called ``TYPE-SLUG/NAME``.

    Raises:
        ConfigError: There is none of that name, or it sends no notifications.
    """
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    try:
        block = Block.load(reference)
    except ValueError as error:
        raise ConfigError(
            f"there is no Prefect block called {reference}; `prefect block ls` lists those there are"
        ) from error
    if not isinstance(block, NotificationBlock):
        raise ConfigError(f"the Prefect block {reference} sends no notifications; use one like slack-webhook/NAME")
    return block


def set_up_webhook(address: SecretStr) -> tuple[str, Done]:
    """Make or change the block that posts ``{"text": ...}`` to ``address``; returns also its name, as TYPE-SLUG/NAME.

    The address is one of the block's secrets: Prefect encrypts it and does not show it in its pages.
    """
    from prefect.blocks.fields import SecretDict
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    text = {"text": "{{subject}}\n{{body}}"}
    secrets = SecretDict({"address": address.get_secret_value()})
    block = CustomWebhookNotificationBlock(name=_OWN_BLOCK, url="{{address}}", json_data=text, secrets=secrets)
    block.save(_OWN_BLOCK, overwrite=True)
    reference = f"custom-webhook/{_OWN_BLOCK}"
    return reference, Done(f"block {reference}", "saved")


def set_up_variable(reference: str) -> Done:
    """Let recaps be sent through the block ``reference`` where a run's parameters name none."""
    from prefect.variables import Variable

    before = Variable.get(NOTIFY_VARIABLE)
    if before == reference:
        return Done(f"variable {NOTIFY_VARIABLE}", "kept")
    Variable.set(NOTIFY_VARIABLE, reference, overwrite=True)
    return Done(f"variable {NOTIFY_VARIABLE}", "created" if before is None else "changed")


def free_slots(client: SyncPrefectClient, deployments: Sequence[Deployment]) -> Iterator[Done]:
    """Free the slots of deployments of which no run is under way.

    A slot is a lease that ends by itself, but a server that forgets its leases when it starts again keeps the count.
    """
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    for deployment in deployed(client, deployments):
        limit = deployment.global_concurrency_limit
        if limit is not None and limit.active_slots and not is_under_way(client, deployment):
            client.update_global_concurrency_limit(limit.name, GlobalConcurrencyLimitUpdate(active_slots=0))
            yield Done(f"slots of {deployment.name}", f"freed: {limit.active_slots} held by no run")


def deployed(client: SyncPrefectClient, deployments: Sequence[Deployment]) -> Iterator[DeploymentResponse]:
    """Those of ``deployments`` that are on the server, as it has them."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, DeploymentFilterTags

    yield from client.read_deployments(
        deployment_filter=DeploymentFilter(
            name=DeploymentFilterName(any_=[deployment.name for deployment in deployments]),
            tags=DeploymentFilterTags(all_=["moodlog"]),
        )
    )


def is_under_way(client: SyncPrefectClient, deployment: DeploymentResponse) -> bool:
    """Whether a run of ``deployment`` is under way."""
    return bool(find_runs(client, deployments=[deployment.id], states=UNDER_WAY, limit=1))
