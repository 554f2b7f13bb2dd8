"""Fetches features and labels in shards of tracks, which several processes lease at the same time.

Nothing is fetched or labelled twice, even after a kill: a process writes only while it holds the lease of its shard,
and what a dead process has published or received is loaded before its tracks are free again. Sources are called up to
the first that looks up by ISRC: tracks in different shards can share one, so one process looks up all of them later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Literal

import pyarrow as pa

from mood_core.classifier import Classifier
from mood_core.classifier.label_rows import label_batches
from mood_core.classifier.model_card import ModelCard
from mood_core.domain.records import to_ms
from mood_core.features.fetch_report import FetchReport
from mood_core.features.source import FeatureSource, service_of
from mood_core.lake.schema import MOODS
from mood_core.store.locks.leases import Renewal
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.mood_rows import PAGE, MoodRows
from mood_core.store.queries.track_leases import TrackLeases
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses
from mood_core.usecases.nightly.fetch_features import callable_names, fetch_for
from mood_core.usecases.nightly.label_tracks import LabelReport

_ALWAYS_DUE = 2**53
"""Later than every time in the queue of tracks without features."""


@dataclass(frozen=True, slots=True)
class TrackShards:
    """The shards of tracks of one database; ``now`` is the clock, and a shard of features has ``size`` tracks."""

    rows: FeatureRows
    labels: MoodRows
    batches: Batches
    now: Callable[[], datetime]
    size: int

    @property
    def leases(self) -> TrackLeases:
        """The leases of tracks."""
        return TrackLeases(self.batches.database)

    def start_round(self, sources: Collection[FeatureSource], most: int, *, ask_again: bool = False) -> int:
        """Begin to look for tracks; returns the number of shards that wait, counted up to ``most``.

        Raises:
            StoreBusy: Another run is fetching or labelling.
        """
        now = self.now()
        with named_lock(self.batches.database, NamedLock.LABELS):
            CollectResponses(self.rows.pending, self.batches, now).publish()  # responses of an interrupted run
            self.leases.start_round()
            names = None if ask_again else callable_names(list(sources), self.rows, now)
            if names:
                self.rows.set_next_tries(names, now)
            due = to_ms(now) if names else _ALWAYS_DUE
            fetched = self.leases.waiting("_feature_queue", most * self.size, due)
            labelled = self.leases.waiting("_label_queue", most * PAGE, due)
        return max(-(-fetched // self.size), -(-labelled // PAGE))

    def fetch(
        self, sources: Collection[FeatureSource], *, skip: Collection[str] = (), ask_again: bool = False
    ) -> FetchReport | None:
        """Fetch the features of the next shard from ``sources``, without the services ``skip``; None without a shard.

        A source that looks up by ISRC, and those after it, are left to
        :func:`~mood_core.usecases.nightly.fetch_features.fetch_features`.

        Raises:
            LockLost: The lease was lost, because this process did not renew it for 10 minutes.
            StoreBusy: A run that needs all tracks is working.
        """
        now = self.now()
        by_id = takewhile(lambda source: not source.by_code, sources)
        called = [source for source in by_id if service_of(source.name) not in skip]
        if not called:
            return None
        with self._shared():
            self._recover(now)
            names = None if ask_again else callable_names(called, self.rows, now)
            due = to_ms(now) if names else _ALWAYS_DUE
            lease = self.leases.acquire("_feature_queue", now=now, most=self.size, due=due)
            if lease is None:
                return None
            renewal = Renewal(lambda: self.leases.renew(lease, self.now()))
            with self.leases.held(lease):
                tracks, parts = self.rows.of_lease(lease), (self.rows, self.batches)
                return fetch_for(
                    tracks,
                    called,
                    *parts,
                    now=now,
                    ask_again=ask_again,
                    alone=self._alone,
                    progress=lambda _done, _of: renewal(),
                )

    def label(self, classifier: Callable[[], Classifier], card: ModelCard) -> LabelReport | None:
        """Label the next shard; returns the numbers of labels, None without a shard.

        Only the current model, or the first one, has a queue: a new model labels everything in one process or on Spark.

        Raises:
            ModelError: The model is unusable.
            LockLost: The lease was lost, because this process did not renew it for 10 minutes.
            StoreBusy: A run that needs all tracks is working.
        """
        now, version = self.now(), card.model_version
        with self._shared():
            self._recover(now)
            if card.takes_estimated or not self.labels.has_queue(version):
                return None
            lease = self.leases.acquire("_label_queue", now=now, most=PAGE, due=_ALWAYS_DUE)
            if lease is None:
                return None
            report = LabelReport(version)
            with self.leases.held(lease):
                self.labels.recognise(version, card.weights_sha256)
                for features in self.labels.unlabelled(version, lease=lease):
                    rows = pa.Table.from_batches(label_batches(features.to_batches(), classifier(), labelled_at=now))
                    self.batches.add(MOODS, rows, now=now)
                    report.count(rows, features.num_rows)
        return report

    def others(self) -> Literal["work", "left", "none"]:
        """Whether another process works on a shard, or one has ended and left tracks, which are free now."""
        with self._shared():
            if self._recover(self.now()):
                return "left"
            return "work" if self.leases.any_held() else "none"

    def _recover(self, now: datetime) -> bool:
        """Free the tracks of dead processes, after everything that these have done is loaded; whether there are any."""
        lost = self.leases.find_lost(now)
        if not lost:
            return False
        self.batches.load_unloaded(now=now)
        CollectResponses(self.rows.pending, self.batches, now, self._alone).publish()
        self.leases.free(lost)  # not those that were lost in the meantime
        return True

    def _shared(self) -> AbstractContextManager[None]:
        return named_lock(self.batches.database, NamedLock.LABELS, shared=True)

    @property
    def _alone(self) -> Callable[[], AbstractContextManager[None]]:
        return partial(named_lock, self.batches.database, NamedLock.RESPONSES)
