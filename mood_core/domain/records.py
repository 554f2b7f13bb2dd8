"""moodlog's records as frozen dataclasses.

All times are aware UTC ``datetime`` values with millisecond precision. Numbers have Spotify's names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MOODS = ("Calm", "Energetic", "Happy", "Sad")
"""The moods in alphabetical order, as in every probability vector, model card and SQL column list."""

UNLABELLED = "Unlabelled"
"""The name under which listens without a mood are counted."""

ALL_MOODS = (*MOODS, UNLABELLED)
"""What listens are counted by: the moods, and last :data:`UNLABELLED`."""

FEATURES = (
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "liveness",
    "loudness",
    "speechiness",
    "tempo",
    "valence",
    "duration_ms",
)
"""The audio features in the order of every matrix. 0–1 except loudness [dB], tempo [BPM] and duration_ms [ms]."""


ESTIMATED_PREFIX = "estimated-"
"""Names of models for estimated features start with it, so that a model version alone says which features it takes."""


class ListenSource(StrEnum):
    """The source of a listen."""

    RECENTLY_PLAYED = "recently_played"
    EXTENDED_HISTORY = "extended_history"
    ACCOUNT_DATA = "account_data"
    LISTENBRAINZ = "listenbrainz"
    LASTFM = "lastfm"


class Service(StrEnum):
    """The service that an account is pulled from."""

    SPOTIFY = "spotify"
    LISTENBRAINZ = "listenbrainz"
    LASTFM = "lastfm"


SERVICE_NAMES: dict[str, str] = {
    Service.SPOTIFY: "Spotify",
    Service.LISTENBRAINZ: "ListenBrainz",
    Service.LASTFM: "Last.fm",
}
"""The services' own names, for messages."""


class TrackKind(StrEnum):
    """Kind of the played item; only a ``TRACK`` can have audio features."""

    TRACK = "track"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class User:
    """A person who connected an account. ``user_id`` is Spotify's stable account id, ``timezone`` an IANA name."""

    user_id: str
    display_name: str
    timezone: str
    connected_at: datetime


@dataclass(frozen=True, slots=True)
class Track:
    """A recording. ``track_id`` is Spotify's id (22 characters) or, for a local file, its ``spotify:local:`` URI."""

    track_id: str
    name: str
    artists: tuple[str, ...]
    album: str | None = None
    duration_ms: int | None = None
    isrc: str | None = None
    release_date: str | None = None
    kind: TrackKind = TrackKind.TRACK


@dataclass(frozen=True, slots=True)
class TrackName:
    """A name of a track; ``artist`` may be several, joined by commas."""

    track_id: str
    artist: str
    title: str


@dataclass(frozen=True, slots=True)
class Listen:
    """One play of one track by one person. The natural key is (user_id, played_at, track_id)."""

    user_id: str
    played_at: datetime
    track_id: str
    source: ListenSource
    ms_played: int | None = None


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    """A track's audio features, all from one ``source``; ``duration_ms`` may be unknown."""

    track_id: str
    acousticness: float
    danceability: float
    energy: float
    instrumentalness: float
    liveness: float
    loudness: float
    speechiness: float
    tempo: float
    valence: float
    source: str
    fetched_at: datetime
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FeatureMiss:
    """A source had no usable features of a track at ``missed_at``."""

    track_id: str
    source: str
    reason: str
    missed_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Listens may be missing between ``starts_at`` and ``ends_at`` (exclusive: listens at both times are stored).

    ``filled_at`` is set once an import covers the gap.
    """

    user_id: str
    starts_at: datetime
    ends_at: datetime
    found_at: datetime
    filled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An account's encrypted token; ``version`` increases with every write. ``service`` accepts it."""

    ciphertext: bytes
    version: int
    service: Service = Service.SPOTIFY


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z of an aware ``time``, rounded down."""
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    delta = time - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC time of ``milliseconds`` since 1970-01-01T00:00Z."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
