"""Answers of feature sources between the question and the batch file that will hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import text

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.loading.keys import among

_KEEP = text(
    "INSERT INTO pending_answers (answer_id, dataset, row_count, arrow)"
    " VALUES (:answer_id, :dataset, :row_count, :arrow)"
)


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
                connection.execute(_KEEP, values)

    def seal(self, dataset: str, created_at: datetime) -> list[PendingAnswer]:
        """All pending answers with rows of ``dataset``, the batches to make of them one after the other.

        Those that belong to no batch yet belong to the one of ``created_at`` from now on.
        """
        seal = text("UPDATE pending_answers SET created_at_ms = :at WHERE dataset = :dataset AND created_at_ms IS NULL")
        query = text(
            "SELECT answer_id, dataset, row_count, arrow, created_at_ms FROM pending_answers WHERE dataset = :dataset"
            " ORDER BY created_at_ms, answer_id"
        )
        with self._database.write() as connection:
            connection.execute(seal, {"dataset": dataset, "at": to_ms(created_at)})
            found = connection.execute(query, {"dataset": dataset}).all()
        return [
            PendingAnswer(row.answer_id, row.dataset, row.row_count, row.arrow, from_ms(row.created_at_ms))
            for row in found
        ]

    def count(self) -> int:
        """How many rows are pending."""
        with self._database.read() as connection:
            return int(connection.scalar(text("SELECT coalesce(sum(row_count), 0) FROM pending_answers")) or 0)

    def remove(self, answer_ids: Sequence[str]) -> None:
        """Remove answers whose rows a loaded batch holds."""
        if answer_ids:
            with self._database.write() as connection:
                wanted, ids = among(connection, "answer_id", answer_ids)
                connection.execute(text(f"DELETE FROM pending_answers WHERE {wanted}"), {"ids": ids})  # noqa: S608
