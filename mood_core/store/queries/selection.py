"""The part of the history that a run processes: some people, some days, or everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mood_core.errors import InputError
from mood_core.store.engine.named_queries import query


def check_days(first_day: date | None, last_day: date | None) -> None:
    """Refuse days in the wrong order; None leaves an end open.

    Raises:
        InputError: The first day is after the last.
    """
    if first_day and last_day and first_day > last_day:
        raise InputError(f"the first day, {first_day}, is after the last one, {last_day}; swap them")


@dataclass(frozen=True, slots=True)
class Selection:
    """Listens of ``user_ids`` on local days from ``first_day`` to ``last_day``, both included; None leaves it open."""

    user_ids: Sequence[str] | None = None
    first_day: date | None = None
    last_day: date | None = None

    @property
    def is_everything(self) -> bool:
        """Whether the selection is the whole history."""
        return self.user_ids is None and self.first_day is None and self.last_day is None

    def tracks(self) -> tuple[dict[str, str], dict[str, object]]:
        """The part ``selected`` of a statement, the tracks played in this selection, and its parameters."""
        if self.is_everything:
            return {}, {}
        chosen = {"user_ids": self.user_ids, "first_day": self.first_day, "last_day": self.last_day}
        values: dict[str, object] = {
            name: str(one) if isinstance(one, date) else one for name, one in chosen.items() if one is not None
        }
        return {"selected": query("heard_tracks", *values).text}, values
