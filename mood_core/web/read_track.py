"""Reads one track as one person knows it: its label, the top factors of the label, and when it was heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import from_ms
from mood_core.errors import ModelError
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.numbers import number_columns
from mood_core.store.loading.time_zones import offsets_of
from mood_core.store.queries.accounts import Account
from mood_core.web.labels import TrackLabel, track_label

if TYPE_CHECKING:
    from mood_core.app.workspace import Workspace
    from mood_core.classifier import Classifier
    from mood_core.classifier.attribution import Attribution
    from mood_core.usecases.models.predict_tracks import TrackFeatures

_LATEST = 12


@dataclass(frozen=True, slots=True, eq=False)
class TrackView:
    """What the page of a track shows.

    ``label`` is the person's answer, otherwise the model's label. ``factors`` are about the model's mood.
    ``months`` has the listens of each month (YYYY-MM), ``latest`` local times.
    """

    label: TrackLabel
    model_mood: str | None
    album: str | None
    release_date: str | None
    model_version: str | None
    feature_source: str | None
    out_of_distribution: bool
    factors: list[Attribution]
    months: dict[str, int]
    latest: list[datetime]

    @property
    def spotify(self) -> str | None:
        """The address of the track in Spotify; None for a local file."""
        id_ = self.label.track_id
        is_spotify = len(id_) == 22 and id_.isascii() and id_.isalnum()
        return f"https://open.spotify.com/track/{id_}" if is_spotify else None


class TrackReader:
    """Reads tracks. The models are loaded once, and used by one thread at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._models: dict[bool, Classifier] = {}
        self._lock = Lock()

    def read(self, account: Account, track_id: str) -> TrackView | None:
        """The track as ``account`` knows it; None if this person has not played it.

        Raises:
            StoreError: The database cannot be read.
        """
        values = {"user": account.user_id, "track": track_id}
        with self._workspace.reading.read() as connection:
            (times,) = number_columns(connection, query("web_track_listens"), values)
            months = _months(connection, account.timezone, times)
            row = connection.execute(query("web_track"), values).one_or_none()
        if row is None or not len(times):
            return None
        zone = ZoneInfo(account.timezone)
        return TrackView(
            track_label(row, len(times)),
            row.model_mood,
            row.album,
            row.release_date,
            row.model_version,
            row.feature_source,
            bool(row.out_of_distribution),
            self._factors(row),
            months,
            [from_ms(at).astimezone(zone) for at in np.sort(times)[: -_LATEST - 1 : -1].tolist()],
        )

    def _factors(self, row: Any) -> list[Attribution]:
        """The features by their weight for the label; empty if the label is from another model than the current one."""
        from mood_core.classifier.attribution import attribute
        from mood_core.tabular.feature_matrix import feature_matrix
        from mood_core.usecases.models.predict_tracks import as_table

        if row.model_mood is None:
            return []
        features = self._stored(row.track_id)
        try:
            with self._lock:
                model = self._model(estimated=features.estimated)
                if features.features is None or model.model_version != row.model_version:
                    return []
                return attribute(model, feature_matrix(as_table([features])))[0]
        except ModelError:
            return []

    def _stored(self, track_id: str) -> TrackFeatures:
        """The stored features of a track; no source is called."""
        from mood_core.usecases.models.predict_tracks import TrackFeatures

        track, exact, source = self._workspace.feature_rows.stored([track_id])[track_id]
        estimates = {} if exact else self._workspace.feature_rows.stored_estimates([track_id])
        if track_id in estimates:
            return TrackFeatures(track, *estimates[track_id], estimated=True)
        return TrackFeatures(track, exact, source)

    def _model(self, *, estimated: bool) -> Classifier:
        if estimated not in self._models:
            space = self._workspace
            self._models[estimated] = space.estimated_classifier() if estimated else space.classifier()
        return self._models[estimated]


def _months(connection: Connection, timezone: str, times: NDArray[np.int64]) -> dict[str, int]:
    """The number of ``times`` [ms] in each local month (YYYY-MM)."""
    seconds = times // 1000
    local = (seconds + offsets_of(connection, timezone, seconds)).astype("datetime64[s]").astype("datetime64[M]")
    months, counts = np.unique(local, return_counts=True)
    return dict(zip(months.astype(str).tolist(), counts.tolist(), strict=True))
