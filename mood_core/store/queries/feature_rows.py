"""Audio features in SQL: which tracks want them, which were missed, and who refuses to give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mood_core.domain.feature_misses import PastMiss, PastMisses, Rest
from mood_core.domain.records import FEATURES, Track, TrackKind, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.pending_answers import PendingAnswers
from mood_core.store.queries.selection import Selection

_EVERYTHING = Selection()


class FeatureRows:
    """Features, misses and the availability of sources in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pending = PendingAnswers(database)

    def tracks_without_features(
        self,
        selection: Selection = _EVERYTHING,
        *,
        resting: tuple[Sequence[str], Rest] | None = None,
        most_heard_first: bool = False,
    ) -> list[Track]:
        """The selected tracks that have no features yet, the longest known first. ``artists`` is one name, as shown.

        With ``resting``, the names of sources and which misses rest, without those tracks about which none of the
        sources would be asked: they may be very many, and the same ones every night. With ``most_heard_first``, in the
        order of their listens, which reads all of them.
        """
        selected, values = selection.tracks("t.track_key")
        awake, more = _awake(*resting) if resting else ("", {})
        options = ("most_heard_first",) if most_heard_first else ()
        statement = query("tracks_without_features", *options, and_selected=selected, and_awake=awake)
        with self._database.read() as connection:
            return [
                Track(
                    row.track_id,
                    row.name,
                    (row.artists,),
                    row.album,
                    row.duration_ms,
                    row.isrc,
                    row.release_date,
                    TrackKind(row.kind),
                )
                for row in connection.execute(statement, values | more)
            ]

    def past_misses(self, track_ids: Sequence[str]) -> PastMisses:
        """The remembered misses of ``track_ids`` by (track id, source name)."""
        with self._database.read() as connection:
            rows = connection.execute(query("feature_misses"), {"ids": track_ids})
            return {
                (row.track_id, row.source): PastMiss(row.reason, from_ms(row.last_missed_at_ms), row.misses)
                for row in rows
            }

    def unavailable_since(self, source: str) -> datetime | None:
        """When ``source`` last refused this app, or None."""
        with self._database.read() as connection:
            since = connection.scalar(query("unavailable_since"), {"source": source})
        return None if since is None else from_ms(since)

    def mark_unavailable(self, source: str, at: datetime, reason: str) -> None:
        """Remember that ``source`` refused this app at ``at``."""
        values = {"source": source, "at": to_ms(at), "reason": reason}
        with self._database.write() as connection:
            connection.execute(query("mark_unavailable"), values)

    def mark_available(self, source: str) -> None:
        """Forget that ``source`` ever refused this app."""
        with self._database.write() as connection:
            connection.execute(query("mark_available"), {"source": source})

    def stored(
        self, track_ids: Sequence[str]
    ) -> Mapping[str, tuple[Track, tuple[float | None, ...] | None, str | None]]:
        """By track id, the known track and, where they are stored, its ten features and their source."""
        with self._database.read() as connection:
            rows = connection.execute(query("stored_features"), {"ids": track_ids}).all()
        result = {}
        for row in rows:
            track = Track(
                row.track_id, row.name, (row.artists,), row.album, row.duration_ms, row.isrc, row.release_date
            )
            features = None if row.source is None else tuple(getattr(row, f"f_{name}") for name in FEATURES)
            result[row.track_id] = (track, features, row.source)
        return result


def _awake(sources: Sequence[str], rest: Rest) -> tuple[str, dict[str, object]]:
    """The SQL ``AND ...`` that a track does not rest, and its parameters."""
    after: dict[str, object] = {f"after_{count}": to_ms(moment) for count, moment in enumerate(rest.after, start=1)}
    fewer = " ".join(f"WHEN {count} THEN :after_{count}" for count in range(1, len(after)))
    values = after | {"after": to_ms(rest.after[-1]), "until": to_ms(rest.until)}
    resting = query("resting_tracks", when_misses=fewer).text
    return f"AND t.track_key NOT IN ({resting})", values | {"sources": sources, "count": len(sources)}
