"""Places in the histories of accounts: what was read, and what has changed there since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


@dataclass(frozen=True, slots=True)
class HistoryPlace:
    """How far the history of an account was read.

    Attributes:
        up_to: the newest play when it was read last; None before the first pull.
        down_to: the time down to which an open gap has been read; None if none is begun.
        starts_at: the oldest play of the history at the last pull; None if the service does not report it.
        plays: the number of plays of the history at the last pull; None if the service does not report it.
        empty_since: since when the next page of the open gap is empty; None if it is not.
        read_again_at: when an older page was last read again; None before the first time.
        read_again_below: the time before which the next such page begins; None below the newest page.
    """

    up_to: datetime | None = None
    down_to: datetime | None = None
    starts_at: datetime | None = None
    plays: int | None = None
    empty_since: datetime | None = None
    read_again_at: datetime | None = None
    read_again_below: datetime | None = None


class HistoryPlaces:
    """The places in the histories of the accounts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, user_id: str) -> HistoryPlace:
        """How far the account's history was read."""
        for up_to, down_to, starts_at, plays, *others in self._database.rows(query("history_place"), {"id": user_id}):
            return HistoryPlace(_time(up_to), _time(down_to), _time(starts_at), plays, *map(_time, others))
        return HistoryPlace()

    def set_read_up_to(
        self, user_id: str, moment: datetime, *, starts_at: datetime | None = None, plays: int | None = None
    ) -> None:
        """Record the newest play up to which the account's history was read, its oldest play and number of plays."""
        start = None if starts_at is None else to_ms(starts_at)
        values = {"id": user_id, "value": to_ms(moment), "start": start, "plays": plays}
        self._database.run(query("set_read_up_to"), values, durable=True)

    def set_changed_plays(self, user_id: str, times: Sequence[datetime], *, since: datetime) -> None:
        """Record the stored plays that changed at the service. Earlier records until ``since`` stay."""
        with self._database.write() as connection:
            known = connection.scalar(query("changed_plays"), {"id": user_id})
            kept = [ms for ms in json.loads(known or "[]") if ms <= to_ms(since)]
            changed = json.dumps([*kept, *map(to_ms, times)]) if kept or times else None
            if changed != known:
                connection.execute(query("set_changed_plays"), {"id": user_id, "value": changed})

    def restart(self, user_id: str) -> None:
        """Let the next pull read the account's whole history."""
        self._database.run(query("restart_history"), {"id": user_id}, durable=True)

    def set_read_down_to(self, user_id: str, moment: datetime | None) -> None:
        """Record the time down to which an open gap has been read; None once it is filled."""
        value = None if moment is None else to_ms(moment)
        self._database.run(query("set_read_down_to"), {"id": user_id, "value": value}, durable=True)

    def set_read_again(self, user_id: str, at: datetime, below: datetime | None) -> None:
        """Record that a page was read again ``at``, and the time before which the next one begins."""
        values = {"id": user_id, "at": to_ms(at), "below": None if below is None else to_ms(below)}
        self._database.run(query("set_read_again"), values)

    def set_empty_since(self, user_id: str, moment: datetime) -> None:
        """Record since when the next page of an open gap is empty."""
        self._database.run(query("set_empty_since"), {"id": user_id, "value": to_ms(moment)}, durable=True)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
