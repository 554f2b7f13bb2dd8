"""Decides the fate of every play of an export, and what is to be written. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mood_core.history.fates import Fate
from mood_core.history.take_row import HistoryRead
from mood_core.pipeline.import_known import Known
from mood_core.pipeline.import_plan import Columns, columns, not_among, partners, without_duplicates
from mood_core.pipeline.same_listen import Play
from mood_core.records import ListenSource

Named = tuple[int, str, str, int]
"""A play by name: (end [ms since 1970], artist, title, length heard [ms])."""

_FATE_OF = {
    ListenSource.RECENTLY_PLAYED: Fate.KNOWN_FROM_POLLING,
    ListenSource.EXTENDED_HISTORY: Fate.SAME_LISTEN,
    ListenSource.ACCOUNT_DATA: Fate.ALREADY_IMPORTED,
}


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
    others = {group: list(plays) for group, plays in known.others.items()}
    told = _extended(read, fates)
    extended = _new_extended(told, known, others, fates)
    listens = _new_account(account, told, known, others, fates)
    fates[Fate.IMPORTED] += len(extended) + len(listens)
    return Plan(extended, listens, waiting, fates)


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
    return _columns(tracks, times, lengths), sorted(unknown)


def _new_extended(plays: Columns, known: Known, others: dict[int, list[Play]], fates: Counter[Fate]) -> Columns:
    source = ListenSource.EXTENDED_HISTORY
    fresh = not_among(plays, known.stored)
    fates[Fate.ALREADY_IMPORTED] += int((~fresh).sum())
    # What is stored already takes its partners first, so that nobody else is taken for them.
    _take_away(plays.take(~fresh).grouped(known.group), source, others)
    candidates = plays.take(fresh)
    taken = _take_away(candidates.grouped(known.group), source, others)
    for partner in taken:
        if partner is not None:
            polled = partner.source is ListenSource.RECENTLY_PLAYED
            fates[Fate.KNOWN_FROM_POLLING if polled else Fate.SAME_LISTEN] += 1
    return candidates.take(_without_partner(taken))


def _take_away(plays: Columns, source: ListenSource, others: dict[int, list[Play]]) -> list[Play | None]:
    """The partners of ``plays`` among ``others``, from where they are taken away."""
    found = partners(plays, source, others)
    for position, partner in enumerate(found):
        if partner is not None:
            others[int(plays.track[position])].remove(partner)
    return found


def _new_account(
    plays: Columns, extended: Columns, known: Known, others: dict[int, list[Play]], fates: Counter[Fate]
) -> Columns:
    if not len(plays):
        return plays
    grouped = plays.grouped(known.group)
    # Also what repeats a polled listen: that one was taken away from ``others``, and stands for three then.
    stored = known.stored.take(not_among(known.stored, extended))
    pool = _pool(grouped, extended.grouped(known.group), stored.grouped(known.group))
    for group, more in others.items():
        pool[group].extend(to_the_minute(more))
    found = partners(grouped, ListenSource.ACCOUNT_DATA, pool)
    for partner in found:
        if partner is not None:
            fates[_FATE_OF[partner.source]] += 1
    fresh = _without_partner(found)
    new = plays.take(fresh)
    rows = zip(grouped.track[fresh].tolist(), new.at_ms.tolist(), new.ms.tolist(), strict=True)
    return Columns(new.track, np.array(moments(list(rows), pool), np.int64), new.ms)


def _pool(wanted: Columns, *sources: Columns) -> dict[int, list[Play]]:
    """The plays to the second of the groups that are ``wanted``."""
    pool: dict[int, list[Play]] = defaultdict(list)
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


def moments(plays: Sequence[tuple[int, int, int]], pool: Mapping[int, Iterable[Play]]) -> list[int]:
    """When each of ``plays`` (name, minute [ms], length [ms]) is stored: those of one name and minute a ms apart.

    So each keeps a row of its own. ``pool`` holds what is known already, by name, at the minutes that were reported.
    """
    used = Counter(
        (name, play.at_ms) for name, some in pool.items() for play in some if play.source is ListenSource.ACCOUNT_DATA
    )
    times = [0] * len(plays)
    for position in sorted(range(len(plays)), key=lambda index: plays[index][1:]):
        name, minute, _ = plays[position]
        times[position] = minute + used[name, minute]
        used[name, minute] += 1
    return times


def _without_partner(found: Sequence[Play | None]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([partner is None for partner in found], dtype=np.bool_)


def _columns(track: Sequence[int], at_ms: Sequence[int], ms: Sequence[int]) -> Columns:
    return Columns(np.array(track, np.int64), np.array(at_ms, np.int64), np.array(ms, np.int64))
