"""Imports an export: reads it whole, decides what is new, then writes; a damaged file changes nothing at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pyarrow as pa

from mood_core.errors import InputError
from mood_core.history.fates import Fate
from mood_core.history.limits import Limits
from mood_core.history.reader import Choice, HistoryRead, read_history
from mood_core.history.sources import digest_of, find_json
from mood_core.pipeline.import_names import NameIndex, name_index
from mood_core.pipeline.import_plan import Columns, columns, not_among, partners, without_duplicates
from mood_core.pipeline.same_listen import Play
from mood_core.records import Gap, ListenSource, Track, from_ms
from mood_core.schema import GAPS, LISTENS, NAMED_PLAYS, TRACKS, Dataset
from mood_core.store.import_rows import ImportRows
from mood_core.tables import to_table

ROWS_A_FILE = 100_000


class Writer(Protocol):
    """Where facts go: Parquet first, then SQL."""

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime) -> int: ...  # noqa: D102


class Described(Protocol):
    """Knows which tracks are described already."""

    def described_among(self, track_ids: Sequence[str]) -> set[str]: ...  # noqa: D102


@dataclass(slots=True)
class ImportReport:
    """What became of an export. ``fates`` add up to ``rows_read``; times are those of the imported listens."""

    user_id: str
    dry_run: bool = False
    rows_read: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    files: dict[str, int] = field(default_factory=dict)
    other_files: list[str] = field(default_factory=list)
    gaps_filled: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    seen_before: bool = False
    quarantine: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: what is left out, the limits, and whether anything is written."""

    choice: Choice = field(default_factory=Choice)
    limits: Limits = field(default_factory=Limits)
    dry_run: bool = False

    @property
    def text(self) -> str:
        """What decides the fates, as text."""
        return f"min_ms={self.choice.min_ms},private={'keep' if self.choice.keep_private else 'drop'}"


def import_history(
    paths: Sequence[Path],
    user_id: str,
    rows: ImportRows,
    described: Described,
    batches: Writer,
    quarantine: IO[str],
    *,
    now: datetime,
    options: ImportOptions = ImportOptions(),
    started: Callable[[int], None] = lambda _bytes: None,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> ImportReport:
    """Import the export in ``paths`` for ``user_id``, who must be known unless this is a dry run.

    Args:
        paths: zips, folders or JSON files.
        user_id: whose history it is.
        rows: questions to SQL.
        described: which tracks have a title already.
        batches: where facts go.
        quarantine: takes malformed rows, one JSON object a line.
        now: the date of the batches.
        options: what is left out, the limits, and whether to write.
        started: hears how many bytes there are to read.
        progress: hears rows and bytes read so far.

    Raises:
        InputError: A path holds no listening history, is damaged, or is larger than the limits; nothing is written.
        StoreError: The database or the lake fails. Running it again goes on.
    """
    files = find_json(paths, options.limits)
    digest = digest_of(paths)
    earlier = rows.imported(user_id, digest, options.text)
    if earlier is not None:
        return _told_again(user_id, options, *earlier)
    started(sum(file.size for file in files))
    read = read_history(files, options.choice, options.limits, quarantine, progress)
    if not read.files:
        names = ", ".join(str(path) for path in paths)
        raise InputError(f"{names}: no listening history in there; give the zip that Spotify sent or its JSON files")
    report = ImportReport(user_id, options.dry_run, read.rows_read, files=read.files, other_files=read.other_files)
    _Import(read, user_id, rows, described, batches, report, now).run()
    report.fates = Counter({fate.value: count for fate in Fate if (count := read.fates[fate])})
    if not options.dry_run:
        rows.remember(user_id, digest, options.text, report.rows_read, report.fates, now=now)
    return report


class _Import:
    """One import between reading and writing."""

    def __init__(
        self,
        read: HistoryRead,
        user_id: str,
        rows: ImportRows,
        described: Described,
        batches: Writer,
        report: ImportReport,
        now: datetime,
    ) -> None:
        self._read, self._user_id, self._rows, self._described = read, user_id, rows, described
        self._batches, self._report, self._now = batches, report, now
        self._ids = [info.track_id for info in read.track_infos]

    def run(self) -> None:
        read = self._read
        extended = self._unique(
            columns(read.tracked.what, read.tracked.ended_s, read.tracked.ms), len(read.tracked.what)
        )
        names = list(read.names)
        index = self._names_known() if names else None
        account, waiting = self._resolve(index, names)
        stored, others = self._stored()
        new = self._new_extended(extended, stored, others)
        fresh = self._new_account(account, new, stored, others)
        self._read.fates[Fate.IMPORTED] += len(new) + len(fresh)
        self._reach(new, fresh)
        gaps = self._gaps(extended, account)
        self._report.gaps_filled = len(gaps)
        if not self._report.dry_run:
            self._write(new, fresh, waiting, gaps)

    def _unique(self, plays: Columns, before: int) -> Columns:
        unique = without_duplicates(plays)
        self._read.fates[Fate.DUPLICATE] += before - len(unique)
        return unique

    def _names_known(self) -> NameIndex:
        given = [(info.track_id, info.name, info.artist) for info in self._read.track_infos if info.name]
        return name_index([*self._rows.track_names(), *given])

    def _resolve(self, index: NameIndex | None, names: list[tuple[str, str]]) -> tuple[Columns, list[tuple[Any, ...]]]:
        """The account data's plays whose track is known, and those that wait: (end [ms], artist, title, ms)."""
        if index is None:
            return columns([], [], []), []
        positions = {track_id: place for place, track_id in enumerate(self._ids)}
        found: list[int] = []
        for artist, title in names:
            track_id = index.find(artist, title)
            if track_id is not None and track_id not in positions:
                positions[track_id] = len(self._ids)
                self._ids.append(track_id)
            found.append(-1 if track_id is None else positions[track_id])
        named = self._read.named
        rows = {(what, end * 1000, ms) for what, end, ms in zip(named.what, named.ended_s, named.ms, strict=True)}
        self._read.fates[Fate.DUPLICATE] += len(named.what) - len(rows)
        known = sorted((end, found[what], ms) for what, end, ms in rows if found[what] >= 0)
        kept = self._rows.named(self._user_id)
        waiting = sorted((end, *names[what], ms) for what, end, ms in rows if found[what] < 0)
        news = [row for row in waiting if row not in kept]
        self._read.fates[Fate.UNMATCHED] += len(news)
        self._read.fates[Fate.ALREADY_IMPORTED] += len(waiting) - len(news)
        times, tracks, lengths = zip(*known, strict=True) if known else ((), (), ())
        return _columns_ms(tracks, times, lengths), news

    def _stored(self) -> tuple[Columns, dict[int, list[Play]]]:
        """What is stored of these tracks: from extended histories as columns, and the other plays by track."""
        keys = self._rows.track_keys(self._ids)
        place = {keys[track_id]: index for index, track_id in enumerate(self._ids) if track_id in keys}
        parts, others = [], defaultdict[int, list[Play]](list)
        for chunk in self._rows.listens(self._user_id):
            exact = [
                (place[key], at, ms or 0)
                for key, at, ms, source in chunk
                if key in place and source == ListenSource.EXTENDED_HISTORY
            ]
            parts.append(np.array(exact, dtype=np.int64).reshape(-1, 3))
            for key, at, ms, source in chunk:
                if key in place and source != ListenSource.EXTENDED_HISTORY:
                    others[place[key]].append(Play(at, ms, ListenSource(source)))
        table = np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.int64)
        return Columns(table[:, 0], table[:, 1], table[:, 2]), others

    def _new_extended(self, plays: Columns, stored: Columns, others: dict[int, list[Play]]) -> Columns:
        fresh = not_among(plays, stored)
        self._read.fates[Fate.ALREADY_IMPORTED] += int((~fresh).sum())
        # What is stored already takes its partners first, so that nobody else is taken for them.
        for play_track, play in _with_tracks(plays.take(~fresh), ListenSource.EXTENDED_HISTORY, others):
            others[play_track].remove(play)
        candidates = plays.take(fresh)
        found = partners(candidates, ListenSource.EXTENDED_HISTORY, others)
        self._count(found, others, candidates)
        return candidates.take(np.array([partner is None for partner in found], dtype=np.bool_))

    def _new_account(self, plays: Columns, new: Columns, stored: Columns, others: dict[int, list[Play]]) -> Columns:
        if not len(plays):
            return plays
        known: dict[int, list[Play]] = defaultdict(list)
        wanted = np.unique(plays.track)
        for source in (new, stored):
            part = source.take(np.isin(source.track, wanted))
            for track, at, ms in zip(part.track.tolist(), part.at_ms.tolist(), part.ms.tolist(), strict=True):
                known[track].append(Play(at, ms, ListenSource.EXTENDED_HISTORY))
        for track, more in others.items():
            known[track].extend(_to_the_minute(more))
        found = partners(plays, ListenSource.ACCOUNT_DATA, known)
        for partner in found:
            if partner is not None:
                self._read.fates[_FATE_OF[partner.source]] += 1
        fresh = plays.take(np.array([partner is None for partner in found], dtype=np.bool_))
        return _apart(fresh, known)

    def _count(self, found: list[Play | None], others: dict[int, list[Play]], plays: Columns) -> None:
        for position, partner in enumerate(found):
            if partner is not None:
                others[int(plays.track[position])].remove(partner)
                known = partner.source is ListenSource.RECENTLY_PLAYED
                self._read.fates[Fate.KNOWN_FROM_POLLING if known else Fate.SAME_LISTEN] += 1

    def _reach(self, *plays: Columns) -> None:
        times = np.concatenate([part.at_ms for part in plays])
        if len(times):
            self._report.first_at, self._report.last_at = from_ms(int(times.min())), from_ms(int(times.max()))

    def _gaps(self, *plays: Columns) -> list[Gap]:
        times = np.concatenate([part.at_ms for part in plays])
        if not len(times):
            return []
        first, last = from_ms(int(times.min())), from_ms(int(times.max()))
        return [
            replace(gap, filled_at=self._now)
            for gap in self._rows.open_gaps(self._user_id)
            if first <= gap.starts_at and gap.ends_at <= last
        ]

    def _write(self, new: Columns, fresh: Columns, waiting: list[tuple[Any, ...]], gaps: list[Gap]) -> None:
        heard = sorted({self._ids[index] for index in np.unique(np.concatenate([new.track, fresh.track])).tolist()})
        infos = {info.track_id: info for info in self._read.track_infos}
        described = self._described.described_among(heard) | {
            track_id for track_id, _, _ in self._rows.track_names() if track_id in infos
        }
        for part in _parts([infos[track_id] for track_id in heard if track_id in infos and track_id not in described]):
            tracks = [Track(info.track_id, info.name, (info.artist,), info.album) for info in part if info.name]
            self._batches.add(TRACKS, to_table(TRACKS, tracks), now=self._now)
        for source, plays in ((ListenSource.EXTENDED_HISTORY, new), (ListenSource.ACCOUNT_DATA, fresh)):
            for start in range(0, len(plays), ROWS_A_FILE):
                part_of = plays.take(np.arange(start, min(start + ROWS_A_FILE, len(plays))))
                self._batches.add(LISTENS, self._listens(part_of, source), now=self._now)
        for rows in _parts(waiting):
            self._batches.add(NAMED_PLAYS, named_table(self._user_id, rows), now=self._now)
        # Gaps last: they are filled once the listens are there.
        self._batches.add(GAPS, to_table(GAPS, gaps), now=self._now)

    def _listens(self, plays: Columns, source: ListenSource) -> pa.Table:
        used, places = np.unique(plays.track, return_inverse=True)
        ids = pa.array([self._ids[index] for index in used.tolist()], pa.string())
        return listens_table(
            self._user_id, pa.array(plays.at_ms), ids.take(pa.array(places)), pa.array(plays.ms), source
        )


_FATE_OF = {
    ListenSource.RECENTLY_PLAYED: Fate.KNOWN_FROM_POLLING,
    ListenSource.EXTENDED_HISTORY: Fate.SAME_LISTEN,
    ListenSource.ACCOUNT_DATA: Fate.ALREADY_IMPORTED,
}


def listens_table(user_id: str, at_ms: pa.Array, ids: pa.Array, ms: pa.Array, source: ListenSource) -> pa.Table:
    """Listens of one person from one source, in the dataset's schema."""
    count = len(at_ms)
    values = {
        "user_id": pa.repeat(user_id, count),
        "played_at": at_ms.cast(pa.timestamp("ms", "UTC")),
        "track_id": ids,
        "ms_played": ms.cast(pa.int32()),
        "source": pa.repeat(source.value, count),
    }
    return pa.table(values)


def named_table(user_id: str, rows: Sequence[tuple[Any, ...]], track_ids: Sequence[str] | None = None) -> pa.Table:
    """Plays by name, (end [ms], artist, title, ms) each, with their tracks where those are known."""
    ends, artists, titles, lengths = zip(*rows, strict=True)
    return pa.table(
        {
            "user_id": pa.repeat(user_id, len(rows)),
            "ended_at": pa.array(ends, pa.int64()).cast(pa.timestamp("ms", "UTC")),
            "artist": pa.array(artists, pa.string()),
            "title": pa.array(titles, pa.string()),
            "ms_played": pa.array(lengths, pa.int32()),
            "track_id": pa.array(track_ids, pa.string()) if track_ids else pa.nulls(len(rows), pa.string()),
        }
    )


def _columns_ms(track: Sequence[int], at_ms: Sequence[int], ms: Sequence[int]) -> Columns:
    return Columns(np.array(track, np.int64), np.array(at_ms, np.int64), np.array(ms, np.int64))


def _with_tracks(plays: Columns, source: ListenSource, others: dict[int, list[Play]]) -> Iterator[tuple[int, Play]]:
    found = partners(plays, source, others)
    return ((int(plays.track[index]), play) for index, play in enumerate(found) if play is not None)


def _to_the_minute(plays: Sequence[Play]) -> list[Play]:
    """Account data that had to move by some ms within its minute, back at the minute that was reported."""
    return [
        replace(play, at_ms=play.at_ms - play.at_ms % 1000) if play.source is ListenSource.ACCOUNT_DATA else play
        for play in plays
    ]


def _apart(plays: Columns, known: dict[int, list[Play]]) -> Columns:
    """Plays of one track in one minute, a ms apart, so that each keeps a row of its own."""
    taken = Counter(
        (track, play.at_ms)
        for track, some in known.items()
        for play in some
        if play.source is ListenSource.ACCOUNT_DATA
    )
    times = plays.at_ms.copy()
    for index in np.lexsort((plays.ms, plays.at_ms)).tolist():
        key = (int(plays.track[index]), int(plays.at_ms[index]))
        times[index] += taken[key]
        taken[key] += 1
    return Columns(plays.track, times, plays.ms)


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), ROWS_A_FILE):
        yield rows[start : start + ROWS_A_FILE]


def _told_again(user_id: str, options: ImportOptions, rows_read: int, fates: dict[str, int]) -> ImportReport:
    """The report of an export that is in already: what was stored then is known now."""
    report = ImportReport(user_id, options.dry_run, rows_read, seen_before=True)
    for name, count in fates.items():
        stored = name in (Fate.IMPORTED, Fate.UNMATCHED)
        report.fates[Fate.ALREADY_IMPORTED.value if stored else name] += count
    return report
