"""Leases of tracks: several processes fetch features and label at once, and no two of them work on the same track.

A process leases a shard, some tracks of a queue that nobody has leased in this round. A round begins when a run looks
for tracks; a track is in one shard of a round, so that a source that failed is not called for it again at once. The
tracks of a lost lease, whose process has ended or no longer renews it, are free again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mood_core.domain.records import to_ms
from mood_core.errors import LockLost
from mood_core.store.engine.database import Database
from mood_core.store.engine.fences import Fence, fenced
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, LEASE_S, may_live, new_owner

Queue = Literal["_feature_queue", "_label_queue"]

_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)


@dataclass(frozen=True, slots=True)
class TrackLease:
    """A shard of tracks of a queue, leased by this process under ``owner``, a name of this lease alone."""

    number: int
    owner: str


class TrackLeases:
    """The leases of tracks in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start_round(self) -> None:
        """Free all tracks. The caller holds the exclusive lock of labels, so that no lease is in use."""
        self._database.run(query("delete_rows", table="_track_leases"))

    def waiting(self, queue: Queue, most: int, due: int) -> int:
        """The number of free tracks of ``queue``, counted up to ``most``; for features, those due at ``due`` [ms]."""
        statement = query("count_free_features" if queue == "_feature_queue" else "count_free_labels")
        return int(self._database.scalar(statement, {"most": most, "due": due}))

    def acquire(self, queue: Queue, *, now: datetime, most: int, due: int) -> TrackLease | None:
        """Lease up to ``most`` free tracks of ``queue``, those first that wait longest; None if there are none."""
        owner = new_owner()
        free = query("free_features" if queue == "_feature_queue" else "free_labels")
        with self._database.write() as connection:
            keys = list(connection.scalars(free, {"most": most, "due": due}))
            if not keys:
                return None
            values = {"owner": owner, "until": _until(now)}
            number = int(connection.execute(query("add_track_lease"), values).scalar_one())
            connection.execute(query("lease_tracks", table=queue), {"lease": number, "ids": keys})
        return TrackLease(number, owner)

    @contextmanager
    def held(self, lease: TrackLease) -> Iterator[None]:
        """Write only while ``lease`` is held; at the end its tracks are done, or free again after an error."""
        try:
            with fenced(Fence(self._database.engine.url, lease.owner, lease.number, "track_lease", "track")):
                yield
        except BaseException:
            self._database.run(query("end_track_leases"), {"state": "lost", "ids": [lease.number]})
            raise
        self._database.run(query("end_track_leases"), {"state": "done", "ids": [lease.number]})

    def renew(self, lease: TrackLease, now: datetime) -> None:
        """Renew ``lease``.

        Raises:
            LockLost: Another process has taken its tracks.
        """
        if not self._database.run(query("renew_track_lease"), {"lease": lease.number, "until": _until(now)}):
            raise LockLost("the lease of these tracks was lost, and another moodlog works on them; run this again")

    def find_lost(self, now: datetime) -> list[int]:
        """Mark the leases of processes that have ended as lost, and of those that no longer renew them.

        Returns the numbers of lost leases. What their processes have received is published before :meth:`free`.
        """
        latest = to_ms(now + timedelta(seconds=LEASE_S) + _CLOCKS_DIFFER)
        rows = self._database.rows(query("track_leases"))
        ended = [
            row.lease_id
            for row in rows
            if row.state == "held" and (not to_ms(now) < row.until_ms <= latest or not may_live(row.owner))
        ]
        if ended:
            self._database.run(query("end_track_leases"), {"state": "lost", "ids": ended})
        return [*ended, *(row.lease_id for row in rows if row.state == "lost")]

    def free(self, lost: Sequence[int]) -> None:
        """Free the tracks of the leases with the numbers ``lost``."""
        self._database.run(query("remove_track_leases"), {"ids": lost})

    def any_held(self) -> bool:
        """Whether a process works on leased tracks."""
        return any(row.state == "held" for row in self._database.rows(query("track_leases")))


def _until(now: datetime) -> int:
    return to_ms(now + timedelta(seconds=LEASE_S))
