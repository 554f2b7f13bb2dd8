"""Answers of feature sources between the question and the batch file that will hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import text

from mood_core.store.database import Database
from mood_core.store.keys import among

_KEEP = text(
    "INSERT INTO pending_answers (answer_id, dataset, row_count, arrow)"
    " VALUES (:answer_id, :dataset, :row_count, :arrow)"
)


@dataclass(frozen=True, slots=True)
class PendingAnswer:
    """Rows of one dataset: ``arrow`` is a stream in base64."""

    answer_id: str
    dataset: str
    row_count: int
    arrow: str


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

    def of(self, dataset: str) -> list[PendingAnswer]:
        """The pending answers with rows of ``dataset``."""
        query = text(
            "SELECT answer_id, dataset, row_count, arrow FROM pending_answers WHERE dataset = :dataset"
            " ORDER BY answer_id"
        )
        with self._database.read() as connection:
            return [PendingAnswer(*row) for row in connection.execute(query, {"dataset": dataset})]

    def remove(self, answer_ids: Sequence[str]) -> None:
        """Remove answers whose rows a loaded batch holds."""
        if answer_ids:
            with self._database.write() as connection:
                wanted, ids = among(connection, "answer_id", answer_ids)
                connection.execute(text(f"DELETE FROM pending_answers WHERE {wanted}"), {"ids": ids})  # noqa: S608
