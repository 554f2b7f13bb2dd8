"""Spotify's search, in the name of a connected account: gives Spotify id, ISRC and duration."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mood_core.domain.records import Track
from mood_core.domain.track_names import searched_title
from mood_core.resolvers.resolver import WantedName

SearchCall = Callable[[str, str], Sequence[Track]]
"""``GET /search`` for (artist, title). Raises SourceError."""


class SpotifyResolver:
    """Searches by artist and title, one call for each name, within the daily budget."""

    name = "spotify"

    def __init__(self, call: SearchCall) -> None:
        self._call = call

    def search(self, wanted: WantedName) -> Sequence[Track]:
        """See :class:`~mood_core.resolvers.resolver.TrackResolver`."""
        return self._call(wanted.artist, searched_title(wanted.title))

    def complete(self, candidate: Track) -> Track | None:
        """See :class:`~mood_core.resolvers.resolver.TrackResolver`."""
        return candidate
