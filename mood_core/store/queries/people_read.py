"""Records which people this process reads: a run can log the ids and names of no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_records: list[dict[str, set[str]]] = []


@contextmanager
def people_read() -> Iterator[dict[str, set[str]]]:
    """The people whom any thread of this process reads during the block: the names of each id, as far as read."""
    record: dict[str, set[str]] = {}
    _records.append(record)
    try:
        yield record
    finally:
        _records[:] = [one for one in _records if one is not record]


def note_people(people: Iterable[tuple[str, str]]) -> None:
    """Record the ids and names of people who were read; the name is empty if only the id was read."""
    if not _records:
        return
    for user_id, name in people:
        for record in tuple(_records):
            record.setdefault(user_id, set()).update({name} - {""})
