"""Decides the outcome of every play of an export and what an import writes. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from mood_core.domain.play_rules import SCROBBLED, Play
from mood_core.domain.records import ListenSource
from mood_core.exports.outcomes import RowOutcome
from mood_core.exports.parsed_export import ParsedExport
from mood_core.usecases.imports.known_listens import Known
from mood_core.usecases.imports.plan import (
    Bools,
    Columns,
    columns,
    length_of,
    matches,
    near,
    not_among,
    without_duplicates,
)

Named = tuple[int, str, str, int | None]
"""A play by name: (end [ms since 1970], artist, title, duration [ms] or None)."""

_NO_PERIOD = (0, -1)


@dataclass(slots=True)
class Plan:
    """What to write, and the outcomes of the rows that name a track.

    Attributes:
        extended: new listens with times to the second.
        account: new listens with times to the minute.
        pending: new plays whose track is not known yet.
        outcomes: counts for all plays.
    """

    extended: Columns
    account: Columns
    pending: list[Named]
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)

    @property
    def new_rows(self) -> int:
        """Number of rows to write."""
        return len(self.extended) + len(self.account) + len(self.pending)


def decide(read: ParsedExport, known: Known, kept: Collection[Named]) -> Plan:
    """Compare ``read`` with what is ``known`` and with the named plays that were stored before (``kept``)."""
    outcomes: Counter[RowOutcome] = Counter()
    named = _named(read, outcomes)
    account, unknown = _resolved(named, known, list(read.names))
    pending = [row for row in unknown if row not in kept]
    outcomes[RowOutcome.UNMATCHED] += len(pending)
    outcomes[RowOutcome.ALREADY_IMPORTED] += len(unknown) - len(pending)
    exported = _extended(read, outcomes)
    # Without a damaged file, the export does not contain every play of its period.
    period = _NO_PERIOD if read.damaged else _period(exported, account)
    stored = _stored_before(account.grouped(known.group), known, period)
    extended, exported = _new_extended(exported, known, stored, outcomes)
    listens = _new_account(account, exported, extended, known, stored, outcomes)
    outcomes[RowOutcome.IMPORTED] += len(extended) + len(listens)
    return Plan(extended, listens, pending, outcomes)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Stored plays from polling and account data, by group, at the minutes that were reported.

    Attributes:
        again: the rows of account data that the export repeats.
        others: the rest; plays that the extended history repeats are removed from it.
    """

    again: dict[int, list[Play]]
    others: dict[int, list[Play]]


def _period(*rows: Columns) -> tuple[int, int]:
    """The times of the first and the last row, ms: the export contains every play in between."""
    times = np.concatenate([each.at_ms for each in rows])
    return (int(times.min()), int(times.max())) if len(times) else _NO_PERIOD


def _stored_before(account: Columns, known: Known, period: tuple[int, int]) -> _Stored:
    first, last = period
    everything = {
        group: [replace(play, expected=first <= play.at_ms <= last) for play in to_the_minute(plays)]
        for group, plays in known.others.items()
    }
    exported: dict[int, Counter[Play]] = defaultdict(Counter)
    for position in np.flatnonzero(np.isin(account.track, list(everything))).tolist():
        exported[int(account.track[position])][_play(account, position)] += 1
    again, others = {}, {}
    for group, plays in everything.items():
        both = Counter(plays) & exported[group]
        again[group] = list(both.elements())
        others[group] = list((Counter(plays) - both).elements())
    return _Stored(again, others)


def _play(account: Columns, position: int) -> Play:
    length = length_of(int(account.ms[position]))
    return Play(int(account.at_ms[position]), length, ListenSource.ACCOUNT_DATA)


def _extended(read: ParsedExport, outcomes: Counter[RowOutcome]) -> Columns:
    plays = read.tracked
    unique = without_duplicates(columns(plays))
    outcomes[RowOutcome.DUPLICATE] += len(plays.what) - len(unique)
    return unique


def _named(read: ParsedExport, outcomes: Counter[RowOutcome]) -> set[tuple[int, int, int]]:
    """The distinct named plays: (number of the name, end [ms], duration [ms])."""
    plays = read.named
    rows = {(what, end * 1000, ms) for what, end, ms in zip(plays.what, plays.ended_s, plays.ms, strict=True)}
    outcomes[RowOutcome.DUPLICATE] += len(plays.what) - len(rows)
    return rows


def _resolved(
    plays: Iterable[tuple[int, int, int]], known: Known, names: Sequence[tuple[str, str]]
) -> tuple[Columns, list[Named]]:
    """The named plays whose track is known, in chronological order, and the others."""
    found, unknown = [], []
    for what, end, ms in plays:
        track = known.track_of_name[what]
        if track < 0:
            unknown.append((end, *names[what], ms))
        else:
            found.append((end, track, ms))
    times, tracks, lengths = zip(*sorted(found), strict=True) if found else ((), (), ())
    return _columns(tracks, times, lengths), [
        (end, artist, title, length_of(ms)) for end, artist, title, ms in sorted(unknown)
    ]


def _new_extended(
    plays: Columns, known: Known, stored: _Stored, outcomes: Counter[RowOutcome]
) -> tuple[Columns, Columns]:
    """Return the new ones of ``plays``, and those of ``plays`` that account data is compared with.

    A play is not among the latter if a row of account data repeats its stored match: the stored match represents both,
    so that the row matches it and no other row does.
    """
    fresh = not_among(plays, known.stored)
    outcomes[RowOutcome.ALREADY_IMPORTED] += int((~fresh).sum())
    # Stored plays are matched first, so that no other play takes their matches.
    _take_away(plays.take(~fresh).grouped(known.group), stored.others)
    missing = known.stored.take(not_among(known.stored, plays))
    again = np.zeros(len(plays), dtype=np.bool_)
    again[fresh] = _revised(plays.take(fresh).grouped(known.group), missing.grouped(known.group))
    outcomes[RowOutcome.ALREADY_IMPORTED] += int(again.sum())
    plays, fresh = plays.take(~again), fresh[~again]
    candidates = plays.take(fresh)
    pool = {group: stored.again[group] + others for group, others in stored.others.items()}
    grouped = candidates.grouped(known.group)
    taken = matches(grouped, ListenSource.EXTENDED_HISTORY, pool)
    places, kept_rows = np.flatnonzero(fresh), np.ones(len(plays), dtype=np.bool_)
    for position, match in enumerate(taken):
        if match is not None:
            outcomes[_outcome_against(match, ListenSource.EXTENDED_HISTORY, None)] += 1
            group = int(grouped.track[position])
            if match in stored.others[group]:
                stored.others[group].remove(match)
            else:
                kept_rows[places[position]] = False
    new = _without_match(taken)
    return _with_unique_times(candidates.take(new), grouped.take(new), known), plays.take(kept_rows)


def _revised(plays: Columns, stored: Columns) -> Bools:
    """Return a mask of the ``plays`` that an earlier export had with another time or id; both are by group."""
    ours, theirs = near(plays, stored)
    pool = _pool(plays.take(ours), stored.take(theirs))
    found = matches(plays.take(ours), ListenSource.EXTENDED_HISTORY, pool)
    ours[ours] = ~_without_match(found)
    return ours


def _with_unique_times(plays: Columns, grouped: Columns, known: Known) -> Columns:
    """Return the new ``plays``, moved by 1 ms where another source has a different play of that name at the same ms."""
    taken = set(times_of(known.others))
    at_ms = plays.at_ms.copy()
    for position in np.flatnonzero(np.isin(grouped.track, list(known.others))).tolist():
        while (int(grouped.track[position]), int(at_ms[position])) in taken:
            at_ms[position] += 1
    return replace(plays, at_ms=at_ms)


def _take_away(plays: Columns, others: dict[int, list[Play]]) -> None:
    """Remove what stored ``plays`` repeat. A scrobble that they repeat was not stored, so scrobbles stay."""
    pool = {group: [play for play in some if play.source not in SCROBBLED] for group, some in others.items()}
    for position, match in enumerate(matches(plays, ListenSource.EXTENDED_HISTORY, pool)):
        if match is not None:
            others[int(plays.track[position])].remove(match)


def _outcome_against(match: Play, source: ListenSource, ms_played: int | None) -> RowOutcome:
    """The outcome of a row of ``source`` that repeats ``match``."""
    if match.source is ListenSource.RECENTLY_PLAYED or match.source in SCROBBLED:
        return RowOutcome.KNOWN_FROM_POLLING
    again = match.source is source and match.ms_played == ms_played
    return RowOutcome.ALREADY_IMPORTED if again else RowOutcome.SAME_LISTEN


def _new_account(
    plays: Columns, exported: Columns, written: Columns, known: Known, stored: _Stored, outcomes: Counter[RowOutcome]
) -> Columns:
    """Return the new ones of ``plays``, given the ``exported`` extended history and its ``written`` part."""
    if not len(plays):
        return plays
    grouped = plays.grouped(known.group)
    # Includes plays that repeat a polled listen: it was removed from ``others`` and would be needed for all three.
    more = known.stored.take(not_among(known.stored, exported))
    pool = _pool(grouped, exported.grouped(known.group), more.grouped(known.group))
    for part in (stored.again, stored.others):
        for group, some in part.items():
            pool[group].extend(some)
    found = matches(grouped, ListenSource.ACCOUNT_DATA, pool)
    for position, match in enumerate(found):
        if match is not None:
            length = length_of(int(plays.ms[position]))
            outcomes[_outcome_against(match, ListenSource.ACCOUNT_DATA, length)] += 1
    fresh = _without_match(found)
    new = plays.take(fresh)
    if not len(new):
        return new
    rows = zip(grouped.track[fresh].tolist(), new.at_ms.tolist(), new.ms.tolist(), strict=True)
    here = _pool(grouped, written.grouped(known.group), known.stored.grouped(known.group))
    taken = chain(times_of(here), times_of(known.others))
    return Columns(new.track, np.array(free_times(list(rows), taken), np.int64), new.ms)


def _pool(wanted: Columns, *sources: Columns) -> dict[int, list[Play]]:
    """The plays to the second of the ``wanted`` groups, with an entry per group that has plays without duration."""
    pool: dict[int, list[Play]] = defaultdict(list)
    for group in np.unique(wanted.track[wanted.ms < 0]).tolist():
        pool[group] = []
    groups = np.unique(wanted.track)
    for source in sources:
        part = source.take(np.isin(source.track, groups))
        for track, at, ms in zip(part.track.tolist(), part.at_ms.tolist(), part.ms.tolist(), strict=True):
            pool[track].append(Play(at, ms, ListenSource.EXTENDED_HISTORY))
    return pool


def to_the_minute(plays: Iterable[Play]) -> list[Play]:
    """Round account data, which is stored some ms later if its minute was taken, back to the reported minute."""
    return [
        replace(play, at_ms=play.at_ms - play.at_ms % 1000) if play.source is ListenSource.ACCOUNT_DATA else play
        for play in plays
    ]


def free_times(plays: Sequence[tuple[int, int, int]], taken: Iterable[tuple[int, int]]) -> list[int]:
    """Return the time to store for each of ``plays`` (name, reported time [ms], duration [ms or -1]), ms since 1970.

    It is the first ms since the reported time that is free for the name, so that each play has its own row. ``taken``
    are the names and times of stored plays.
    """
    used = set(taken)
    times = [0] * len(plays)
    for position in sorted(range(len(plays)), key=lambda index: plays[index][1:]):
        name, time, _ = plays[position]
        while (name, time) in used:
            time += 1
        used.add((name, time))
        times[position] = time
    return times


def times_of(pool: Mapping[int, Iterable[Play]]) -> Iterator[tuple[int, int]]:
    """The (name, time) pairs of the plays in ``pool``."""
    return ((name, play.at_ms) for name, plays in pool.items() for play in plays)


def _without_match(found: Sequence[Play | None]) -> Bools:
    return np.array([match is None for match in found], dtype=np.bool_)


def _columns(track: Sequence[int], at_ms: Sequence[int], ms: Sequence[int]) -> Columns:
    return Columns(np.array(track, np.int64), np.array(at_ms, np.int64), np.array(ms, np.int64))
