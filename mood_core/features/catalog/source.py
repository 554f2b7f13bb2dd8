"""The person's catalogue files as a feature source, without calls to a service.

The first listed file with usable values for a track wins. The source name of the features contains the file:
``catalog:<file name>``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from mood_core.domain.feature_misses import OTHER_DURATION, UNKNOWN, UNUSABLE
from mood_core.domain.recordings import durations_agree, normalised_isrc, release_date_of
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
        search = _Search(tracks, at)
        for table in self._tables or ():
            search.by_id(table)
        for table in self._tables or ():
            search.by_isrc(table)
        return search.result()

    def _progress_of(self, location: str) -> Callable[[float], None]:
        progress = self._progress
        return (lambda _: None) if progress is None else (lambda share: progress(location, share))


class _Search:
    """Searches the tables for ``tracks``; the first usable row counts, by id before ISRC."""

    def __init__(self, tracks: Sequence[Track], at: datetime) -> None:
        self._tracks = tracks
        self._at = at
        self._found: dict[str, AudioFeatures] = {}
        self._reasons: dict[str, str] = {}
        self._learned: dict[str, Track] = {}

    def by_id(self, table: LookupTable) -> None:
        """Search ``table`` for the ids of the tracks that were not found yet."""
        wanted = {track.track_id: [track] for track in self._wanted()}
        if wanted:
            self._add(table, table.rows(list(wanted)), wanted)

    def by_isrc(self, table: LookupTable) -> None:
        """Search ``table`` for the ISRCs of the tracks that were not found yet; their durations must agree."""
        wanted: dict[str, list[Track]] = {}
        for track in self._wanted():
            if (isrc := normalised_isrc(track.isrc)) is not None:
                wanted.setdefault(isrc, []).append(track)
        self._add(table, table.rows_by_isrc(list(wanted)), wanted, compare_durations=True)

    def result(self) -> FetchResult:
        """The features and the misses, in the order of the tracks."""
        ids = [track.track_id for track in self._tracks]
        misses = (
            FeatureMiss(each, SOURCE, self._reasons.get(each, UNKNOWN), self._at)
            for each in ids
            if each not in self._found
        )
        found = tuple(self._found[each] for each in ids if each in self._found)
        return FetchResult(found, tuple(misses), tuple(self._learned.values()))

    def _wanted(self) -> list[Track]:
        return [track for track in self._tracks if track.track_id not in self._found]

    def _add(
        self,
        table: LookupTable,
        rows: Iterable[tuple[str, Mapping[str, object]]],
        wanted: Mapping[str, Sequence[Track]],
        *,
        compare_durations: bool = False,
    ) -> None:
        conflicts: set[str] = set()
        for key, values in rows:
            for track in wanted.get(key, ()):
                features = audio_features(
                    track.track_id,
                    values,
                    source=f"{SOURCE}:{table.name}",
                    at=self._at,
                    duration_ms=values.get("duration_ms"),
                )
                if features is None:
                    self._reasons[track.track_id] = UNUSABLE
                elif compare_durations and not durations_agree(track.duration_ms, features.duration_ms):
                    self._reasons.setdefault(track.track_id, OTHER_DURATION)
                elif track.track_id not in self._found:
                    self._found[track.track_id] = features
                    self._learn(track, values)
                elif self._found[track.track_id] != features:
                    conflicts.add(track.track_id)
        if conflicts:
            message = "%s: rows with different values for %d of the tracks, such as %s; the first usable row counts"
            log.warning(message, table.name, len(conflicts), min(conflicts))

    def _learn(self, track: Track, values: Mapping[str, object]) -> None:
        released = release_date_of(values.get("release_date"))
        if released is not None and track.release_date is None:
            self._learned[track.track_id] = replace(track, release_date=released)
