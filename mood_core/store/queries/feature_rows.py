"""Audio features in SQL: which tracks want them, which were missed, and who refuses to give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import text

from mood_core.domain.records import FEATURES, Track, TrackKind, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.pending_answers import PendingAnswers
from mood_core.store.queries.selection import Selection

_EVERYTHING = Selection()

_WANTING = """
SELECT t.track_id, t.name, t.artists, t.album, t.duration_ms, t.isrc, t.release_date, t.kind
FROM tracks AS t
LEFT JOIN audio_features AS f ON f.track_key = t.track_key
WHERE f.track_key IS NULL AND {selected} AND {awake}
ORDER BY {order}
"""
# A track rests that can never have features, and one about which each source has just been asked in vain or cannot be.
_AWAKE = """t.track_key NOT IN (
    SELECT m.track_key FROM feature_misses AS m
    INNER JOIN sources AS s ON s.source_key = m.source_key
    INNER JOIN tracks AS r ON r.track_key = m.track_key
    WHERE s.source = 'any' AND (r.kind <> 'track' OR r.track_id LIKE '%:%')
) AND t.track_key NOT IN (
    SELECT m.track_key FROM feature_misses AS m
    INNER JOIN sources AS s ON s.source_key = m.source_key
    INNER JOIN tracks AS r ON r.track_key = m.track_key
    WHERE s.source IN ({names}) AND CASE m.reason
        WHEN 'no_isrc' THEN r.isrc IS NULL
        WHEN 'not_a_track' THEN 1 = 0
        ELSE m.last_missed_at_ms > CASE {after} END AND m.last_missed_at_ms <= :until
    END
    GROUP BY m.track_key HAVING count(*) = {count}
)"""
_MOST_HEARD = "(SELECT count(*) FROM listens AS l WHERE l.track_key = t.track_key) DESC, t.track_key"


@dataclass(frozen=True, slots=True)
class RememberedMiss:
    """How often a source had nothing for a track, why, and when the last time was."""

    reason: str
    missed_at: datetime
    count: int


class Rest(Protocol):
    """Misses too fresh to ask again: dated after the date for their count (the last one for more) and up to a day."""

    @property
    def after(self) -> Sequence[datetime]: ...  # noqa: D102 - described in the class
    @property
    def until(self) -> datetime: ...  # noqa: D102


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
        order = _MOST_HEARD if most_heard_first else "t.track_key"
        selected, values = selection.tracks("t.track_key")
        awake, more = _awake(*resting) if resting else ("1 = 1", {})
        values |= more
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
                for row in connection.execute(
                    text(_WANTING.format(selected=selected, awake=awake, order=order)), values
                )
            ]

    def remembered(self, track_ids: Sequence[str]) -> Mapping[tuple[str, str], RememberedMiss]:
        """The remembered misses of ``track_ids`` by (track id, source name)."""
        with self._database.read() as connection:
            rows = connection.execute(query("feature_misses"), {"ids": track_ids})
            return {
                (row.track_id, row.source): RememberedMiss(row.reason, from_ms(row.last_missed_at_ms), row.misses)
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
    """The condition that a track does not rest, and its parameters."""
    names: dict[str, object] = {f"source_{index}": name for index, name in enumerate(sources)}
    after: dict[str, object] = {f"after_{index}": to_ms(moment) for index, moment in enumerate(rest.after, start=1)}
    more = len(after)
    fewer = [f"WHEN m.misses = {count} THEN :after_{count}" for count in range(1, more)]
    condition = _AWAKE.format(
        count=len(names),
        names=", ".join(f":{name}" for name in names),
        after=" ".join([*fewer, f"ELSE :after_{more}"]),
    )
    return condition, names | after | {"until": to_ms(rest.until)}
