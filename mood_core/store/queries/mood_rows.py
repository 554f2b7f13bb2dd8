"""Moods in SQL: which tracks want a label by a model, and which model's labels people see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from mood_core.domain.records import FEATURES
from mood_core.store.engine.database import Database
from mood_core.store.queries.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

_EVERYTHING = Selection()

PAGE = 50_000
"""So many tracks :meth:`MoodRows.unlabelled` hands out at once."""

_UNLABELLED = """
    SELECT f.track_key, t.track_id, f.acousticness, f.danceability, f.energy, f.instrumentalness, f.liveness,
        f.loudness, f.speechiness, f.tempo, f.valence, s.source AS feature_source,
        coalesce(f.duration_ms, CASE WHEN t.duration_ms BETWEEN 1000 AND 86400000 THEN t.duration_ms END) AS duration_ms
    FROM audio_features AS f
    INNER JOIN tracks AS t ON t.track_key = f.track_key
    INNER JOIN sources AS s ON s.source_key = f.source_key
    WHERE f.track_key > :after AND NOT EXISTS (
        SELECT 1 FROM moods AS m INNER JOIN models AS c ON c.model_key = m.model_key
        WHERE m.track_key = f.track_key AND c.model_version = :version
    ) AND {selected}
    ORDER BY f.track_key LIMIT :page
"""


_NEWEST = """
    SELECT f.acousticness, f.danceability, f.energy, f.instrumentalness, f.liveness, f.loudness, f.speechiness, f.tempo,
        f.valence, coalesce(f.duration_ms, CASE WHEN t.duration_ms BETWEEN 1000 AND 86400000 THEN t.duration_ms END)
    FROM audio_features AS f
    INNER JOIN tracks AS t ON t.track_key = f.track_key
    ORDER BY f.fetched_at_ms DESC, f.track_key DESC LIMIT :limit
"""

_BOTH = """
    FROM moods AS a
    INNER JOIN models AS x ON x.model_key = a.model_key AND x.model_version = :old
    INNER JOIN models AS y ON y.model_version = :new
    INNER JOIN moods AS b ON b.model_key = y.model_key AND b.track_key = a.track_key
"""

_AGREEMENT = f"SELECT a.mood, b.mood, count(*) {_BOTH} GROUP BY a.mood, b.mood ORDER BY a.mood, b.mood"

_MOVED = f"""
    SELECT t.track_id, t.name AS track, t.artists, a.mood AS old_mood, b.mood AS new_mood,
        CAST((abs(a.p_calm - b.p_calm) + abs(a.p_energetic - b.p_energetic) + abs(a.p_happy - b.p_happy)
            + abs(a.p_sad - b.p_sad)) / 2 AS DOUBLE PRECISION) AS distance
    {_BOTH}
    INNER JOIN tracks AS t ON t.track_key = a.track_key
    ORDER BY distance DESC, t.track_id LIMIT :limit
"""

_OLD = """
    SELECT c.model_version, count(m.track_key) AS labels FROM models AS c
    LEFT JOIN moods AS m ON m.model_key = c.model_key
    WHERE c.is_current = 0 GROUP BY c.model_version ORDER BY c.model_version
"""


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
        query = text(_UNLABELLED.format(selected=selected))
        after = -1
        while True:
            with self._database.read() as connection:
                page = {"after": after, "version": model_version, "page": PAGE}
                rows = connection.execute(query, values | page).all()
            if not rows:
                return
            after = rows[-1].track_key
            columns = dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True))
            kinds = {name: pa.float64() for name in FEATURES} | {"track_id": pa.string(), "feature_source": pa.string()}
            yield pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})

    def count_unlabelled(self, model_version: str, selection: Selection = _EVERYTHING) -> int:
        """How many selected tracks have features and no label by ``model_version``."""
        selected, values = selection.tracks("f.track_key")
        query = text(
            "SELECT count(*) FROM audio_features AS f WHERE NOT EXISTS (SELECT 1 FROM moods AS m"  # noqa: S608
            " INNER JOIN models AS v ON v.model_key = m.model_key"
            f" WHERE m.track_key = f.track_key AND v.model_version = :version) AND {selected}"
        )
        with self._database.read() as connection:
            return int(connection.scalar(query, values | {"version": model_version}) or 0)

    def newest_features(self, limit: int) -> pa.Table:
        """The ten features of the ``limit`` tracks whose features were fetched last, as in ``unlabelled``."""
        import pyarrow as pa

        with self._database.read() as connection:
            rows = connection.execute(text(_NEWEST), {"limit": limit}).all()
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
            connection.execute(
                text("INSERT INTO models (model_version) VALUES (:v) ON CONFLICT (model_version) DO NOTHING"),
                {"v": model_version},
            )
            connection.execute(text("UPDATE models SET is_current = 0 WHERE is_current = 1"))
            connection.execute(text("UPDATE models SET is_current = 1 WHERE model_version = :v"), {"v": model_version})
            recount_everything(connection)
            recount_stale(connection)

    def agreement(self, old: str, new: str) -> dict[tuple[str, str], int]:
        """By (mood by ``old``, mood by ``new``): how many tracks that both versions have labelled."""
        with self._database.read() as connection:
            rows = connection.execute(text(_AGREEMENT), {"old": old, "new": new})
            return {(row[0], row[1]): row[2] for row in rows}

    def moved_most(self, old: str, new: str, limit: int) -> list[dict[str, Any]]:
        """The tracks whose probabilities differ most; ``distance`` is half the sum of the differences, 0 to 1."""
        with self._database.read() as connection:
            rows = connection.execute(text(_MOVED), {"old": old, "new": new, "limit": limit}).mappings()
            return [dict(row) for row in rows]

    def drop_old(self) -> list[tuple[str, int]]:
        """Remove the labels of every version but the current one; returns each version with its number of labels."""
        with self._database.write() as connection:
            rows = connection.execute(text(_OLD)).all()
            dropped = [(row.model_version, row.labels) for row in rows]
            old = "(SELECT model_key FROM models WHERE is_current = 0)"
            if connection.scalar(text("SELECT 1 FROM models WHERE is_current = 1")) is None:
                return []
            connection.execute(text(f"DELETE FROM moods WHERE model_key IN {old}"))  # noqa: S608
            connection.execute(text("DELETE FROM models WHERE is_current = 0"))
        return dropped


def current_version(connection: Connection) -> str | None:
    """The model version whose labels people see; None before the first label."""
    version: str | None = connection.scalar(text("SELECT model_version FROM models WHERE is_current = 1"))
    return version
