"""Labels in SQL: tracks without a label, and the current model, whose labels the views show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from mood_core.domain.records import ESTIMATED_PREFIX, FEATURES
from mood_core.errors import ModelCardMismatch
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import Query, query
from mood_core.store.queries.selection import Selection
from mood_core.store.queries.track_leases import TrackLease

if TYPE_CHECKING:
    import pyarrow as pa

_EVERYTHING = Selection()

PAGE = 50_000
"""The number of tracks in a table of :meth:`MoodRows.unlabelled`."""


class MoodRows:
    """Labels in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unlabelled(
        self,
        model_version: str,
        selection: Selection = _EVERYTHING,
        *,
        estimated: bool = False,
        lease: TrackLease | None = None,
    ) -> Iterator[pa.Table]:
        """Stored features of selected tracks without a label by ``model_version``, in tables of up to 50,000 rows.

        ``estimated``: the estimated features of tracks that have no exact ones; otherwise the exact features alone.
        ``lease``: only the tracks of this lease.

        Columns: ``track_id``, the ten features (float64, ``duration_ms`` nullable) and ``feature_source``. Nine
        features are from that source; the duration is from it too or, if it has none, from the track.
        """
        import pyarrow as pa

        statement, values = self._unlabelled(
            "unlabelled_tracks", model_version, selection, estimated=estimated, lease=lease
        )
        after = -1
        while True:
            rows = self._database.rows(statement, values | {"after": after, "page": PAGE})
            if not rows:
                return
            after = rows[-1].track_key
            columns = dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True))
            kinds = {name: pa.float64() for name in FEATURES} | {"track_id": pa.string(), "feature_source": pa.string()}
            yield pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})

    def count_unlabelled(
        self, model_version: str, selection: Selection = _EVERYTHING, *, estimated: bool = False
    ) -> int:
        """The number of selected tracks with features and without a label by ``model_version``."""
        statement, values = self._unlabelled("count_unlabelled_tracks", model_version, selection, estimated=estimated)
        return int(self._database.scalar(statement, values))

    def _unlabelled(
        self,
        name: str,
        model_version: str,
        selection: Selection,
        *,
        estimated: bool,
        lease: TrackLease | None = None,
    ) -> tuple[Query, dict[str, object]]:
        """The statement ``name`` and its parameters; only the current model has a queue."""
        parts, values = selection.tracks()
        options, table = (["estimated"], "estimated_features") if estimated else ([], "audio_features")
        if lease or self.has_queue(model_version, estimated=estimated):
            options.append("queued")
        if lease:
            options.append("leased")
            values["lease"] = lease.number
        return query(name, *options, table=table, **parts), values | {"version": model_version}

    def has_queue(self, model_version: str, *, estimated: bool = False) -> bool:
        """Whether the queue has the tracks without a label by ``model_version``, the current model or the first."""
        return self.current_version(estimated=estimated) in (None, model_version)

    def has_estimates(self) -> bool:
        """Whether any track has estimated features."""
        return self._database.scalar(query("has_estimates")) is not None

    def newest_features(self, limit: int) -> pa.Table:
        """The ten features of the ``limit`` tracks whose features were fetched last, as in :meth:`unlabelled`."""
        import pyarrow as pa

        rows = self._database.rows(query("newest_features"), {"limit": limit})
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(FEATURES)
        return pa.table({name: pa.array(column, pa.float64()) for name, column in zip(FEATURES, columns, strict=True)})

    def current_version(self, *, estimated: bool = False) -> str | None:
        """The current model version for exact or ``estimated`` features; None before the first label."""
        return current_version(self._database, estimated=estimated)

    def set_current(self, model_version: str) -> None:
        """Make ``model_version`` the current model of its class of features: the views show its labels at once."""
        from mood_core.store.loading.daily import recount_everything
        from mood_core.store.loading.totals import recount_stale

        with self._database.write() as connection:
            connection.execute(query("add_model"), {"id": model_version})
            connection.execute(query("hide_labels"), {"estimated": int(model_version.startswith(ESTIMATED_PREFIX))})
            connection.execute(query("show_labels"), {"id": model_version})
            recount_everything(connection)
            recount_stale(connection)

    def recognise(self, model_version: str, weights_sha256: str) -> None:
        """Record the weights of ``model_version``, or compare them with the recorded ones.

        Raises:
            ModelCardMismatch: The stored labels of this version come from other weights.
        """
        with self._database.write() as connection:
            connection.execute(query("add_model"), {"id": model_version})
            connection.execute(query("set_model_weights"), {"id": model_version, "weights": weights_sha256})
            stored = connection.scalar(query("model_weights"), {"id": model_version})
        if stored != weights_sha256:
            raise ModelCardMismatch(
                f"this database has labels by another model that is also called {model_version}; train yours with "
                "another --name or --model-version"
            )

    def agreement(self, old: str, new: str) -> dict[tuple[str, str], int]:
        """By (mood by ``old``, mood by ``new``): the number of tracks that both versions have labelled."""
        rows = self._database.rows(query("label_agreement"), {"old": old, "new": new})
        return {(row.old_mood, row.new_mood): row.tracks for row in rows}

    def moved_most(self, old: str, new: str, limit: int) -> list[dict[str, Any]]:
        """The tracks whose probabilities differ most; ``distance`` is half the sum of the differences, 0 to 1."""
        values = {"old": old, "new": new, "limit": limit}
        return [row._asdict() for row in self._database.rows(query("labels_that_moved_most"), values)]

    def drop_old(self) -> list[tuple[str, int]]:
        """Remove the labels of every version but the current one; returns each version with its number of labels."""
        with self._database.write() as connection:
            dropped = [(row.model_version, row.labels) for row in connection.execute(query("old_labels"))]
            if connection.scalar(query("current_model")) is None:
                return []
            connection.execute(query("remove_old_labels"))
            connection.execute(query("remove_old_models"))
        return dropped


def current_version(source: Database | Connection, *, estimated: bool = False) -> str | None:
    """The current model version for exact or ``estimated`` features; None before the first label."""
    version: str | None = source.scalar(query("current_version"), {"estimated": int(estimated)})
    return version
