"""Moods in SQL: which tracks want a label by a model, and which model's labels people see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from mood_core.domain.records import FEATURES
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

_EVERYTHING = Selection()

PAGE = 50_000
"""So many tracks :meth:`MoodRows.unlabelled` hands out at once."""


class MoodRows:
    """Labels in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unlabelled(self, model_version: str, selection: Selection = _EVERYTHING) -> Iterator[pa.Table]:
        """Stored features of selected tracks without a label by ``model_version``, in tables of up to 50,000 rows.

        Columns: ``track_id``, the ten features (float64, ``duration_ms`` nullable) and ``feature_source``. The nine
        features are of one source; the duration is that source's own or, where it gave none, the track's own.
        """
        import pyarrow as pa

        selected, values = selection.tracks("f.track_key")
        statement = query("unlabelled_tracks", and_selected=selected)
        after = -1
        while True:
            with self._database.read() as connection:
                page = {"after": after, "version": model_version, "page": PAGE}
                rows = connection.execute(statement, values | page).all()
            if not rows:
                return
            after = rows[-1].track_key
            columns = dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True))
            kinds = {name: pa.float64() for name in FEATURES} | {"track_id": pa.string(), "feature_source": pa.string()}
            yield pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})

    def count_unlabelled(self, model_version: str, selection: Selection = _EVERYTHING) -> int:
        """How many selected tracks have features and no label by ``model_version``."""
        selected, values = selection.tracks("f.track_key")
        with self._database.read() as connection:
            statement = query("count_unlabelled_tracks", and_selected=selected)
            return int(connection.scalar(statement, values | {"version": model_version}) or 0)

    def newest_features(self, limit: int) -> pa.Table:
        """The ten features of the ``limit`` tracks whose features were fetched last, as in ``unlabelled``."""
        import pyarrow as pa

        with self._database.read() as connection:
            rows = connection.execute(query("newest_features"), {"limit": limit}).all()
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(FEATURES)
        return pa.table({name: pa.array(column, pa.float64()) for name, column in zip(FEATURES, columns, strict=True)})

    def current_version(self) -> str | None:
        """The model version whose labels people see; None before the first label."""
        with self._database.read() as connection:
            return current_version(connection)

    def set_current(self, model_version: str) -> None:
        """Show the labels of ``model_version`` from now on, all at once."""
        from mood_core.store.loading.daily import recount_everything
        from mood_core.store.loading.totals import recount_stale

        with self._database.write() as connection:
            connection.execute(query("add_model"), {"id": model_version})
            connection.execute(query("hide_labels"))
            connection.execute(query("show_labels"), {"id": model_version})
            recount_everything(connection)
            recount_stale(connection)

    def agreement(self, old: str, new: str) -> dict[tuple[str, str], int]:
        """By (mood by ``old``, mood by ``new``): how many tracks that both versions have labelled."""
        with self._database.read() as connection:
            rows = connection.execute(query("label_agreement"), {"old": old, "new": new})
            return {(row[0], row[1]): row[2] for row in rows}

    def moved_most(self, old: str, new: str, limit: int) -> list[dict[str, Any]]:
        """The tracks whose probabilities differ most; ``distance`` is half the sum of the differences, 0 to 1."""
        with self._database.read() as connection:
            rows = connection.execute(
                query("labels_that_moved_most"), {"old": old, "new": new, "limit": limit}
            ).mappings()
            return [dict(row) for row in rows]

    def drop_old(self) -> list[tuple[str, int]]:
        """Remove the labels of every version but the current one; returns each version with its number of labels."""
        with self._database.write() as connection:
            dropped = [(row.model_version, row.labels) for row in connection.execute(query("old_labels"))]
            if connection.scalar(query("current_model")) is None:
                return []
            connection.execute(query("remove_old_labels"))
            connection.execute(query("remove_old_models"))
        return dropped


def current_version(connection: Connection) -> str | None:
    """The model version whose labels people see; None before the first label."""
    version: str | None = connection.scalar(query("current_version"))
    return version
