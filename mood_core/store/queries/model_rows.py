"""Model versions in SQL and the weights behind them."""

from __future__ import annotations

from mood_core.errors import ModelCardMismatch
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


class ModelRows:
    """The model versions whose labels are in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
