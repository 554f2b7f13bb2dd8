"""Protocols of a feature source and of the record of denied services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mood_core.domain.records import AudioFeatures, FeatureMiss, Track


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The result of one batch: every track is exactly once in ``found`` or in ``misses``.

    ``learned`` has those tracks whose ISRC, duration or release date was not known before, with it.
    """

    found: tuple[AudioFeatures, ...] = ()
    misses: tuple[FeatureMiss, ...] = ()
    learned: tuple[Track, ...] = ()


class FeatureSource(Protocol):
    """A source of audio features; inherit from it for the defaults.

    Attributes:
        name: ``service`` or ``service:step``. A stopped service stops all its steps; misses are stored by name.
        batch_size: maximum number of distinct lookup keys per ``fetch``.
        remote: whether lookups cost calls. Feature misses of a remote source are stored and retried later; a local
            source is called every time, so that a new file is used at once.
        denied_for: how long "access denied" is believed before a retry; zero if it is a temporary problem.
        by_code: whether tracks are looked up by ISRC, which other tracks can share; by default not.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described in the class
    @property
    def batch_size(self) -> int: ...  # noqa: D102
    @property
    def remote(self) -> bool: ...  # noqa: D102
    @property
    def denied_for(self) -> timedelta: ...  # noqa: D102
    @property
    def by_code(self) -> bool:  # noqa: D102
        return False

    def skip_reason(self, track: Track) -> str | None:  # noqa: ARG002 - for sources that override it
        """Why this source cannot look up ``track`` (a reason of a feature miss), or None; by default None."""
        return None

    def lookup_key(self, track: Track) -> str:
        """The key of ``track`` in a lookup, by default its id. Releases of a recording may share a key."""
        return track.track_id

    def learn(self, tracks: Sequence[Track], at: datetime) -> FetchResult:  # noqa: ARG002
        """Look up the ISRCs of up to ``batch_size`` ``tracks``, for a source that looks up ``by_code``.

        Each track is in ``learned`` or in ``misses``. Raises what :meth:`fetch` raises.
        """
        return FetchResult()

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """Look up distinct ``tracks`` with up to ``batch_size`` keys; ``at`` (aware UTC) dates the result.

        Raises:
            SourceError: the source failed; nothing is known about these tracks.
            UnexpectedPayload: the response violates the contract and is not used.
            InputError: a catalogue file is invalid.
        """
        ...


class SourceAvailability(Protocol):
    """Services that deny access to this app, and since when."""

    def unavailable_since(self, source: str) -> datetime | None:
        """When ``source`` last denied access, or None."""
        ...

    def mark_unavailable(self, source: str, at: datetime, reason: str) -> None:
        """Record that ``source`` denied access at ``at``."""
        ...

    def mark_available(self, source: str) -> None:
        """Delete the record that ``source`` denied access."""
        ...


def service_of(source_name: str) -> str:
    """The service in a source's name: ``reccobeats`` for ``reccobeats:isrc``."""
    return source_name.partition(":")[0]
