"""Answers of feature sources between the question and the batch file that will hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


@dataclass(frozen=True, slots=True)
class PendingAnswer:
    """Rows of one dataset: ``arrow`` is a stream in base64; ``created_at`` is the date of the batch to be made."""

    answer_id: str
    dataset: str
    row_count: int
    arrow: str
    created_at: datetime


class PendingAnswers:
    """The pending answers in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, rows: Mapping[str, tuple[int, str]]) -> None:
        """Store what one answer brought, in one transaction: by dataset, the number of its rows and their stream.

        Raises:
            StoreError: The database fails.
        """
        values = [
            {"answer_id": uuid4().hex, "dataset": dataset, "row_count": count, "arrow": arrow}
            for dataset, (count, arrow) in rows.items()
        ]
        if values:
            with self._database.write() as connection:
                connection.execute(query("keep_pending_answer"), values)

    def seal(self, dataset: str, created_at: datetime) -> list[PendingAnswer]:
        """All pending answers with rows of ``dataset``, the batches to make of them one after the other.

        Those that belong to no batch yet belong to the one of ``created_at`` from now on.
        """
        with self._database.write() as connection:
            connection.execute(query("seal_pending_answers"), {"dataset": dataset, "at": to_ms(created_at)})
            found = connection.execute(query("pending_answers"), {"dataset": dataset}).all()
        return [
            PendingAnswer(row.answer_id, row.dataset, row.row_count, row.arrow, from_ms(row.created_at_ms))
            for row in found
        ]

    def count(self) -> int:
        """How many rows are pending."""
        with self._database.read() as connection:
            return int(connection.scalar(query("count_pending_answers")) or 0)

    def remove(self, answer_ids: Sequence[str]) -> None:
        """Remove answers whose rows a loaded batch holds."""
        if answer_ids:
            with self._database.write() as connection:
                connection.execute(query("remove_pending_answers"), {"ids": answer_ids})
