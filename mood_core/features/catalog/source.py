"""The person's catalogue files as a feature source, without calls to a service.

The first listed file with usable values for a track wins. The source name of the features contains the file:
``catalog:<file name>``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from mood_core.domain.feature_misses import UNKNOWN, UNUSABLE
from mood_core.domain.records import AudioFeatures, FeatureMiss, Track
from mood_core.features.catalog.lookup import LookupTable, open_table
from mood_core.features.source import FeatureSource, FetchResult
from mood_core.features.values import audio_features
from mood_core.tabular.files import SOURCE, find_files

BATCH_SIZE = 10_000

log = logging.getLogger(__name__)


class CatalogSource(FeatureSource):
    """Audio features from Parquet and CSV files.

    Args:
        locations: files, folders and s3:// addresses, in priority order.
        cache: the folder for conversions of CSV files.
        progress: receives (file, fraction done) while a file is converted, which happens once.
    """

    name = SOURCE
    batch_size = BATCH_SIZE
    remote = False
    denied_for = timedelta(0)

    def __init__(
        self, locations: Sequence[str], cache: Path, progress: Callable[[str, float], None] | None = None
    ) -> None:
        self._locations = tuple(locations)
        self._cache = cache
        self._progress = progress
        self._tables: tuple[LookupTable, ...] | None = None

    def prepare(self) -> None:
        """Check every file and convert CSV files, once; ``fetch`` calls it if needed.

        Raises:
            InputError: a file is invalid.
            ConfigError: the cache folder cannot be written.
            Unavailable: an object store did not respond.
        """
        if self._tables is None:
            self._tables = tuple(
                open_table(file, self._cache, self._progress_of(file.location)) for file in find_files(self._locations)
            )

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """See :class:`~mood_core.features.source.FeatureSource`; accepts any number of tracks."""
        self.prepare()
        found: dict[str, AudioFeatures] = {}
        known: set[str] = set()
        for table in self._tables or ():
            wanted = [track.track_id for track in tracks if track.track_id not in found]
            if wanted:
                _look_up(table, wanted, at, found, known)
        misses = tuple(
            FeatureMiss(track.track_id, SOURCE, UNUSABLE if track.track_id in known else UNKNOWN, at)
            for track in tracks
            if track.track_id not in found
        )
        return FetchResult(tuple(found[track.track_id] for track in tracks if track.track_id in found), misses)

    def _progress_of(self, location: str) -> Callable[[float], None]:
        progress = self._progress
        return (lambda _: None) if progress is None else (lambda share: progress(location, share))


def _look_up(
    table: LookupTable, wanted: Sequence[str], at: datetime, found: dict[str, AudioFeatures], known: set[str]
) -> None:
    """Add the usable rows of ``wanted`` in ``table`` to ``found``, and all its track ids to ``known``."""
    conflicts: set[str] = set()
    for track_id, values in table.rows(wanted):
        known.add(track_id)
        features = audio_features(
            track_id, values, source=f"{SOURCE}:{table.name}", at=at, duration_ms=values.get("duration_ms")
        )
        if features is None:
            continue
        if found.setdefault(track_id, features) != features:
            conflicts.add(track_id)
    if conflicts:
        message = "%s: rows with different values for %d of the tracks, such as %s; the first usable row counts"
        log.warning(message, table.name, len(conflicts), min(conflicts))
