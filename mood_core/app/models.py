"""The use cases about models: build data sets, read features for predictions, measure drift, check training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mood_core.app.labelling import Labelling, Progress, silent
from mood_core.store.locks.named_locks import NamedLock

if TYPE_CHECKING:
    import pyarrow as pa

    from mood_core.classifier.drift import DriftReport
    from mood_core.usecases.models.build_dataset import DatasetReport, Playlist
    from mood_core.usecases.models.check_training import TrainingCheck
    from mood_core.usecases.models.predict_tracks import TrackFeatures


class Models(Labelling):
    """The use cases about models. See :class:`~mood_core.app.workspace.Workspace`."""

    def build_dataset(
        self, playlists: Sequence[Playlist], user: str | None = None, *, progress: Progress = silent
    ) -> tuple[pa.Table, DatasetReport]:
        """Collect the tracks of ``playlists``, read by the account ``user``, with their features.

        Raises:
            InputError: There is no such account.
            SourceError: Spotify refuses a playlist.
            Unavailable: A feature source did not answer for all tracks; run it again later.
        """
        from mood_core.errors import InputError, Unavailable
        from mood_core.usecases.models.build_dataset import build_dataset
        from mood_core.usecases.people.manage_users import the_reader

        with self.lock(NamedLock.LABELS):
            table, report = build_dataset(
                playlists,
                self.spotify.for_user(the_reader(self.accounts, user)).playlist_items,
                self.feature_sources(),
                self.feature_rows,
                self.batches,
                now=self.now(),
                progress=progress,
            )
            self._quarantine(report.features)
        if report.features.stopped:
            stop = report.features.stopped[0]
            raise Unavailable(
                f"{stop.service} did not answer for all tracks ({stop.reason}), so no file was written; the features "
                "found so far are stored: run it again later",
                source=stop.service,
            )
        if not table.num_rows:
            outcomes = ", ".join(f"{outcome.value}: {count}" for outcome, count in sorted(report.outcomes.items()))
            raise InputError(
                f"no track of the playlists can be used ({outcomes or 'they are empty'}); no file was written. Give"
                " other playlists, or add a file of features with `moodlog catalog add`"
            )
        return table, report

    def features_of(self, track_ids: Sequence[str]) -> list[TrackFeatures]:
        """The features of ``track_ids``, stored or from the sources; nothing is stored.

        Raises:
            InputError: A catalogue file cannot be read.
        """
        from mood_core.usecases.models.predict_tracks import features_of

        return features_of(track_ids, self.feature_rows, self.feature_sources(), now=self.now())

    def measure_drift(self) -> DriftReport:
        """Measure the difference between the features of the newest tracks and the training data."""
        from mood_core.usecases.nightly.label_tracks import measure_drift

        return measure_drift(self.mood_rows, self.model_card)

    def check_training(
        self, data: Path, *, folds: int, repeats: int, seed: int, progress: Callable[[str, float], None] | None = None
    ) -> TrainingCheck:
        """Compare the current model with one trained on ``data``, by cross-validation.

        Raises:
            InputError: ``data`` cannot be read as labelled tracks.
            ModelError: The model cannot be loaded.
        """
        from mood_core.usecases.models.check_training import check_training
        from mood_core.usecases.models.promote_model import candidate

        current = candidate(self.classifier(), self.model_folder)
        return check_training(current, data, folds=folds, repeats=repeats, seed=seed, progress=progress)
