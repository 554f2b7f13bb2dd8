"""Models in SQL: which weights each model version stands for."""

from __future__ import annotations

from sqlalchemy import text

from mood_core.errors import ModelCardMismatch
from mood_core.store.engine.database import Database


class ModelRows:
    """The model versions whose labels are in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recognise(self, model_version: str, weights_sha256: str) -> None:
        """Remember what ``model_version`` stands for, or check it.

        Raises:
            ModelCardMismatch: The labels of this version came from other weights.
        """
        with self._database.write() as connection:
            connection.execute(
                text("INSERT INTO models (model_version) VALUES (:v) ON CONFLICT (model_version) DO NOTHING"),
                {"v": model_version},
            )
            connection.execute(
                text("UPDATE models SET weights_sha256 = :w WHERE model_version = :v AND weights_sha256 IS NULL"),
                {"v": model_version, "w": weights_sha256},
            )
            stored = connection.scalar(
                text("SELECT weights_sha256 FROM models WHERE model_version = :v"), {"v": model_version}
            )
        if stored != weights_sha256:
            raise ModelCardMismatch(
                f"this database has labels by another model that is also called {model_version}; train yours with "
                "another --name or --model-version"
            )
