"""The feature sources by their names in ``MOODLOG_FEATURE_SOURCES``.

A new source is one file in this package, one entry in :data:`SOURCES`, and its name in the setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mood_core.errors import ConfigError
from mood_core.features.catalog.source import CatalogSource
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.reccobeats.source import by_id, by_isrc
from mood_core.features.source import FeatureSource
from mood_core.features.spotify import AudioFeaturesCall, SpotifySource


@dataclass(frozen=True, slots=True)
class SourceParts:
    """Parts that sources are made of; a source without its part is not in the chain.

    Attributes:
        catalog: locations of the person's catalogue files.
        catalog_cache: folder for conversions of CSV files.
        catalog_progress: receives (file, fraction done) during a conversion.
        spotify: Spotify's endpoint, if an app is configured.
        reccobeats: ReccoBeats' client.
        need_durations: whether the model requires ``duration_ms``.
    """

    catalog: Sequence[str] = ()
    catalog_cache: Path | None = None
    catalog_progress: Callable[[str, float], None] | None = None
    spotify: AudioFeaturesCall | None = None
    reccobeats: ReccoBeatsClient | None = None
    need_durations: bool = False


def _catalog(parts: SourceParts) -> tuple[FeatureSource, ...]:
    if not parts.catalog or parts.catalog_cache is None:
        return ()
    return (CatalogSource(parts.catalog, parts.catalog_cache, parts.catalog_progress),)


def _spotify(parts: SourceParts) -> tuple[FeatureSource, ...]:
    return () if parts.spotify is None else (SpotifySource(parts.spotify),)


def _reccobeats(parts: SourceParts) -> tuple[FeatureSource, ...]:
    if parts.reccobeats is None:
        return ()
    return tuple(make(parts.reccobeats, need_durations=parts.need_durations) for make in (by_id, by_isrc))


SOURCES: Mapping[str, Callable[[SourceParts], tuple[FeatureSource, ...]]] = MappingProxyType(
    {"catalog": _catalog, "spotify": _spotify, "reccobeats": _reccobeats}
)
"""Factories of the sources; a name may have several steps."""


def build_sources(names: Sequence[str], parts: SourceParts) -> tuple[FeatureSource, ...]:
    """The chain of the sources ``names``, in order; duplicates count once.

    Raises:
        ConfigError: a name is not one of :data:`SOURCES`.
    """
    plain = list(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    unknown = [name for name in plain if name not in SOURCES]
    if unknown:
        raise ConfigError(
            f"MOODLOG_FEATURE_SOURCES contains {', '.join(unknown)}, which is not a feature source; "
            f"choose from {', '.join(SOURCES)}"
        )
    return tuple(source for name in plain for source in SOURCES[name](parts))
