"""Names without a track or an ISRC, and the stored results of resolvers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from mood_core.domain.feature_misses import PastMiss
from mood_core.domain.play_lengths import UNKNOWN_LENGTH, KnownLength, length_of_longest
from mood_core.domain.records import from_ms
from mood_core.domain.track_names import plain_artist, plain_title
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


class Unresolved(NamedTuple):
    """A name to look up: artists as "A, B", title, and the id of the track without an ISRC; None for a pending play.

    Also what is known of the recording's duration, and for plays of ListenBrainz MusicBrainz' id of the recording.
    """

    artists: str
    title: str
    track_id: str | None
    recording_mbid: str | None = None
    length: KnownLength = UNKNOWN_LENGTH


class ResolutionRows:
    """The resolutions in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unresolved(self) -> list[Unresolved]:
        """The names to look up, the most heard first."""
        return [
            Unresolved(row.artists, row.title, row.track_id, row.recording_mbid, _length(row))
            for row in self._database.rows(query("names_to_resolve"))
        ]

    def past(self, artists: Sequence[str]) -> dict[tuple[tuple[str, str], str], PastMiss]:
        """The stored results by ((artist, title), resolver) for normalised ``artists``; the reason is the outcome."""
        return {
            ((row.artist, row.title), row.resolved_by): PastMiss(row.outcome, from_ms(row.resolved_at_ms), row.misses)
            for row in self._database.rows(query("past_resolutions"), {"artists": artists})
        }


def names_of_tracks(connection: Connection, names: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the normalised (artist, title) ``names`` that stored tracks have: these say nothing of a person."""
    titles = {title for _, title in names}
    found = set()
    for row in connection.execute(query("track_names")) if names else ():
        title = plain_title(row.name)
        if title in titles:
            found.add((plain_artist(main_artist(row.artists)), title))
    return found.intersection(names)


def looked_up(connection: Connection, artists: Collection[str]) -> set[tuple[str, str]]:
    """The (artist, title) of stored results of resolvers, for normalised ``artists``."""
    rows = connection.execute(query("past_resolutions"), {"artists": sorted(artists)}) if artists else ()
    return {(row.artist, row.title) for row in rows}


def main_artist(artists: str) -> str:
    """The first of "A, B"."""
    return artists.partition(", ")[0]


def _length(row: Row[Any]) -> KnownLength:
    if row.duration_ms is not None:
        return KnownLength(row.duration_ms)
    return length_of_longest(row.longest_ms, row.repeated_ms)
