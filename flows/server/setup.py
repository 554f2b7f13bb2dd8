"""Sets up what ``prefect.yaml`` cannot: the work pool, the notification block and variable, and free slots.

Each function is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.fields import SecretDict
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable
from pydantic import SecretStr

from flows.server.run_queries import UNDER_WAY, find_runs
from flows.server.schedule import our_deployments
from mood_core.errors import ConfigError

POOL = "moodlog"
NOTIFY_VARIABLE = "moodlog_notify"
"""The Prefect variable with the default notification block of recaps."""

_OWN_BLOCK = "moodlog"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one object of the server, for example created, changed, kept or freed."""

    what: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.what}: {self.outcome}"


def set_up_pool(client: SyncPrefectClient, limit: int | None) -> Change:
    """Create the work pool if it does not exist; set its concurrency limit if ``limit`` is given."""
    from prefect.workers.process import ProcessWorker

    what = f"work pool {POOL}"
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", base_job_template=template, concurrency_limit=limit)
        )
        return Change(what, "created")
    if limit is None or pool.concurrency_limit == limit:
        return Change(what, "kept")
    client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=limit))
    return Change(what, f"changed: at most {limit} runs at a time")


def notification_block(reference: str) -> NotificationBlock:
    """The Prefect notification block called ``TYPE-SLUG/NAME``.

    Raises:
        ConfigError: The block does not exist, or it cannot send notifications.
    """
    try:
        block = Block.load(reference)
    except ValueError as error:
        raise ConfigError(
            f"Prefect block {reference} does not exist; `prefect block ls` lists the existing blocks"
        ) from error
    if not isinstance(block, NotificationBlock):
        raise ConfigError(f"Prefect block {reference} cannot send notifications; use a block like slack-webhook/NAME")
    return block


def set_up_webhook(address: SecretStr) -> tuple[str, Change]:
    """Create or update the block that posts ``{"text": ...}`` to ``address``; returns its TYPE-SLUG/NAME as well.

    The address is a secret of the block: Prefect encrypts it and hides it in its UI.
    """
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    text = {"text": "{{subject}}\n{{body}}"}
    secrets = SecretDict({"address": address.get_secret_value()})
    block = CustomWebhookNotificationBlock(name=_OWN_BLOCK, url="{{address}}", json_data=text, secrets=secrets)
    block.save(_OWN_BLOCK, overwrite=True)
    reference = f"custom-webhook/{_OWN_BLOCK}"
    return reference, Change(f"block {reference}", "saved")


def set_up_variable(reference: str) -> Change:
    """Make the block ``reference`` the default notification block of recaps."""
    before = Variable.get(NOTIFY_VARIABLE)
    if before != reference:
        Variable.set(NOTIFY_VARIABLE, reference, overwrite=True)
    outcome = "kept" if before == reference else "created" if before is None else "changed"
    return Change(f"variable {NOTIFY_VARIABLE}", outcome)


def free_slots(client: SyncPrefectClient) -> Iterator[Change]:
    """Free concurrency slots that no run holds.

    A slot's lease expires, but a server that loses its leases in a restart still counts the slot as used.
    """
    for name, limit in unused_slots(client):
        client.update_global_concurrency_limit(limit.name, GlobalConcurrencyLimitUpdate(active_slots=0))
        yield Change(f"slots of {name}", f"freed: {limit.active_slots} held by no run")


def unused_slots(client: SyncPrefectClient) -> Iterator[tuple[str, GlobalConcurrencyLimitResponse]]:
    """The deployments, by name, whose concurrency limit counts used slots although none of their runs is under way."""
    for deployment in our_deployments(client):
        limit = deployment.global_concurrency_limit
        if limit is None or not limit.active_slots:
            continue
        if not find_runs(client, deployments=[deployment.id], states=UNDER_WAY):
            yield deployment.name, limit
