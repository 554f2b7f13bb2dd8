"""What a service reports of a person's listens, and the protocols of its client for one account.

Spotify reports only a window of recent listens. ListenBrainz and Last.fm keep the whole history, so that gaps can be
filled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from mood_core.domain.records import Listen, ListenSource, Service, Track


class SkipReason(StrEnum):
    """Why an item is not a listen or not a track."""

    EPISODE = "episode"
    NO_TRACK = "no_track"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """A skipped item. ``position`` counts from 0 in the response; ``detail`` names the invalid field.

    ``at_s`` is its time, s since 1970, if it has one. ``row`` is the item itself, for the quarantine.
    """

    reason: SkipReason
    position: int
    detail: str = ""
    at_s: int | None = None
    row: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NamedPlay:
    """A play of which only artist and title are known. ``source`` decides whether it started or ended at ``at``.

    ``recording_mbid`` is MusicBrainz' id of the recording and ``duration_ms`` its duration, where a service has them.
    """

    user_id: str
    at: datetime
    artist: str
    title: str
    source: ListenSource
    ms_played: int | None = None
    recording_mbid: str | None = None
    duration_ms: int | None = None


AnyPlay = tuple[Listen | NamedPlay, Track]
"""A play and its track; a play by name has a stand-in track with its names, see :func:`track_of`."""


def play_time(play: Listen | NamedPlay) -> datetime:
    """The time that the source reports for ``play``."""
    return play.played_at if isinstance(play, Listen) else play.at


def track_of(play: NamedPlay) -> Track:
    """The stand-in track of a play by name; its id is not a track's."""
    return Track(f"\n{play.artist}\n{play.title}", play.title, (play.artist,))


@dataclass(frozen=True, slots=True)
class ListenWindow:
    """Consecutive listens of a person, as a service returned them.

    Attributes:
        listens: oldest first, each (played_at, track) once.
        tracks: the distinct tracks of ``listens``, ordered by first play.
        skipped: the items that are not listens, with their reasons.
        full: whether the response has the maximum number of items, so that older listens may be missing.
        oldest_at: the oldest time in the response, including skipped items; None if no item has one.
        named: plays without a known track, oldest first.
        next_before: for a history, the time before which the next page begins; None if no item has a time.
        history_starts_at: the oldest play of the whole history; None if the service does not report it.
        history_plays: the number of plays of the requested period; None if the service does not report it.
        other_names: ``tracks`` again under the other names that they have in the response.
    """

    listens: tuple[Listen, ...]
    tracks: tuple[Track, ...]
    skipped: tuple[SkippedItem, ...]
    full: bool
    oldest_at: datetime | None
    named: tuple[NamedPlay, ...] = ()
    next_before: datetime | None = None
    history_starts_at: datetime | None = None
    history_plays: int | None = None
    other_names: tuple[Track, ...] = ()

    @property
    def times(self) -> list[datetime]:
        """When its plays were played."""
        return [*(listen.played_at for listen in self.listens), *(play.at for play in self.named)]


class ListenClient(Protocol):
    """Client for the recent listens of one account."""

    def recently_played(self) -> ListenWindow:
        """The newest listens: all that Spotify reports, or the newest page of a history.

        Raises:
            SourceError: the service failed.
        """
        ...


@runtime_checkable
class HistoryClient(ListenClient, Protocol):
    """Client of a service that keeps the whole history of an account."""

    @property
    def service(self) -> Service:
        """The service."""
        ...

    def played_before(self, moment: datetime) -> ListenWindow:
        """The newest page of the listens before ``moment``; the next page begins before an earlier time.

        Raises like :meth:`recently_played`.
        """
        ...
