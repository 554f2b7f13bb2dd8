"""What is kept of people outside the lake and SQL, as forgetting a person needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Written = tuple[str, datetime]
"""A person's id, and when something of theirs was written."""

Gone = Callable[[Collection[Written]], set[Written]]
"""Those of some writings that must not be kept, because the person was forgotten."""


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows of Prefect's history named the person, and what may still hold them, for a person to look at."""

    runs: int = 0
    left: tuple[str, ...] = ()


class Elsewhere(Protocol):
    """The files in HOME that hold or name people."""

    def remove(self, user_id: str, names: Collection[str]) -> Removed:
        """Delete what is kept of the person, who is also called ``names``. Safe to repeat.

        Raises:
            StoreError: Something cannot be changed now; the next run tries again.
        """

    def sweep(self, gone: Gone, known: Callable[[], Collection[str]]) -> int:
        """Delete what a late run has written of people who were forgotten; returns how many files went.

        ``known`` gives the ids of the people whom SQL knows.
        """


class Nowhere:
    """Nothing is kept elsewhere."""

    def remove(self, user_id: str, names: Collection[str]) -> Removed:  # noqa: ARG002
        """See :class:`Elsewhere`."""
        return Removed()

    def sweep(self, gone: Gone, known: Callable[[], Collection[str]]) -> int:  # noqa: ARG002
        """See :class:`Elsewhere`."""
        return 0


NOWHERE = Nowhere()
