"""Estimates the audio features of tracks from a folder of audio files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from mood_core.domain.records import AudioFeatures, Track
from mood_core.errors import SourceError
from mood_core.features.audio.analyser import AnalysisFailed, AudioAnalyser, source_name
from mood_core.features.audio.matching import TrackIndex, index_tracks
from mood_core.features.audio.tags import SUFFIXES, AudioTags, audio_files, read_tags
from mood_core.features.values import audio_features
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import ESTIMATED_FEATURES
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses

_MOST_PROBLEMS = 20


class FileOutcome(StrEnum):
    """What happened to a file."""

    ANALYSED = "analysed"
    STORED_BEFORE = "stored_before"
    EXACT_FEATURES = "exact_features"
    NO_TRACK = "no_track"
    NO_TAGS = "no_tags"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    NOT_AUDIO = "not_audio"


@dataclass(slots=True)
class AddReport:
    """The number of files by outcome, of tracks with new estimates, and the first problems as (file, reason).

    ``stopped`` is the reason why the analyser was not called for the rest.
    """

    outcomes: Counter[FileOutcome] = field(default_factory=Counter)
    tracks: int = 0
    problems: list[tuple[Path, str]] = field(default_factory=list)
    stopped: SourceError | None = None
    labelled: int = 0

    def problem(self, path: Path, reason: str) -> None:
        """Keep the reason of one of the first problems."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append((path, reason))


@dataclass(slots=True)
class AddAudio:
    """Analyses the files of a folder that belong to stored tracks without features.

    ``lock`` is held while a result is stored, and not during an analysis: a folder can take hours. Safe to rerun after
    a crash: each result is stored before the next analysis.
    """

    analyser: AudioAnalyser
    rows: FeatureRows
    batches: Batches
    lock: Callable[[], AbstractContextManager[None]]
    now: datetime
    report: AddReport = field(default_factory=AddReport)

    def run(self, folder: Path, progress: Callable[[int, int], None] = lambda _done, _of: None) -> AddReport:
        """Analyse every matching file in ``folder``, sorted by path.

        Raises:
            ConfigError: the analyser cannot be started.
            StoreError: The database or the lake fails.
        """
        responses = CollectResponses(self.rows.pending, self.batches, now=self.now)
        with self.lock():
            responses.publish()  # of an interrupted run
        tracks, exact, estimated = self.rows.tracks_for_audio()
        index, files = index_tracks(tracks, self.rows.lengths_of_plays()), list(audio_files(folder))
        for number, path in enumerate(files):
            progress(number, len(files))
            self.report.outcomes[self._file(path, index, exact, estimated, responses)] += 1
        progress(len(files), len(files))
        with self.lock():
            responses.publish()
        return self.report

    def _file(
        self, path: Path, index: TrackIndex, exact: set[str], estimated: set[str], responses: CollectResponses
    ) -> FileOutcome:
        if path.suffix.lower() not in SUFFIXES:
            return FileOutcome.NOT_AUDIO
        tags = read_tags(path)
        if tags is None:
            self.report.problem(path, "it cannot be read as audio")
            return FileOutcome.UNREADABLE
        found = index.matches(tags)
        wanting = [track for track in found if track.track_id not in exact | estimated]
        if not wanting:
            return _without_analysis(tags, found, exact)
        if self.report.stopped is not None:
            return FileOutcome.NOT_TRIED
        return self._analyse(path, tags, wanting, estimated, responses)

    def _analyse(
        self, path: Path, tags: AudioTags, tracks: Sequence[Track], estimated: set[str], responses: CollectResponses
    ) -> FileOutcome:
        try:
            analysis = self.analyser.analyse(path)
        except (AnalysisFailed, OSError) as error:
            self.report.problem(path, str(error))
            return FileOutcome.FAILED
        except SourceError as error:
            self.report.stopped = error
            return FileOutcome.NOT_TRIED
        source, values = source_name(analysis.analyser), analysis.values
        found = [
            audio_features(track.track_id, values, source=source, at=self.now, duration_ms=tags.duration_ms)
            for track in tracks
        ]
        features = [each for each in found if each is not None]
        if not features:
            self.report.problem(path, "the analyser did not give nine valid features")
            return FileOutcome.FAILED
        self._store(features, responses)
        estimated.update(each.track_id for each in features)
        return FileOutcome.ANALYSED

    def _store(self, features: Sequence[AudioFeatures], responses: CollectResponses) -> None:
        with self.lock():
            known = self.rows.stored([each.track_id for each in features])  # a person may be forgotten meanwhile
            features = [each for each in features if each.track_id in known]
            responses.keep_tables([(ESTIMATED_FEATURES, to_table(ESTIMATED_FEATURES, features))])
        self.report.tracks += len(features)


def _without_analysis(tags: AudioTags, found: Sequence[Track], exact: set[str]) -> FileOutcome:
    if found:
        is_exact = all(track.track_id in exact for track in found)
        return FileOutcome.EXACT_FEATURES if is_exact else FileOutcome.STORED_BEFORE
    has_tags = tags.isrc or (tags.title and tags.artists)
    return FileOutcome.NO_TRACK if has_tags else FileOutcome.NO_TAGS
