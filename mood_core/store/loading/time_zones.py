"""Stores the offsets from UTC of the time zones in use, so that both databases can compute local days in plain SQL."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import InputError
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import raw_rows

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
_EVER_MS = 2**53  # later than any listen, and exact in every number type
_STEP = timedelta(days=7)  # no zone has changed twice within a week since 2000


def zone(name: str) -> ZoneInfo:
    """The time zone called ``name``.

    Raises:
        InputError: There is no such IANA zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"{name!r} is no IANA time zone; use one like Europe/Berlin or America/New_York") from error


@cache
def offset_periods(name: str) -> tuple[tuple[int, int, int], ...]:
    """Periods of one offset: (start [ms], end [ms, exclusive], offset from UTC [s]), covering all of time."""
    return tuple(_periods(zone(name)))


def _periods(info: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    start_ms, offset = -_EVER_MS, _offset_s(info, _FIRST)
    moment = _FIRST
    while moment < _LAST:
        later = moment + _STEP
        if _offset_s(info, later) != offset:
            change = _change_between(info, moment, later)
            yield start_ms, to_ms(change), offset
            start_ms, offset = to_ms(change), _offset_s(info, later)
        moment = later
    yield start_ms, _EVER_MS, offset


def offsets_of(connection: Connection, name: str, times_s: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stored offsets from UTC [s] of the zone ``name`` at ``times_s`` (n,)."""
    rows = raw_rows(connection.execute(query("utc_offsets"), {"name": name}))
    starts, _, offsets = np.array(rows, np.int64).T
    found: NDArray[np.int64] = offsets[np.searchsorted(starts // 1000, times_s, side="right") - 1]
    return found


def outdated_zones(connection: Connection) -> list[str]:
    """The zones in use whose stored offsets differ from this machine's; without zones that it does not know."""
    stored: dict[str, list[tuple[int, int, int]]] = {}
    for name, *period in connection.execute(query("utc_offsets_in_use")):
        stored.setdefault(name, []).append(tuple(period))
    outdated = []
    for name, periods in stored.items():
        with suppress(InputError):
            if offset_periods(name) != tuple(periods):
                outdated.append(name)
    return outdated


def ensure_offsets(connection: Connection, names: Iterable[str]) -> list[int]:
    """Store the offsets of the zones ``names`` if they differ from the stored ones.

    Returns the keys of the people in the changed zones.
    """
    written: list[int] = []
    for name in sorted(set(names)):
        periods = offset_periods(name)
        known = connection.execute(query("utc_offsets"), {"name": name})
        if tuple(tuple(row) for row in known) == periods:
            continue
        connection.execute(query("remove_utc_offsets"), {"name": name})
        connection.execute(
            query("add_utc_offset"),
            [{"name": name, "start": start, "end": end, "offset": offset} for start, end, offset in periods],
        )
        written += connection.scalars(query("people_in_zone"), {"name": name})
    return written


def _offset_s(info: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(info).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _change_between(info: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole second after ``before`` with the same offset as ``after``."""
    new, first = _offset_s(info, after), int(before.timestamp()) + 1
    seconds = range(first, int(after.timestamp()) + 1)
    place = bisect_left(seconds, 1, key=lambda at: int(_offset_s(info, datetime.fromtimestamp(at, UTC)) == new))
    return datetime.fromtimestamp(seconds[place], UTC)
