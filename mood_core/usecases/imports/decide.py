"""Decides the fate of every play of an export, and what is to be written. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from mood_core.domain.play_matching import Play
from mood_core.domain.records import ListenSource
from mood_core.exports.outcomes import Fate
from mood_core.exports.parse_row import HistoryRead
from mood_core.usecases.imports.known_listens import Known
from mood_core.usecases.imports.plan import Columns, columns, length_of, not_among, partners, without_duplicates

Named = tuple[int, str, str, int | None]
"""A play by name: (end [ms since 1970], artist, title, length heard [ms; None where unknown])."""


@dataclass(slots=True)
class Plan:
    """What is to be written, and the fates of the rows that named a track.

    Attributes:
        extended: new listens to the second.
        account: new listens to the minute.
        waiting: new plays whose track is not known yet.
        fates: of all plays.
    """

    extended: Columns
    account: Columns
    waiting: list[Named]
    fates: Counter[Fate] = field(default_factory=Counter)


def decide(read: HistoryRead, known: Known, kept: Collection[Named]) -> Plan:
    """Compare ``read`` with what is ``known`` and with the plays by name that were ``kept`` before."""
    fates: Counter[Fate] = Counter()
    named = _named(read, fates)
    account, unknown = _resolved(named, known, list(read.names))
    waiting = [row for row in unknown if row not in kept]
    fates[Fate.UNMATCHED] += len(waiting)
    fates[Fate.ALREADY_IMPORTED] += len(unknown) - len(waiting)
    told = _extended(read, fates)
    stored = _stored_before(account.grouped(known.group), known)
    extended, told = _new_extended(told, known, stored, fates)
    listens = _new_account(account, told, extended, known, stored, fates)
    fates[Fate.IMPORTED] += len(extended) + len(listens)
    return Plan(extended, listens, waiting, fates)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What polls and account data told before, by group, at the minutes that were reported.

    Attributes:
        again: the rows of account data that the export tells again.
        others: the rest, of which is taken away what the extended history repeats.
    """

    again: dict[int, list[Play]]
    others: dict[int, list[Play]]


def _stored_before(account: Columns, known: Known) -> _Stored:
    everything = {group: to_the_minute(plays) for group, plays in known.others.items()}
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


def _extended(read: HistoryRead, fates: Counter[Fate]) -> Columns:
    plays = read.tracked
    unique = without_duplicates(columns(plays.what, plays.ended_s, plays.ms))
    fates[Fate.DUPLICATE] += len(plays.what) - len(unique)
    return unique


def _named(read: HistoryRead, fates: Counter[Fate]) -> set[tuple[int, int, int]]:
    """The different plays by name: (number of the name, end [ms], length [ms])."""
    plays = read.named
    rows = {(what, end * 1000, ms) for what, end, ms in zip(plays.what, plays.ended_s, plays.ms, strict=True)}
    fates[Fate.DUPLICATE] += len(plays.what) - len(rows)
    return rows


def _resolved(
    plays: Iterable[tuple[int, int, int]], known: Known, names: Sequence[tuple[str, str]]
) -> tuple[Columns, list[Named]]:
    """The plays by name whose track is known, in the order of time, and the others."""
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


def _new_extended(plays: Columns, known: Known, stored: _Stored, fates: Counter[Fate]) -> tuple[Columns, Columns]:
    """What is new of ``plays``; and ``plays`` without those whose stored partner the account data tells again.

    That partner stands for both, so that its row finds itself and no other row is taken for it.
    """
    fresh = not_among(plays, known.stored)
    fates[Fate.ALREADY_IMPORTED] += int((~fresh).sum())
    # What is stored already takes its partners first, so that nobody else is taken for them.
    _take_away(plays.take(~fresh).grouped(known.group), stored.others)
    candidates = plays.take(fresh)
    pool = {group: stored.again[group] + others for group, others in stored.others.items()}
    grouped = candidates.grouped(known.group)
    taken = partners(grouped, ListenSource.EXTENDED_HISTORY, pool)
    places, stands = np.flatnonzero(fresh), np.ones(len(plays), dtype=np.bool_)
    for position, partner in enumerate(taken):
        if partner is not None:
            fates[_fate_beside(partner, ListenSource.EXTENDED_HISTORY, None)] += 1
            group = int(grouped.track[position])
            if partner in stored.others[group]:
                stored.others[group].remove(partner)
            else:
                stands[places[position]] = False
    new = _without_partner(taken)
    return _beside(candidates.take(new), grouped.take(new), known), plays.take(stands)


def _beside(plays: Columns, grouped: Columns, known: Known) -> Columns:
    """``plays``, which are new, a ms later where another source told of another play of that name at that very ms."""
    taken = set(times_of(known.others))
    at_ms = plays.at_ms.copy()
    for position in np.flatnonzero(np.isin(grouped.track, list(known.others))).tolist():
        while (int(grouped.track[position]), int(at_ms[position])) in taken:
            at_ms[position] += 1
    return replace(plays, at_ms=at_ms)


def _take_away(plays: Columns, others: dict[int, list[Play]]) -> None:
    for position, partner in enumerate(partners(plays, ListenSource.EXTENDED_HISTORY, others)):
        if partner is not None:
            others[int(plays.track[position])].remove(partner)


def _fate_beside(partner: Play, source: ListenSource, ms_played: int | None) -> Fate:
    """The fate of a row of ``source`` that repeats ``partner``."""
    if partner.source is ListenSource.RECENTLY_PLAYED:
        return Fate.KNOWN_FROM_POLLING
    again = partner.source is source and partner.ms_played == ms_played
    return Fate.ALREADY_IMPORTED if again else Fate.SAME_LISTEN


def _new_account(
    plays: Columns, told: Columns, written: Columns, known: Known, stored: _Stored, fates: Counter[Fate]
) -> Columns:
    """What is new of ``plays``, beside what the extended history ``told`` and what of it is ``written``."""
    if not len(plays):
        return plays
    grouped = plays.grouped(known.group)
    # Also what repeats a polled listen: that one was taken away from ``others``, and stands for three then.
    more = known.stored.take(not_among(known.stored, told))
    pool = _pool(grouped, told.grouped(known.group), more.grouped(known.group))
    for part in (stored.again, stored.others):
        for group, some in part.items():
            pool[group].extend(some)
    found = partners(grouped, ListenSource.ACCOUNT_DATA, pool)
    for position, partner in enumerate(found):
        if partner is not None:
            length = length_of(int(plays.ms[position]))
            fates[_fate_beside(partner, ListenSource.ACCOUNT_DATA, length)] += 1
    fresh = _without_partner(found)
    new = plays.take(fresh)
    if not len(new):
        return new
    rows = zip(grouped.track[fresh].tolist(), new.at_ms.tolist(), new.ms.tolist(), strict=True)
    here = _pool(grouped, written.grouped(known.group), known.stored.grouped(known.group))
    taken = chain(times_of(here), times_of(known.others))
    return Columns(new.track, np.array(moments(list(rows), taken), np.int64), new.ms)


def _pool(wanted: Columns, *sources: Columns) -> dict[int, list[Play]]:
    """The plays to the second of the groups that are ``wanted``; a place for those whose plays tell no length, too."""
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
    """Account data that had to move by some ms within its minute, back at the minute that was reported."""
    return [
        replace(play, at_ms=play.at_ms - play.at_ms % 1000) if play.source is ListenSource.ACCOUNT_DATA else play
        for play in plays
    ]


def moments(plays: Sequence[tuple[int, int, int]], taken: Iterable[tuple[int, int]]) -> list[int]:
    """When each of ``plays`` (name, reported time [ms], length [ms or -1]) is stored, in ms since 1970.

    That is the first ms from the reported time on that no play of the name has, so that each keeps a row of its own.
    ``taken`` are the names and times of the plays that are stored already.
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
    """The names and times of the plays of ``pool``."""
    return ((name, play.at_ms) for name, plays in pool.items() for play in plays)


def _without_partner(found: Sequence[Play | None]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([partner is None for partner in found], dtype=np.bool_)


def _columns(track: Sequence[int], at_ms: Sequence[int], ms: Sequence[int]) -> Columns:
    return Columns(np.array(track, np.int64), np.array(at_ms, np.int64), np.array(ms, np.int64))
