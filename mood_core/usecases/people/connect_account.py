"""Makes a person known and keeps their permission."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mood_core.domain.records import User
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS
from mood_core.store.loading.time_zones import zone
from mood_core.usecases.batch_writer import BatchWriter
from mood_core.usecases.people.forget_person import complete_forgetting

_WAIT_S = 60.0


def register_user(user: User, keep_token: Callable[[str], None], batches: BatchWriter, *, now: datetime) -> None:
    """Record ``user``, then keep their token: ``keep_token`` is called with the user id once the person is known.

    Registering a person again updates their name and time zone; their history stays. Somebody who was forgotten is
    stored again from now on: this is their new consent. An interrupted `moodlog forget` of them is completed first.

    Raises:
        InputError: The time zone is not an IANA name.
        StoreBusy: They are being forgotten at this moment.
        StoreError: The database or the lake fails.
    """
    zone(user.timezone)
    complete_forgetting(user.user_id, batches, now=now, wait_s=_WAIT_S)
    batches.lift_tombstone(user.user_id, now=now)
    batches.add(USERS, users_table([user], recorded_at=batches.batch_time(now)), now=now)
    keep_token(user.user_id)
