"""The person's own files of features as a feature source: looked up on this machine, at no call.

The first file listed that holds usable values for a track wins. The source of what is found says which file it was:
``catalog:<file name>``.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from mood_core.domain.feature_misses import UNKNOWN, UNUSABLE
from mood_core.domain.records import AudioFeatures, FeatureMiss
from mood_core.features.catalog.lookup import open_table
from mood_core.features.source import FetchResult
from mood_core.features.values import audio_features
from mood_core.tabular.files import SOURCE, find_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from mood_core.domain.records import Track
    from mood_core.features.catalog.lookup import LookupTable

BATCH_SIZE = 10_000

log = logging.getLogger(__name__)


class CatalogSource:
    """Audio features from Parquet and CSV files.

    Args:
        locations: files, folders and s3:// addresses; the first that knows a track wins.
        cache: the folder for what CSV files are converted into.
        progress: told (file, share done) while a file is converted, which happens once.
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
        """Check every file and convert what has to be, once; ``fetch`` does it where it has not been done.

        Raises:
            InputError: a file is not what it should be.
            ConfigError: the cache folder cannot be written.
            Unavailable: an object store did not answer.
        """
        if self._tables is None:
            self._tables = tuple(
                open_table(file, self._cache, self._progress_of(file.location)) for file in find_files(self._locations)
            )

    def cannot_ask(self, track: Track) -> str | None:  # noqa: ARG002 - every track has an id
        """None: every track has an id."""
        return None

    def question(self, track: Track) -> str:
        """The track's id."""
        return track.track_id

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """See :class:`~mood_core.features.source.FeatureSource`; any number of tracks at once."""
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
        tell = self._progress
        return (lambda _: None) if tell is None else (lambda share: tell(location, share))


def _look_up(
    table: LookupTable, wanted: Sequence[str], at: datetime, found: dict[str, AudioFeatures], known: set[str]
) -> None:
    """Add to ``found`` what ``table`` has of ``wanted``, and to ``known`` all it has rows of."""
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
        example = min(conflicts)
        log.warning(
            "%s: rows with different values for %d of the tracks, such as %s; the first usable one counts",
            table.name,
            len(conflicts),
            example,
        )
