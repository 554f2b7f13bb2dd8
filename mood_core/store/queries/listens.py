"""Stored listens and tracks, as needed to merge a window of recently played tracks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Row

from mood_core.domain.listen_window import AnyPlay, NamedPlay, track_of
from mood_core.domain.recordings import normalised_isrc
from mood_core.domain.records import Gap, Listen, ListenSource, Track, TrackName, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times


class ListenStore:
    """Listens in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest_before(self, user_id: str, before: datetime) -> datetime | None:
        """The time of a person's newest stored listen before a time; None without one."""
        newest = self._database.scalar(query("newest_listen_before"), {"id": user_id, "moment": to_ms(before)})
        return None if newest is None else from_ms(newest)

    def plays_since(self, user_id: str, since: datetime, until: datetime | None = None) -> list[tuple[Listen, Track]]:
        """A person's stored listens from ``since`` on with their tracks, oldest first; at most until ``until``."""
        values = {"id": user_id, "since": to_ms(since), "until": until and to_ms(until)}
        return [
            (
                Listen(user_id, from_ms(row.played_at_ms), row.track_id, ListenSource(row.source), row.ms_played),
                Track(row.track_id, row.name, (row.artists,), duration_ms=row.duration_ms, isrc=row.isrc),
            )
            for row in self._database.rows(query("plays_since", *(["until"] if until else [])), values)
        ]

    def newest_play_before(self, user_id: str, before: datetime) -> datetime | None:
        """The time of a person's newest stored play before a time, even without a known track; None without any."""
        newest = self._database.scalar(query("newest_play_before"), {"id": user_id, "moment": to_ms(before)})
        return None if newest is None else from_ms(newest)

    def open_gaps(self, user_id: str) -> list[Gap]:
        """A person's gaps that are not filled, oldest first."""
        return [Gap(user_id, **with_times(row)) for row in self._database.rows(query("open_gaps"), {"user": user_id})]

    def free_gap_start(self, user_id: str, starts: datetime) -> datetime:
        """``starts``, or some ms later if a filled gap starts there: that one stays filled."""
        filled = set(self._database.scalars(query("filled_gap_starts"), {"user": user_id}))
        return from_ms(next(ms for ms in count(to_ms(starts)) if ms not in filled))

    def plays_between(self, user_id: str, first: datetime, last: datetime, *, source: ListenSource) -> list[AnyPlay]:
        """A person's stored plays from ``first`` to ``last`` with their tracks.

        Plays by name are those without a known track, and all of ``source``.
        """
        values = {"id": user_id, "first": to_ms(first), "last": to_ms(last), "source": source.value}
        found: list[AnyPlay] = list(self.plays_since(user_id, first, last))
        for row in self._database.rows(query("named_plays_between"), values):
            at, of = from_ms(row.ended_at_ms), ListenSource(row.source)
            play = NamedPlay(user_id, at, row.artist, row.title, of, row.ms_played)
            found.append((play, track_of(play)))
        return found

    def names_of(self, track_ids: Collection[str]) -> list[TrackName]:
        """Every stored name of the tracks, the one that describes a track first."""
        if not track_ids:
            return []
        rows = self._database.rows(query("names_of_some_tracks"), {"ids": sorted(track_ids)})
        return [TrackName(row.track_id, row.artist, row.title) for row in rows]

    def named_otherwise(self, track_ids: Collection[str]) -> list[Track]:
        """The tracks again under each stored name, to compare songs by name."""
        return [Track(name.track_id, name.title, (name.artist,)) for name in self.names_of(track_ids)]

    def renamed_tracks(self) -> dict[str, list[Track]]:
        """The tracks with several names, under each of them, by id."""
        found = defaultdict[str, list[Track]](list)
        for row in self._database.rows(query("other_names")):
            found[row.track_id].append(Track(row.track_id, row.title, (row.artist,)))
        return found

    def undescribed_among(self, tracks: Sequence[Track], *, corrects: bool = False) -> list[Track]:
        """Those of ``tracks`` with something that is not stored: title, duration, ISRC or release date.

        If the source ``corrects`` what is stored, also those with another ISRC than the stored one.
        """
        if not tracks:
            return []
        rows = self._database.rows(query("described_tracks"), {"ids": [track.track_id for track in tracks]})
        known = {row.track_id: row for row in rows}
        return [track for track in tracks if _says_more(track, known.get(track.track_id), corrects=corrects)]


def _says_more(track: Track, stored: Row[Any] | None, *, corrects: bool) -> bool:
    if stored is None:
        return True
    isrc, known = normalised_isrc(track.isrc), normalised_isrc(stored.isrc)
    return (
        (track.duration_ms is not None and stored.duration_ms is None)
        or (track.release_date is not None and stored.release_date is None)
        or (isrc is not None and isrc != known and (corrects or known is None))
    )
