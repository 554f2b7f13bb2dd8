"""The resolvers by their names in ``MOODLOG_RESOLVERS``.

A new resolver is one file in this package, one entry in :data:`RESOLVERS`, and its name in the setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mood_core.errors import ConfigError
from mood_core.http.json_service import JsonService
from mood_core.resolvers.deezer import DeezerResolver
from mood_core.resolvers.musicbrainz import MusicBrainzResolver
from mood_core.resolvers.resolver import TrackResolver
from mood_core.resolvers.spotify_search import SearchCall, SpotifyResolver

NONE = "none"
"""The word in ``MOODLOG_RESOLVERS`` for no resolver at all."""


@dataclass(frozen=True, slots=True)
class ResolverParts:
    """Parts that resolvers are made of; a resolver without its part is not in the chain.

    Attributes:
        spotify: Spotify's search, if an account is connected.
        deezer: Deezer's client.
        musicbrainz: MusicBrainz' client, if there is a contact for its User-Agent.
    """

    spotify: SearchCall | None
    deezer: JsonService
    musicbrainz: JsonService | None


RESOLVERS: Mapping[str, Callable[[ResolverParts], TrackResolver | None]] = MappingProxyType(
    {
        "spotify": lambda parts: None if parts.spotify is None else SpotifyResolver(parts.spotify),
        "deezer": lambda parts: DeezerResolver(parts.deezer),
        "musicbrainz": lambda parts: None if parts.musicbrainz is None else MusicBrainzResolver(parts.musicbrainz),
    }
)


def build_resolvers(names: Sequence[str], parts: ResolverParts) -> tuple[TrackResolver, ...]:
    """The chain of the resolvers ``names``, in order; duplicates count once.

    Raises:
        ConfigError: a name is not one of :data:`RESOLVERS`.
    """
    plain = list(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    unknown = [name for name in plain if name not in RESOLVERS and name != NONE]
    if unknown:
        raise ConfigError(
            f"MOODLOG_RESOLVERS contains {', '.join(unknown)}, which is not a resolver; "
            f"choose from {', '.join(RESOLVERS)}, or {NONE}"
        )
    made = (RESOLVERS[name](parts) for name in plain if name != NONE)
    return tuple(resolver for resolver in made if resolver is not None)
