"""Audio features in SQL: tracks without features, feature misses, and the availability of feature sources."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row

from mood_core.domain.feature_misses import LATEST_PLAUSIBLE, WAITS_AFTER_MISSES, PastMiss, PastMisses
from mood_core.domain.play_lengths import KnownLength, PlayCount, length_of_plays
from mood_core.domain.records import FEATURES, Track, TrackKind, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.pending_responses import PendingResponses
from mood_core.store.queries.selection import Selection
from mood_core.store.queries.track_leases import TrackLease

_EVERYTHING = Selection()
_MS = timedelta(milliseconds=1)
_NEVER = 2**53 - 1
"""The time of the next try of tracks that can never have features."""


class FeatureRows:
    """Features, misses and the availability of feature sources in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pending = PendingResponses(database)

    def tracks_without_features(
        self,
        selection: Selection = _EVERYTHING,
        *,
        due: tuple[Sequence[str], datetime] | None = None,
        most_heard_first: bool = False,
    ) -> list[Track]:
        """The selected tracks without features, oldest first. ``artists`` is one name, as in the views.

        ``due``: the names of the feature sources and the time. Tracks for which no source would be called at that time
        are left out, because there may be many of them, the same every night. ``most_heard_first`` orders by the number
        of listens without a label; tracks that have a label already, from estimated features, come last.
        """
        parts, values = selection.tracks()
        if due:
            values |= self.set_next_tries(*due)
        if most_heard_first:
            # The index of listens without a label is empty before the first model.
            has_model = self._database.scalar(query("current_model")) is not None
            parts["heard"] = "_waiting_listens" if has_model else "listens"
        statement = query("tracks_without_features", *(("due",) if due else ()), **parts)
        return [_track(row) for row in self._database.rows(statement, values)]

    def of_lease(self, lease: TrackLease) -> list[Track]:
        """The tracks of ``lease`` that still have no features."""
        statement = query("tracks_without_features", "leased")
        return [_track(row) for row in self._database.rows(statement, {"lease": lease.number})]

    def set_next_tries(self, sources: Sequence[str], now: datetime) -> dict[str, object]:
        """Date the due tracks of the queue for which no source would be called; returns the limits of those left."""
        waits = [wait // _MS for wait in WAITS_AFTER_MISSES]
        until = to_ms(now + LATEST_PLAUSIBLE)
        limits: dict[str, object] = {"now": to_ms(now), "latest": until + max(waits), "never": _NEVER}
        named = {f"wait_{count}": wait for count, wait in enumerate(waits[:-1], start=1)}
        fewer = " ".join(f"WHEN {count} THEN :wait_{count}" for count in range(1, len(waits)))
        values = {"wait": waits[-1], "until": until, "sources": sources, "count": len(sources)}
        rules = json.dumps([sorted(sources), waits])
        with self._database.write() as connection:
            if connection.scalar(query("feature_queue_rules")) != rules:
                connection.execute(query("reset_feature_queue"))
                connection.execute(query("delete_rows", table="_feature_queue_rules"))
                connection.execute(query("set_feature_queue_rules"), {"rules": rules})
            connection.execute(query("set_next_tries", when_misses=fewer), limits | named | values)
        return limits

    def past_misses(self, track_ids: Sequence[str]) -> PastMisses:
        """The feature misses of ``track_ids`` by (track id, source name)."""
        return {
            (row.track_id, row.source): PastMiss(row.reason, from_ms(row.last_missed_at_ms), row.misses)
            for row in self._database.rows(query("feature_misses"), {"ids": track_ids})
        }

    def unavailable_since(self, source: str) -> datetime | None:
        """When ``source`` last refused this app, or None."""
        since = self._database.scalar(query("unavailable_since"), {"source": source})
        return None if since is None else from_ms(since)

    def mark_unavailable(self, source: str, at: datetime, reason: str) -> None:
        """Record that ``source`` refused this app at ``at``."""
        self._database.run(query("mark_unavailable"), {"source": source, "at": to_ms(at), "reason": reason})

    def mark_available(self, source: str) -> None:
        """Remove the record that ``source`` refused this app."""
        self._database.run(query("mark_available"), {"source": source})

    def stored(
        self, track_ids: Sequence[str]
    ) -> Mapping[str, tuple[Track, tuple[float | None, ...] | None, str | None]]:
        """By track id: the stored track, its ten features and their source; None and None without features."""
        result = {}
        for row in self._database.rows(query("stored_features"), {"ids": track_ids}):
            features = None if row.source is None else tuple(getattr(row, f"f_{name}") for name in FEATURES)
            result[row.track_id] = (_track(row), features, row.source)
        return result

    def tracks_for_audio(self) -> tuple[list[Track], set[str], set[str]]:
        """Every described track and local file, and the ids of those with exact and with estimated features."""
        rows = self._database.rows(query("tracks_for_audio"))
        exact = {row.track_id for row in rows if row.has_exact}
        estimated = {row.track_id for row in rows if row.has_estimate}
        return [_track(row) for row in rows], exact, estimated

    def lengths_of_plays(self, track_ids: Sequence[str] | None = None) -> dict[str, KnownLength]:
        """What plays show of the durations of tracks that have no stored one, by track id.

        ``track_ids`` are tracks without a label: only their listens are read. Without them, every listen is read.
        """
        if track_ids is None:
            rows = self._database.rows(query("plays_by_length"))
        else:
            rows = self._database.rows(query("plays_by_length", "unlabelled"), {"ids": track_ids})
        return {
            track_id: length_of_plays(PlayCount(row.ms_played, row.reason_end, row.plays) for row in plays)
            for track_id, plays in groupby(rows, lambda row: row.track_id)
        }

    def stored_estimates(self, track_ids: Sequence[str]) -> dict[str, tuple[tuple[float | None, ...], str]]:
        """By track id: the ten estimated features and their source; tracks without them are missing."""
        return {
            row.track_id: (tuple(getattr(row, name) for name in FEATURES), row.source)
            for row in self._database.rows(query("stored_estimates"), {"ids": track_ids})
        }


def _track(row: Row[Any]) -> Track:
    return Track(
        row.track_id,
        row.name,
        (row.artists,),
        row.album,
        row.duration_ms,
        row.isrc,
        row.release_date,
        TrackKind(row.kind),
    )
