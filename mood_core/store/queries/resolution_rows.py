"""Names without a track or an ISRC, and the stored answers of resolvers about names."""

from __future__ import annotations

from collections.abc import Sequence

from mood_core.domain.feature_misses import PastMiss
from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

Unresolved = tuple[str, str, str | None]
"""Artists as "A, B", title, and the id of the track without an ISRC; None for a pending play."""


class ResolutionRows:
    """The resolutions in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unresolved(self) -> list[Unresolved]:
        """The names to look up, the most heard first."""
        return [(row.artists, row.title, row.track_id) for row in self._database.rows(query("names_to_resolve"))]

    def past(self, artists: Sequence[str]) -> dict[tuple[tuple[str, str], str], PastMiss]:
        """The stored answers by ((artist, title), resolver) for normalised ``artists``; the reason is the outcome."""
        return {
            ((row.artist, row.title), row.resolved_by): PastMiss(row.outcome, from_ms(row.resolved_at_ms), row.misses)
            for row in self._database.rows(query("past_resolutions"), {"artists": artists})
        }
