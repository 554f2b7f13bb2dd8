"""Decides which rows may be stored: none about forgotten people, and none of accounts that another run has leased."""

from __future__ import annotations

import logging
from collections.abc import Collection

import pyarrow as pa
from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import LockLost
from mood_core.lake.schema import FORGOTTEN, PERSONAL, Dataset
from mood_core.store.engine.fences import leases_of, lost_leases
from mood_core.store.loading.forgotten_rows import drop_people, user_ids_of
from mood_core.store.loading.tombstones import lock_people, tombstones_of
from mood_core.text.format import plural
from mood_core.usecases.private_rows import without_private_rows

log = logging.getLogger(__name__)


def allowed_rows(connection: Connection, dataset: Dataset, rows: pa.Table) -> pa.Table:
    """``rows`` without the rows of forgotten people, and without those about their local files and unknown names.

    Raises:
        LockLost: Another run has acquired the account lease of another person in ``rows``.
    """
    lock_people(connection, alone=dataset is FORGOTTEN)
    if dataset not in PERSONAL:
        return without_private_rows(connection, dataset, rows)
    people, leases = set(user_ids_of(rows)), leases_of(connection)
    gone = forgotten_among(connection, people)
    lost = lost_leases(connection, leases, people - gone) if leases else set()
    if lost:
        raise LockLost(f"another run has acquired the account {min(lost)} since; nothing was written, run this again")
    if gone:
        log.warning(
            "dropped the %s of %s forgotten in the meantime", dataset.name, plural(len(gone), "person", "people")
        )
    return drop_people(rows, sorted(gone))


def forgotten_among(connection: Connection, user_ids: Collection[str]) -> set[str]:
    """The people among ``user_ids`` who were forgotten, also since this run read its input."""
    leases = leases_of(connection)
    since = leases.since if leases else None
    return {
        user_id
        for user_id, stone in tombstones_of(connection, user_ids).items()
        if stone.in_force or (since is not None and to_ms(stone.forgotten_at) > since)
    }
