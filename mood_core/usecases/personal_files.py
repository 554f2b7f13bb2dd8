"""Interface for data about people outside the lake and SQL, which forgetting a person deletes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

Written = tuple[str, datetime]
"""A person's id, and the time when data of theirs was written."""

Gone = Callable[[Collection[Written]], set[Written]]
"""Selects the items to delete because the person was forgotten."""


Known = Callable[[Collection[str]], set[str]]
"""Finds the ids and names of other people who have one of some ids or names."""


@dataclass(frozen=True, slots=True)
class Removed:
    """The number of deleted rows of Prefect's history, and what may still contain the person and needs a check."""

    runs: int = 0
    left: tuple[str, ...] = ()


class PersonalFiles:
    """The files in HOME that contain or name people. This base class has none."""

    def remove(
        self,
        user_id: str,  # noqa: ARG002
        names: Collection[str],  # noqa: ARG002
        known: Known | None = None,  # noqa: ARG002
    ) -> Removed:
        """Delete the data of the person, who also has the names ``names``. Idempotent.

        ``known`` finds others; with it, ended runs for unknown people are deleted too.

        Raises:
            StoreError: Some data cannot be changed now; the next run retries it.
        """
        return Removed()

    def sweep(self, gone: Gone, known: Callable[[], Collection[str]]) -> int:  # noqa: ARG002
        """Delete data of forgotten people that a late run has written; returns the number of files.

        ``known`` returns the ids of the people in SQL.
        """
        return 0


NO_FILES = PersonalFiles()
