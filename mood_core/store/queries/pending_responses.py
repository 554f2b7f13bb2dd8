"""Responses of feature sources that are stored until a batch file has their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from mood_core.domain.records import to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times


@dataclass(frozen=True, slots=True)
class PendingResponse:
    """Rows of one dataset: ``arrow`` is an IPC stream in base64; ``created_at`` is the date of their future batch."""

    response_id: str
    dataset: str
    row_count: int
    arrow: str
    created_at: datetime | None


class PendingResponses:
    """The pending responses in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, rows: Mapping[str, tuple[int, str]]) -> None:
        """Store the rows of one response in one transaction: by dataset, their number and their stream.

        Raises:
            StoreError: The database fails.
        """
        values = [
            {"response_id": uuid4().hex, "dataset": dataset, "row_count": count, "arrow": arrow}
            for dataset, (count, arrow) in rows.items()
        ]
        if values:
            self._database.run(query("keep_pending_response"), values)

    def seal(self, dataset: str, created_at: datetime) -> list[PendingResponse]:
        """All pending responses with rows of ``dataset``, batch by batch.

        Responses that belong to no batch yet are assigned to the batch of ``created_at``.
        """
        with self._database.write() as connection:
            connection.execute(query("seal_pending_responses"), {"dataset": dataset, "at": to_ms(created_at)})
            found = connection.execute(query("pending_responses"), {"dataset": dataset}).all()
        return [PendingResponse(**with_times(row)) for row in found]

    def of(self, dataset: str) -> list[PendingResponse]:
        """All pending responses with rows of ``dataset``."""
        found = self._database.rows(query("pending_responses"), {"dataset": dataset})
        return [PendingResponse(**with_times(row)) for row in found]

    def change(self, response_id: str, row_count: int, arrow: str) -> None:
        """Replace the rows of a response."""
        values = {"response_id": response_id, "row_count": row_count, "arrow": arrow}
        self._database.run(query("change_pending_response"), values)

    def count(self) -> int:
        """The number of pending rows."""
        return int(self._database.scalar(query("count_pending_rows")))

    def remove(self, response_ids: Sequence[str]) -> None:
        """Remove responses whose rows are in a loaded batch."""
        if response_ids:
            self._database.run(query("remove_pending_responses"), {"ids": response_ids})
