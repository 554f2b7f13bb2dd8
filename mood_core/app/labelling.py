"""The use cases about labels: fetch and estimate features, look up names, label tracks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mood_core.app.sources import Sources
from mood_core.store.locks.named_locks import NamedLock
from mood_core.store.queries.selection import Selection

if TYPE_CHECKING:
    from mood_core.features.fetch_report import FetchReport
    from mood_core.resolvers.chain import ResolveReport
    from mood_core.usecases.answers.learn_heads import TrainedHead
    from mood_core.usecases.audio.add_audio import AddReport
    from mood_core.usecases.models.relabel import RelabelReport
    from mood_core.usecases.nightly.label_tracks import Labelled, LabelReport
    from mood_core.usecases.nightly.track_shards import TrackShards

Engine = Literal["local", "spark"]
"""What makes the labels."""

Progress = Callable[[int, int], None]
"""Called with the number of items done and their total."""

_EVERYTHING = Selection()


def silent(*_: object) -> None:
    """Show no progress."""


class Labelling(Sources):
    """The use cases about labels. See :class:`~mood_core.app.workspace.Workspace`."""

    def fetch_features(
        self,
        selection: Selection = _EVERYTHING,
        *,
        ask_again: bool = False,
        most_heard_first: bool = False,
        stopped_in_shards: Collection[str] | None = None,
        progress: Progress = silent,
    ) -> FetchReport:
        """Fetch the features of every selected track that has none; invalid responses are quarantined.

        After :meth:`fetch_shard`, ``stopped_in_shards`` are the services that stopped in it.

        Raises:
            InputError: A catalogue file cannot be read.
        """
        from mood_core.usecases.nightly.fetch_features import fetch_features

        with self.lock(NamedLock.LABELS):
            report = fetch_features(
                self.feature_sources(),
                self.feature_rows,
                self.batches,
                now=self.now(),
                selection=selection,
                ask_again=ask_again,
                most_heard_first=most_heard_first,
                stopped_in_shards=stopped_in_shards,
                progress=progress,
            )
            self._quarantine(report)
        return report

    @property
    def track_shards(self) -> TrackShards:
        """Features and labels in shards of tracks, for several processes at once."""
        from mood_core.usecases.nightly.track_shards import TrackShards

        size = self.settings.tracks_in_shard
        return TrackShards(self.feature_rows, self.mood_rows, self.batches, self.now, size)

    def fetch_shard(self, *, skip: Collection[str] = (), ask_again: bool = False) -> FetchReport | None:
        """Fetch the features of the next shard, without the services ``skip``; None without a shard.

        Raises:
            InputError: A catalogue file cannot be read.
        """
        report = self.track_shards.fetch(self.feature_sources(), skip=skip, ask_again=ask_again)
        if report is not None:
            self._quarantine(report)
        return report

    def _quarantine(self, report: FetchReport) -> None:
        from mood_core.usecases.quarantine import quarantine_responses

        quarantine_responses(report.quarantined, self.settings.quarantine, now=self.now())

    def resolve_names(self, *, slices: int | None = None, stop: Callable[[], bool] = lambda: False) -> ResolveReport:
        """Look up the names of pending plays, and of tracks without ISRC and features, the most heard first.

        ``slices`` limits the names, to so many times 250.

        Raises:
            StoreError: The database or the lake fails.
        """
        from mood_core.resolvers.chain import ResolveReport
        from mood_core.store.queries.resolution_rows import ResolutionRows
        from mood_core.usecases.nightly.resolve_names import names_to_resolve, resolve_slice

        report, resolvers, rows = ResolveReport(), self.resolvers(), ResolutionRows(self.database)
        for wanted in islice(names_to_resolve(rows, self.feature_rows), slices) if resolvers else ():
            if stop() or all(resolver.name in report.stopped for resolver in resolvers):
                break
            parts = resolvers, rows, self.feature_rows, self.batches, report
            with self.lock(NamedLock.LABELS):
                resolve_slice(wanted, *parts, now=self.now(), stop=stop)
        if report.asked["spotify"] or "spotify" in report.stopped:
            budget = self.settings.spotify_daily_budget
            report.budget_left = max(0, budget - self.calls.last_day().get("search", 0)) if budget else None
        return report

    def label(
        self, selection: Selection = _EVERYTHING, *, in_shards: LabelReport | None = None, progress: Progress = silent
    ) -> LabelReport:
        """Label every selected track that has features and no label of the current model.

        Tracks with estimated features are labelled by the model for these; the report counts them as ``estimated``.
        It includes the labels that this run has made ``in_shards`` before.

        Raises:
            ModelError: The model cannot be loaded.
        """
        from mood_core.store.loading.keep_up import keep_up
        from mood_core.usecases.nightly.label_tracks import label_tracks

        parts = self.classifier, self.model_card, self.mood_rows, self.batches
        with self.lock(NamedLock.LABELS):
            report = label_tracks(*parts, now=self.now(), selection=selection, in_shards=in_shards, progress=progress)
            report.estimated = self._label_estimated(selection)
            report.learned = self._learn()
        keep_up(self.database)
        return report

    def _learn(self) -> list[TrainedHead]:
        """Train the personal heads that are due, if the labels of the current model are shown. Needs the lock."""
        from mood_core.usecases.answers.learn_heads import learn_heads

        if self.mood_rows.current_version() != self.model_card.model_version:
            return []
        return learn_heads(self.model_card, self.answer_rows, self.batches, now=self.now())

    def _label_estimated(self, selection: Selection = _EVERYTHING) -> int:
        """Label the selected tracks that have estimated features alone; returns their number. Needs the lock."""
        from mood_core.usecases.nightly.label_tracks import label_tracks

        if not self.mood_rows.has_estimates():
            return 0
        parts = self.estimated_classifier, self.estimated_card, self.mood_rows, self.batches
        return label_tracks(*parts, now=self.now(), selection=selection).labelled

    def add_audio(self, folder: Path, analyser: str, *, progress: Progress = silent) -> AddReport:
        """Estimate the features of tracks from the audio files in ``folder``, and label these tracks.

        Raises:
            ConfigError: The ``analyser`` (``program`` or ``reccobeats``) cannot be started.
            ModelError: The model for estimated features cannot be loaded.
        """
        from mood_core.usecases.audio.add_audio import AddAudio

        lock = partial(self.lock, NamedLock.LABELS)
        add = AddAudio(self.audio_analyser(analyser), self.feature_rows, self.batches, lock, self.now())
        report = add.run(folder, progress)
        with lock():
            self.batches.finish(now=self.now())  # counts the stale totals
        report.labelled = self.label().estimated
        return report

    def relabel(
        self, *, drop_old: bool = False, engine: Engine = "local", progress: Progress = silent
    ) -> RelabelReport:
        """Label every known track again with the current model; ``drop_old`` deletes the labels of other versions.

        The ``engine`` makes the labels: this process, or ``spark`` on the cluster of the settings. The rules are the
        same, and this process writes them.

        Raises:
            ConfigError: Spark is not installed, or its cluster cannot be reached.
            ModelError: The model cannot be loaded.
        """
        from mood_core.store.loading.keep_up import keep_up
        from mood_core.usecases.models.relabel import drop_old as drop_old_labels
        from mood_core.usecases.models.relabel import relabel

        parts = self.classifier, self.model_card, self.mood_rows, self.batches
        with self.lock(NamedLock.LABELS):
            labelled = self._labelled_by_spark if engine == "spark" else None
            report = relabel(*parts, now=self.now(), labelled=labelled, progress=progress)
            report.labels.estimated = self._label_estimated()
        if drop_old:
            report.dropped = drop_old_labels(self.mood_rows, self.lake, self.database)
        keep_up(self.database)
        return report

    def _labelled_by_spark(self) -> Labelled:
        from mood_core.spark.label import labelled_by_spark
        from mood_core.spark.session import check_installed

        check_installed()
        if not self.mood_rows.count_unlabelled(self.model_card.model_version):
            return iter(())  # sooner than Spark starts
        settings = self.settings
        model = self.model_folder, settings.runtime
        return labelled_by_spark(settings.spark_master, self.lake, self.database, *model, labelled_at=self.now())
